//! The WGSL kernels of anygrad.
//!
//! The kernels live in `kernels/`, what they share in `shared/`. The build script links them,
//! validates each with naga, and reads bindings, `override` constants and the `Params` struct back
//! from the validated module, so that nothing of a shader is retyped in Rust.

use std::collections::HashMap;

/// A storage buffer that a kernel binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name in the shader.
    pub name: &'static str,
    /// Whether the kernel writes to it.
    pub writes: bool,
}

/// A linked and validated kernel.
///
/// Binding 0 of group 0 is the uniform `params`, then follow the storage buffers in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The name of the kernel.
    pub name: &'static str,
    /// WGSL without the hole.
    pub source: &'static str,
    /// Where fusion puts its code: `"epilogue"`, `"value"`, or `""` for a kernel without a hole.
    pub hole: &'static str,
    /// The storage buffers, in binding order from 1.
    pub bindings: &'static [Binding],
    /// The names of the `override` constants.
    pub overrides: &'static [&'static str],
    /// Whether the kernel needs subgroup operations.
    pub subgroups: bool,
    /// Invocations of a workgroup; 0 where the override `GROUP` says how many.
    pub invocations: u32,
    /// The constants of this variant, such as the sizes of its tile.
    pub constants: &'static [(&'static str, u32)],
}

impl Kernel {
    /// The shader with `hole` filled in, or with the hole's default, without functions that are not
    /// called.
    pub fn shader(&self, hole: Option<&str>) -> String {
        let default =
            if self.hole.is_empty() { "" } else { module(&format!("hole_{}", self.hole)).unwrap_or("") };
        called(&format!("{}{}", self.source, hole.unwrap_or(default)))
    }

    /// A constant of this variant; 0 when it has none of that name.
    pub fn constant(&self, name: &str) -> u32 {
        self.constants.iter().find(|(n, _)| *n == name).map_or(0, |(_, value)| *value)
    }
}

/// A shader without the functions that `main` does not reach. A kernel with a hole is linked with all
/// functions that fusion may call, and drivers would read them again for every pipeline.
fn called(text: &str) -> String {
    let parts = parts(text);
    let function_of_name: HashMap<&str, usize> =
        parts.iter().enumerate().filter_map(|(i, part)| Some((part.function?, i))).collect();
    let mut is_kept: Vec<bool> = parts.iter().map(|part| part.function.is_none_or(|f| f == "main")).collect();
    let mut left: Vec<usize> = (0..parts.len()).filter(|&i| is_kept[i]).collect();
    while let Some(part) = left.pop() {
        for word in parts[part].text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if let Some(&function) = function_of_name.get(word)
                && !is_kept[function]
            {
                is_kept[function] = true;
                left.push(function);
            }
        }
    }
    parts.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(part, _)| part.text).collect()
}

/// A function, or a line of something else.
struct Part<'a> {
    function: Option<&'a str>,
    text: &'a str,
}

/// Cuts a shader into functions, which begin at the start of a line, and other lines.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let function = rest.strip_prefix("fn ").and_then(|rest| rest.split('(').next()).map(str::trim);
        let end = match function {
            Some(_) => block_end(rest).max(line),
            None => line,
        };
        parts.push(Part { function, text: &rest[..end] });
        rest = &rest[end..];
    }
    parts
}

/// Where the line ends with which the first block of braces closes.
fn block_end(text: &str) -> usize {
    let mut depth = 0;
    let close = text.char_indices().find_map(|(i, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        (c == '}' && depth == 0).then_some(i)
    });
    let close = close.unwrap_or(text.len());
    text[close..].find('\n').map_or(text.len(), |end| close + end + 1)
}

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_nothing_calls_are_left_out() {
        let text = "alias T = f32;\nfn a(x: T) -> T { return b(x); }\nfn b(x: T) -> T {\n    if x > 0.0 {\n        \
                    return x;\n    }\n    return T(1.0);\n}\nfn c(x: T) -> T { return a(x); }\n@compute\nfn main(\n    \
                    @builtin(workgroup_id) group: vec3<u32>,\n) {\n    y[0] = a(1.0);\n}\nfn d() {}";
        let kept = called(text);
        assert!(kept.contains("fn a(") && kept.contains("return T(1.0);\n}\n@compute\nfn main("), "{kept}");
        assert!(!kept.contains("fn c(") && !kept.contains("fn d("), "{kept}");
        assert_eq!(called(&kept), kept);
    }

    #[test]
    fn kernels_keep_the_functions_of_their_hole() {
        let shader = POINTWISE.shader(Some(
            "alias Y = T;\nfn prepare() {}\nfn value(i: u32) -> Y {\n    return tanh_of(T(1.0));\n}",
        ));
        assert!(shader.contains("fn tanh_accurate(") && !shader.contains("fn erf_accurate("));
        assert!(shader.len() < POINTWISE.source.len() / 4);
    }
}
