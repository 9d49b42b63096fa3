//! The code that fusion puts into a kernel's hole: loads and calls by name, never arithmetic.

use std::fmt::Write;

use anygrad_graph::Layout;
use anygrad_graph::core::{Array, DType, Shape};

use crate::body::{Body, Instruction, Load};
use crate::lower::StorageId;

/// The code of a hole and the storages it binds, in binding order.
pub(crate) struct Hole {
    pub(crate) code: String,
    pub(crate) storages: Vec<StorageId>,
    /// For each of them the layout of its load, if it shows a range that moves with the results.
    pub(crate) cuts: Vec<Option<Layout>>,
}

/// Which hole is filled.
pub(crate) enum Kind {
    /// `prepare()` and `value(i)` of a pointwise kernel, which computes the `whole` result or a range of it.
    Value { whole: bool },
    /// `epilogue(value, i)`.
    Epilogue,
}

/// Writes a hole whose result has this dtype. `lanes` is how many elements one T holds; bindings begin at `first_binding`. A
/// load of a storage that lives in `own` is read from the kernel's own output, called `y`; one that is
/// `cut` from a binding that begins where the results begin.
#[allow(clippy::too_many_arguments, reason = "all of them are one thing each")]
pub(crate) fn hole(
    body: &Body,
    kind: &Kind,
    dtype: DType,
    lanes: usize,
    first_binding: usize,
    home: &[StorageId],
    own: StorageId,
    cut: &dyn Fn(&Load) -> bool,
) -> Hole {
    let mut hole = Hole { code: String::new(), storages: Vec::new(), cuts: Vec::new() };
    let mut views: Vec<(StorageId, bool, Option<Layout>)> = Vec::new();
    // The element of a range, counted from where the range begins.
    let here = if matches!(kind, Kind::Value { whole: false }) { "j" } else { "i" };
    let mut lines = String::new();
    // What is the same for all results is loaded once for those that one invocation computes.
    let mut once = String::new();
    let hoists = matches!(kind, Kind::Value { .. });
    for (number, instruction) in body.instructions.iter().enumerate() {
        let expression = match instruction {
            Instruction::Value => "value".to_owned(),
            Instruction::Constant(value, dtype) => literal(*value, *dtype),
            Instruction::Call(call, arguments) => {
                let arguments = arguments.iter().map(|a| format!("v{a}"));
                let constants = call.constants.iter().map(|&c| literal(c, DType::F32));
                let list: Vec<String> = arguments.chain(constants).collect();
                format!("{}({})", call.function, list.join(", "))
            }
            Instruction::Load(load) => {
                let load = &body.loads[*load];
                let access = Access::of(load, lanes);
                if home[load.storage] == own {
                    own_element(load.layout.meta.dtype, "y", here)
                } else {
                    let is_cut = cut(load);
                    let view = (home[load.storage], access.is_vector(), is_cut.then_some(load.layout));
                    let place = views.iter().position(|known| *known == view).unwrap_or_else(|| {
                        views.push(view);
                        let dtype = load.layout.meta.dtype;
                        let element = if view.1 { group(dtype) } else { dtype.wgsl().to_owned() };
                        let n = views.len() - 1;
                        let _ = writeln!(
                            hole.code,
                            "@group(0) @binding({}) var<storage, read> e{n}: array<{element}>;",
                            first_binding + n
                        );
                        hole.storages.push(view.0);
                        hole.cuts.push(view.2);
                        n
                    });
                    if is_cut {
                        own_element(load.layout.meta.dtype, &format!("e{place}"), here)
                    } else if hoists && matches!(access, Access::Same) {
                        let ty = alias(load.layout.meta.dtype);
                        let _ = writeln!(hole.code, "var<private> same{number}: {ty};");
                        let value = access.read(&format!("e{place}"), load, lanes);
                        let _ = writeln!(once, "    same{number} = {value};");
                        format!("same{number}")
                    } else {
                        access.read(&format!("e{place}"), load, lanes)
                    }
                }
            }
        };
        let _ = writeln!(lines, "    let v{number} = {expression};");
    }
    let stored = if dtype.is_half() { group(dtype) } else { alias(dtype).to_owned() };
    let head = match kind {
        Kind::Value { whole: true } => "fn value(i: u32) -> Y {",
        Kind::Value { whole: false } => "fn value(j: u32) -> Y {\n    let i = j + params.first;",
        Kind::Epilogue => "fn epilogue(value: T, i: u32) -> Y {",
    };
    let result = body.result;
    let result = if dtype.is_half() { format!("words_of(v{result})") } else { format!("v{result}") };
    let _ = writeln!(hole.code, "alias Y = {stored};\n{head}\n{lines}    return {result};\n}}");
    if hoists {
        let _ = writeln!(hole.code, "fn prepare() {{\n{once}}}");
    }
    hole
}

/// The element of a buffer that stands beside the result.
fn own_element(dtype: DType, buffer: &str, i: &str) -> String {
    if dtype.is_half() { format!("halves_of({buffer}[{i}])") } else { format!("{buffer}[{i}]") }
}

/// Four elements as they stand in a buffer.
fn group(dtype: DType) -> String {
    if dtype.is_half() { "vec2<u32>".into() } else { format!("vec4<{}>", dtype.wgsl()) }
}

/// What a dtype is called where `T` may be four elements. 16-bit floats are their bits until a
/// function converts them.
fn alias(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "T",
        DType::I32 => "I",
        DType::U32 | DType::Bool | DType::F16 | DType::BF16 => "U",
    }
}

fn literal(value: f64, dtype: DType) -> String {
    match dtype {
        DType::I32 => format!("I({value})"),
        DType::U32 | DType::Bool => format!("U({value}u)"),
        DType::F16 | DType::BF16 => {
            let half = Array::from_f64(Shape::SCALAR, dtype, &[value]);
            format!("U({:#x}u)", half.bytes().iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte)))
        }
        _ if (value as f32).is_finite() => format!("T({:?}f)", value as f32),
        // WGSL refuses expressions that are known to be infinite: this one is not known to be.
        _ => format!("T(bitcast<f32>((i & 0u) | {:#x}u))", (value as f32).to_bits()),
    }
}

/// How a load finds its elements for result `i`.
enum Access {
    /// The same element always.
    Same,
    /// Four neighbours at once: strides and offset are multiples of four but for the innermost 1.
    Vector(Vec<(usize, isize)>, usize),
    /// One element for all four: the innermost axis is broadcast and a multiple of four long.
    Splat(Vec<(usize, isize)>),
    /// Each element for itself.
    Single(Vec<(usize, isize)>),
}

impl Access {
    fn of(load: &Load, lanes: usize) -> Self {
        let layout = &load.layout;
        if layout.is_uniform() {
            return Access::Same;
        }
        let axes = layout.merged();
        if lanes == 1 {
            return Access::Single(axes);
        }
        let quarter = |axes: &[(usize, isize)]| {
            let mut axes = axes.to_vec();
            if let Some((inner, outer)) = axes.split_last_mut() {
                inner.0 /= 4;
                outer.iter_mut().for_each(|(_, stride)| *stride /= 4);
            }
            axes
        };
        let fours = |x: usize| x.is_multiple_of(4);
        let outer_fours = axes.iter().rev().skip(1).all(|(_, stride)| fours(stride.unsigned_abs()));
        match axes.last() {
            // A row-major value may end within a group of four: buffers are padded to whole groups.
            Some(&(_, 1)) if axes.len() == 1 && fours(layout.offset) => {
                Access::Vector(axes, layout.offset / 4)
            }
            Some(&(size, 1)) if fours(size) && outer_fours && fours(layout.offset) => {
                Access::Vector(quarter(&axes), layout.offset / 4)
            }
            Some(&(size, 0)) if fours(size) => {
                let mut axes = axes;
                if let Some(inner) = axes.last_mut() {
                    inner.0 /= 4;
                }
                Access::Splat(axes)
            }
            _ => Access::Single(axes),
        }
    }

    /// Whether the buffer is seen as groups of four.
    fn is_vector(&self) -> bool {
        matches!(self, Access::Vector(..))
    }

    fn read(&self, buffer: &str, load: &Load, lanes: usize) -> String {
        let offset = load.layout.offset;
        let alias = alias(load.layout.meta.dtype);
        let half = load.layout.meta.dtype.is_half();
        let element = |at: String| match half {
            true => format!("half_at({buffer}[({at}) / 2u], {at})"),
            false => format!("{buffer}[{at}]"),
        };
        match self {
            Access::Same => format!("{alias}({})", element(format!("{offset}u"))),
            Access::Vector(axes, offset) if half => {
                format!("halves_of({buffer}[{}])", position(axes, *offset, "i"))
            }
            Access::Vector(axes, offset) => format!("{buffer}[{}]", position(axes, *offset, "i")),
            Access::Splat(axes) => format!("{alias}({})", element(position(axes, offset, "i"))),
            Access::Single(axes) if lanes == 1 => element(position(axes, offset, "i")),
            Access::Single(axes) => {
                let elements: Vec<String> = (0..lanes)
                    .map(|lane| element(position(axes, offset, &format!("(i * {lanes}u + {lane}u)"))))
                    .collect();
                format!("{alias}({})", elements.join(", "))
            }
        }
    }
}

/// The position of element `i`: the axes, innermost last, are those of [`Layout::merged`].
///
/// [`Layout::merged`]: anygrad_graph::Layout::merged
fn position(axes: &[(usize, isize)], offset: usize, i: &str) -> String {
    let mut terms = Vec::new();
    let mut inner = 1;
    for (axis, &(size, stride)) in axes.iter().enumerate().rev() {
        if stride != 0 {
            let mut index = if inner == 1 { i.to_owned() } else { format!("{i} / {inner}u") };
            if axis > 0 {
                index = format!("({index}) % {size}u");
            }
            let sign = if stride < 0 { "-" } else { "+" };
            terms.push(format!(" {sign} ({index}) * {}u", stride.unsigned_abs()));
        }
        inner *= size;
    }
    format!("{offset}u{}", terms.concat())
}
