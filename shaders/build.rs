//! Links, validates and reflects the kernels.
//!
//! Every file in `kernels/` becomes one or more kernels. Its header may hold
//!
//! ```text
//! // use: index, reduce            modules of `shared/` that are linked in
//! // hole: epilogue                where fusion puts its code, `shared/hole_epilogue.wgsl` by default;
//! //                               the pointwise functions are linked with it
//! // variant NAME: use vec4; ROWS = 32u, COLUMNS = 8u
//! ```
//!
//! A variant adds modules and constants; a file without variants is one kernel of the file's name.
//! `unroll for (var i = 0u; i < N; i++) { ... }` is written out N times with `i` replaced by its
//! value: a private array that is indexed by constants stays in registers, while WebGPU's bounds
//! checks and loop guards make the same loop up to eight times slower.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use naga::valid::{Capabilities, ValidationFlags, Validator};

type Result<T> = std::result::Result<T, String>;

fn main() {
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-changed=shared");
    println!("cargo::rerun-if-changed=build.rs");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("kernels.rs");
    match link_all() {
        Ok(code) => fs::write(out, code).expect("OUT_DIR can be written"),
        Err(message) => panic!("\n{message}\n"),
    }
}

fn link_all() -> Result<String> {
    let shared = read_folder("shared")?;
    let mut kernels = String::new();
    let mut params = String::new();
    let mut names = Vec::new();
    for (file, text) in read_folder("kernels")? {
        let header = Header::parse(&file, &text)?;
        let mut params_of_file: Option<String> = None;
        for variant in &header.variants {
            let linked =
                link(&text, &header, variant, &shared).map_err(|e| format!("kernels/{file}.wgsl: {e}"))?;
            let kernel = reflect(&linked, &header, variant, &shared)
                .map_err(|e| format!("kernels/{file}.wgsl, kernel {}: {e}", variant.name))?;
            if params_of_file.as_ref().is_some_and(|other| *other != kernel.params) {
                return Err(format!("kernels/{file}.wgsl: its variants differ in Params"));
            }
            params_of_file = Some(kernel.params);
            kernels += &kernel.table_entry;
            names.push(variant.name.to_uppercase());
        }
        params += &params_of_file.unwrap_or_default();
    }
    let code = format!(
        "{params}\n{kernels}\n/// Every kernel.\npub static KERNELS: &[&Kernel] = &[{}];\n\n{}",
        names.iter().map(|n| format!("&{n}")).collect::<Vec<_>>().join(", "),
        modules_fn(&shared)
    );
    let hash = fnv(code.as_bytes());
    Ok(format!(
        "{code}\n/// A hash of all kernels: what was measured with others does not hold for these.\n\
         pub const HASH: u64 = {hash:#018x};\n"
    ))
}

/// FNV-1a, which is the same on every machine.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// The shared modules as a function, so that generated code can be linked with the same text.
fn modules_fn(shared: &BTreeMap<String, String>) -> String {
    let mut code = String::from(
        "/// The text of a module of `shared/`, unrolled.\npub fn module(name: &str) -> Option<&'static str> {\n    match name {\n",
    );
    for (name, text) in shared {
        // A module whose loops run to a constant of the kernel is part of kernels only.
        if let Ok(text) = unroll(text, "") {
            let _ = writeln!(code, "        {name:?} => Some({text:?}),");
        }
    }
    code + "        _ => None,\n    }\n}\n"
}

fn read_folder(folder: &str) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{folder}: {e}"))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{folder}: {e}"))?.path();
        if path.extension().is_some_and(|e| e == "wgsl") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?);
        }
    }
    Ok(files)
}

struct Header {
    file: String,
    uses: Vec<String>,
    hole: Option<String>,
    variants: Vec<Variant>,
    doc: String,
}

struct Variant {
    name: String,
    uses: Vec<String>,
    constants: Vec<(String, String)>,
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|s| s.trim().to_string()).filter(|s| !s.is_empty()).collect()
}

impl Header {
    fn parse(file: &str, text: &str) -> Result<Self> {
        let mut header = Header {
            file: file.into(),
            uses: Vec::new(),
            hole: None,
            variants: Vec::new(),
            doc: String::new(),
        };
        for line in text.lines().take_while(|line| line.starts_with("//")) {
            let line = line.trim_start_matches('/').trim();
            if let Some(rest) = line.strip_prefix("use: ") {
                header.uses.extend(list(rest));
            } else if let Some(rest) = line.strip_prefix("hole: ") {
                header.hole = Some(rest.trim().into());
            } else if let Some(rest) = line.strip_prefix("variant ") {
                header.variants.push(Variant::parse(rest).map_err(|e| format!("kernels/{file}.wgsl: {e}"))?);
            } else {
                let _ = writeln!(header.doc, "/// {line}");
            }
        }
        if header.variants.is_empty() {
            header.variants.push(Variant { name: file.into(), uses: Vec::new(), constants: Vec::new() });
        }
        Ok(header)
    }
}

impl Variant {
    fn parse(line: &str) -> Result<Self> {
        let (name, rest) = line.split_once(':').ok_or_else(|| format!("variant without ':' in {line:?}"))?;
        let mut variant = Variant { name: name.trim().into(), uses: Vec::new(), constants: Vec::new() };
        for part in rest.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            if let Some(uses) = part.strip_prefix("use ") {
                variant.uses.extend(list(uses));
            } else {
                for constant in list(part) {
                    let (key, value) =
                        constant.split_once('=').ok_or_else(|| format!("no '=' in {constant:?}"))?;
                    variant.constants.push((key.trim().into(), value.trim().into()));
                }
            }
        }
        Ok(variant)
    }
}

/// The text of a kernel without its hole.
fn link(text: &str, header: &Header, variant: &Variant, shared: &BTreeMap<String, String>) -> Result<String> {
    let mut body = String::new();
    for (name, value) in &variant.constants {
        let _ = writeln!(body, "const {name} = {value};");
    }
    let mut linked: Vec<&str> = Vec::new();
    let mut wanted: Vec<&str> = header.uses.iter().chain(&variant.uses).map(String::as_str).collect();
    if header.hole.is_some() {
        // What fusion writes into a hole calls these.
        wanted.extend(["pointwise", "tanh", "erf"]);
    }
    while let Some(name) = wanted.pop() {
        if linked.contains(&name) {
            continue;
        }
        let module = shared.get(name).ok_or_else(|| format!("no module shared/{name}.wgsl"))?;
        linked.push(name);
        body += module;
        // A module may need another one.
        for line in module.lines().filter_map(|l| l.strip_prefix("// use: ")) {
            wanted.extend(
                line.split(',')
                    .map(str::trim)
                    .map(|n| shared.get_key_value(n).map_or("", |(key, _)| key.as_str())),
            );
        }
    }
    body += text;
    let enables: String =
        body.lines().filter(|l| l.starts_with("enable ")).map(|l| format!("{l}\n")).collect();
    let rest: Vec<&str> = body
        .lines()
        .filter(|l| !l.starts_with("enable ") && !l.trim_start().starts_with("//") && !l.trim().is_empty())
        .collect();
    unroll(&(enables + &rest.join("\n") + "\n"), "")
}

/// Writes out every `unroll for`. `prefix` is text whose constants are visible too.
fn unroll(text: &str, prefix: &str) -> Result<String> {
    const KEYWORD: &str = "unroll for (var ";
    let Some(start) = text.find(KEYWORD) else { return Ok(text.into()) };
    let open = start + text[start..].find('{').ok_or("unroll without a block")?;
    let head = &text[start + KEYWORD.len()..open];
    let (name, rest) = head.split_once('=').ok_or_else(|| format!("bad unroll: {head}"))?;
    let name = name.trim();
    let parts: Vec<&str> = rest.split(';').map(str::trim).collect();
    let [from, condition, _] = parts[..] else { return Err(format!("bad unroll: {head}")) };
    let to = condition.strip_prefix(name).map(str::trim).and_then(|c| c.strip_prefix('<'));
    let to = to.ok_or_else(|| format!("unroll wants `{name} < N`: {head}"))?;
    let visible = format!("{prefix}{text}");
    let (from, to) = (evaluate(from, &visible)?, evaluate(to, &visible)?);
    let mut depth = 0;
    let close = text[open..]
        .char_indices()
        .find_map(|(i, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            (depth == 0).then_some(open + i)
        })
        .ok_or("unroll block does not end")?;
    let mut result = text[..start].to_string();
    for value in from..to {
        let _ = write!(result, "{}", replace_word(&text[open..=close], name, &format!("{value}u")));
        result.push('\n');
    }
    result += &text[close + 1..];
    unroll(&result, prefix)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn replace_word(text: &str, word: &str, with: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let before = rest[..at].chars().next_back().or(result.chars().next_back().filter(|_| at == 0));
        let after = rest[at + word.len()..].chars().next();
        let whole = !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word);
        result += &rest[..at];
        result += if whole { with } else { word };
        rest = &rest[at + word.len()..];
    }
    result + rest
}

/// A literal, a constant of the text, or products, quotients and sums of them, left to right.
fn evaluate(expression: &str, text: &str) -> Result<u32> {
    let mut total: Option<u32> = None;
    let mut operator = '+';
    for token in expression.replace('*', " * ").replace('/', " / ").replace('+', " + ").split_whitespace() {
        match token {
            "*" | "/" | "+" => operator = token.chars().next().unwrap_or('+'),
            _ => {
                let value = match token.trim_end_matches('u').parse::<u32>() {
                    Ok(value) => value,
                    Err(_) => {
                        let at = text
                            .find(&format!("const {token} = "))
                            .ok_or_else(|| format!("no constant {token}"))?;
                        let rest = &text[at + token.len() + 9..];
                        evaluate(rest.split(';').next().unwrap_or(""), text)?
                    }
                };
                total = Some(match (total, operator) {
                    (None, _) => value,
                    (Some(t), '*') => t * value,
                    (Some(t), '/') => t / value,
                    (Some(t), _) => t + value,
                });
            }
        }
    }
    total.ok_or_else(|| format!("empty bound {expression:?}"))
}

struct Reflected {
    params: String,
    table_entry: String,
}

fn reflect(
    linked: &str,
    header: &Header,
    variant: &Variant,
    shared: &BTreeMap<String, String>,
) -> Result<Reflected> {
    let hole = match &header.hole {
        Some(hole) => {
            shared.get(&format!("hole_{hole}")).ok_or_else(|| format!("no shared/hole_{hole}.wgsl"))?
        }
        None => "",
    };
    let whole = format!("{linked}{hole}");
    let module = naga::front::wgsl::parse_str(&whole).map_err(|e| e.emit_to_string(&whole))?;
    Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(&whole))?;
    let [entry] = &module.entry_points[..] else { return Err("wants exactly one entry point".into()) };
    if entry.name != "main" {
        return Err("the entry point is called main".into());
    }
    // Bindings of the hole itself come after the kernel's own and are not counted here.
    let own = naga::front::wgsl::parse_str(linked).unwrap_or_else(|_| module.clone());
    let mut bindings = Vec::new();
    let mut params = String::new();
    for (_, global) in own.global_variables.iter() {
        let Some(binding) = &global.binding else { continue };
        let name = global.name.clone().unwrap_or_default();
        match global.space {
            naga::AddressSpace::Uniform if binding.binding == 0 => {
                params = params_struct(&own, global.ty, &header.file)?;
            }
            naga::AddressSpace::Storage { access } => {
                bindings.push((binding.binding, name, access.contains(naga::StorageAccess::STORE)));
            }
            space => return Err(format!("{name}: {space:?} is not params at binding 0 or a storage buffer")),
        }
    }
    bindings.sort();
    if params.is_empty() {
        return Err("no uniform `params` at binding 0".into());
    }
    for (i, (binding, name, _)) in bindings.iter().enumerate() {
        if *binding as usize != i + 1 {
            return Err(format!(
                "{name} stands at binding {binding}; storage buffers count from 1 without gaps"
            ));
        }
    }
    let overrides: Vec<String> = module.overrides.iter().filter_map(|(_, o)| o.name.clone()).collect();
    let binding_list: Vec<String> = bindings
        .iter()
        .map(|(_, name, writes)| format!("Binding {{ name: {name:?}, writes: {writes} }}"))
        .collect();
    let invocations = match entry.workgroup_size_overrides {
        None => entry.workgroup_size.iter().product(),
        Some(_) => 0u32,
    };
    // The header as it stands: its shapes in brackets are no links.
    let table_entry = format!(
        "/// ```text\n{}/// ```\npub static {}: Kernel = Kernel {{ name: {:?}, source: {linked:?}, hole: {:?}, bindings: &[{}], overrides: &{overrides:?}, subgroups: {}, invocations: {invocations}, constants: &{:?} }};\n\n",
        header.doc,
        variant.name.to_uppercase(),
        variant.name,
        header.hole.as_deref().unwrap_or(""),
        binding_list.join(", "),
        linked.contains("subgroup"),
        variant
            .constants
            .iter()
            .map(|(k, v)| (k.as_str(), v.trim_end_matches('u').parse::<u32>().unwrap_or(0)))
            .collect::<Vec<_>>(),
    );
    Ok(Reflected { params, table_entry })
}

/// `Params` of a kernel as a Rust struct whose bytes are those of the uniform buffer.
fn params_struct(module: &naga::Module, ty: naga::Handle<naga::Type>, file: &str) -> Result<String> {
    let naga::TypeInner::Struct { members, span } = &module.types[ty].inner else {
        return Err("params is not a struct".into());
    };
    let camel: String = file.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
    let mut fields = String::new();
    let mut writes = String::new();
    for member in members {
        let name = member.name.clone().unwrap_or_default();
        let (rust, words) = match module.types[member.ty].inner {
            naga::TypeInner::Scalar(s) => (scalar(s)?.to_string(), 1),
            naga::TypeInner::Vector { size, scalar: s } => {
                (format!("[{}; {}]", scalar(s)?, size as u32), size as usize)
            }
            ref other => return Err(format!("Params.{name}: {other:?} is not a scalar or vector")),
        };
        let _ = writeln!(fields, "    #[allow(missing_docs)]\n    pub {name}: {rust},");
        for word in 0..words {
            let at = member.offset as usize + 4 * word;
            let value = if words == 1 { format!("self.{name}") } else { format!("self.{name}[{word}]") };
            let _ =
                writeln!(writes, "        bytes[{at}..{}].copy_from_slice(&{value}.to_le_bytes());", at + 4);
        }
    }
    Ok(format!(
        "/// Parameters of `{file}.wgsl`.\n#[derive(Clone, Copy, Debug, Default, PartialEq)]\npub struct {camel}Params {{\n{fields}}}\n\nimpl {camel}Params {{\n    /// The bytes of the uniform buffer.\n    pub fn bytes(&self) -> Vec<u8> {{\n        let mut bytes = vec![0; {span}];\n{writes}        bytes\n    }}\n}}\n\n"
    ))
}

fn scalar(scalar: naga::Scalar) -> Result<&'static str> {
    match scalar.kind {
        naga::ScalarKind::Uint => Ok("u32"),
        naga::ScalarKind::Sint => Ok("i32"),
        naga::ScalarKind::Float => Ok("f32"),
        other => Err(format!("{other:?} in Params")),
    }
}
