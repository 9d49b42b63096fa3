use std::fmt::{self, Debug, Write as _};

use anygrad_core::{Caps, Result};
use anygrad_shaders::Kernel;

use crate::{Attributes, Layout, Meta, Tensor, Tolerance, Values};

/// An operator: the one place that knows its shapes, its mathematics and its kernel.
///
/// Everything else follows from these rules: the interpreter runs `reference`, automatic
/// differentiation calls `gradient`, the planner asks for `lower` and never for a name.
pub trait Op: Debug + Send + Sync {
    /// The name in plans and errors.
    fn name(&self) -> &'static str;

    /// What it is set to, beside what the shapes of its operands tell: with the name, all that another language
    /// needs to say the same.
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    /// Shapes and dtypes of the outputs.
    ///
    /// # Errors
    /// The inputs do not fit; the message carries their shapes.
    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>>;

    /// The outputs in plain loops, sums in double precision. `y` has the inferred shapes and holds
    /// zeros.
    fn reference(&self, x: &[&Values], y: &mut [Values]);

    /// The gradients with respect to the inputs, as more graph: one entry per input, `None` where
    /// no gradient flows.
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g>;

    /// How it runs on a device with these capabilities.
    ///
    /// # Errors
    /// The adapter's limits do not allow it; the message carries the numbers.
    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering>;

    /// All ways worth measuring in which it runs, equally right, `lower`'s first: the tuner times them on
    /// the adapter at hand. Few: a driver may take a second to compile one.
    ///
    /// # Errors
    /// As [`Op::lower`].
    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Ok(vec![self.lower(x, y, caps)?])
    }

    /// Additions and multiplications, roughly: what a plan's cost counts. One for each element unless told
    /// otherwise.
    fn operations(&self, x: &[Meta], y: &[Meta]) -> f64 {
        x.iter().chain(y).map(|meta| meta.shape.elements()).max().unwrap_or(0) as f64
    }

    /// How far the results of one of its ways may be from the truth, of operands up to about 1.
    fn tolerance(&self, _x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::ROUNDING
    }

    /// Whether `lower` can read this input where it stands; the planner copies it otherwise.
    /// Most kernels want it row-major from the start of a buffer.
    fn accepts(&self, _input: usize, layout: &Layout) -> bool {
        layout.is_contiguous()
    }

    /// How its inputs must stand for `lower`, and how its outputs will: as they are where it accepts that,
    /// and row-major. The planner copies what stands in another way. What comes out, given again, must
    /// stay as it is.
    fn arrange(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Arrangement {
        Arrangement::accepted(x, y, |i, layout| self.accepts(i, layout))
    }

    /// The rows that it works on one by one, where it can be given a part of them: the planner cuts
    /// operands there that are larger than one binding of the adapter shows. Lowered for fewer rows
    /// it must do the same with each.
    fn rows(&self, _x: &[Layout], _y: &[Meta]) -> Option<Rows> {
        None
    }

    /// Whether it takes 16-bit floats as they stand, because it computes nothing with them. To other
    /// operators the graph gives them as `f32`, and rounds what comes out: see [`crate::ops`].
    fn takes_halves(&self) -> bool {
        false
    }

    /// Whether `lower` can read these inputs, of which some are 16-bit floats where the operator was
    /// given them as `f32`, and compute what it would with those.
    fn reads_halves(&self, _x: &[Layout], _y: &[Meta]) -> bool {
        false
    }

    /// Outputs that are written over an input: `(output, input)`. The input is dead afterwards.
    fn in_place(&self) -> &[(usize, usize)] {
        &[]
    }

    /// How many inputs, the first ones, go with the outputs element by element: element i of each output
    /// follows from element i of those, all of them of one meta, and from the other inputs, which are the
    /// same for all elements. The planner may then run several steps as one over all their elements.
    fn elementwise_inputs(&self) -> Option<usize> {
        None
    }
}

/// How the operands of an operator stand in their buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The inputs, as they are given to [`Op::lower`].
    pub inputs: Vec<Layout>,
    /// The outputs: each dense from the start of a buffer of its own. Those of a view do not count.
    pub outputs: Vec<Layout>,
}

impl Arrangement {
    /// Inputs as they are where they are accepted; all others, and the outputs, row-major.
    pub fn accepted(x: &[Layout], y: &[Meta], accepts: impl Fn(usize, &Layout) -> bool) -> Self {
        let inputs = x
            .iter()
            .enumerate()
            .map(|(i, layout)| if accepts(i, layout) { *layout } else { Layout::contiguous(layout.meta) });
        Arrangement { inputs: inputs.collect(), ..Arrangement::row_major(x, y) }
    }

    /// All of them row-major from the start.
    pub fn row_major(x: &[Layout], y: &[Meta]) -> Self {
        Arrangement {
            inputs: x.iter().map(|layout| Layout::contiguous(layout.meta)).collect(),
            outputs: y.iter().map(|meta| Layout::contiguous(*meta)).collect(),
        }
    }
}

/// One gradient per input; `None` where none flows.
pub type Grads<'g> = Vec<Option<Tensor<'g>>>;

/// Where a gradient is taken: the inputs, the outputs and the gradients that arrive at them.
pub struct At<'g, 'a> {
    /// The inputs.
    pub x: &'a [Tensor<'g>],
    /// The outputs.
    pub y: &'a [Tensor<'g>],
    /// The gradient of the loss with respect to each output; `None` where the loss does not
    /// depend on it. At least one is present.
    pub dys: &'a [Option<Tensor<'g>>],
    /// Which inputs a gradient is wanted for; others may be left out to save work.
    pub wanted: &'a [bool],
}

impl<'g> At<'g, '_> {
    /// The gradient that arrives at the first output; zeros where none does.
    pub fn dy(&self) -> Tensor<'g> {
        self.dys[0].unwrap_or_else(|| self.y[0].zeros_like())
    }
}

/// The first axis of some operands as rows that an operator works on one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// How many there are.
    pub count: usize,
    /// Which inputs have them; the others are read for every row.
    pub inputs: Vec<bool>,
    /// Which outputs have them.
    pub outputs: Vec<bool>,
}

impl Rows {
    /// The first axis of `y`, which these inputs share; none where there is no such axis.
    pub fn first_axis(y: &Meta, inputs: &[bool]) -> Option<Self> {
        let count = *y.shape.first()?;
        Some(Rows { count, inputs: inputs.to_vec(), outputs: vec![true] })
    }
}

/// An operator with its settings and the layouts of its operands, as text: what a choice among its
/// [`Op::alternatives`] is remembered under. Of where operands begin it tells only how far from a group
/// of four elements that is.
pub fn signature(op: &dyn Op, x: &[Layout], y: &[Meta]) -> String {
    let mut text = format!("{} {op:?}", op.name());
    for layout in x {
        // Writing to a string cannot fail.
        let _ = write!(text, " {}", layout.meta);
        if !layout.is_dense() {
            let _ = write!(text, "/{:?}", layout.strides());
        }
        if !layout.offset.is_multiple_of(4) {
            let _ = write!(text, "+{}", layout.offset % 4);
        }
    }
    let results = y.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("{text} -> {results}")
}

/// How an operator runs on a device.
#[derive(Clone, Debug)]
pub enum Lowering {
    /// No work: the output is the first input's memory under another layout.
    View(Layout),
    /// One call of a WGSL function per element. All inputs have the shape of the output.
    Pointwise(Call),
    /// One dispatch or several.
    Kernels(Kernels),
}

impl Lowering {
    /// The first name among its kernels and functions for which `is` holds.
    pub fn uses(&self, is: impl Fn(&str) -> bool) -> Option<&str> {
        match self {
            Lowering::View(_) => None,
            Lowering::Pointwise(call) => Some(call.function.as_str()).filter(|name| is(name)),
            Lowering::Kernels(kernels) => {
                kernels.dispatches.iter().map(|dispatch| dispatch.kernel.name).find(|name| is(name))
            }
        }
    }
}

impl Lowering {
    /// What tells this way from the operator's others: kernels, overrides other than 0, and workgroups,
    /// as in `matmul_shuffle_16x32[TAIL=1] in 8 + matmul_sum in 2`.
    pub fn label(&self) -> String {
        match self {
            Lowering::View(_) => "view".into(),
            Lowering::Pointwise(call) => call.function.clone(),
            Lowering::Kernels(kernels) => {
                let mut runs: Vec<(String, usize)> = Vec::new();
                for dispatch in &kernels.dispatches {
                    let one = dispatch.to_string();
                    match runs.last_mut() {
                        Some((same, count)) if *same == one => *count += 1,
                        _ => runs.push((one, 1)),
                    }
                }
                let text = |(one, count): (String, usize)| match count {
                    1 => one,
                    _ => format!("{count} x {one}"),
                };
                runs.into_iter().map(text).collect::<Vec<_>>().join(" + ")
            }
        }
    }

    /// These ways without those that have the label of one before.
    pub(crate) fn distinct(ways: impl IntoIterator<Item = Result<Lowering>>) -> Result<Vec<Lowering>> {
        let (mut labels, mut distinct) = (Vec::new(), Vec::new());
        for way in ways {
            let way = way?;
            let label = way.label();
            if !labels.contains(&label) {
                labels.push(label);
                distinct.push(way);
            }
        }
        Ok(distinct)
    }
}

impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel.name)?;
        let set: Vec<_> = self.overrides.iter().filter(|(_, value)| *value != 0.0).collect();
        if !set.is_empty() {
            let text = set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            write!(f, "[{}]", text.join(","))?;
        }
        write!(f, " in {}", self.workgroups.iter().map(|&count| u64::from(count)).product::<u64>())
    }
}

/// A call of a pointwise function by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function in `shaders/shared/`.
    pub function: String,
    /// Scalar arguments after the inputs.
    pub constants: Vec<f64>,
}

/// The dispatches of one operator.
#[derive(Clone, Debug, Default)]
pub struct Kernels {
    /// Buffers that are needed only while the operator runs.
    pub scratch: Vec<Meta>,
    /// The dispatches, in order.
    pub dispatches: Vec<Dispatch>,
}

impl Kernels {
    /// A single dispatch without scratch memory.
    pub fn one(dispatch: Dispatch) -> Lowering {
        Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches: vec![dispatch] })
    }

    /// Whether a chain of pointwise functions can be fused into the last dispatch.
    pub fn takes_epilogue(&self) -> bool {
        self.dispatches.last().is_some_and(|d| d.kernel.hole == "epilogue")
    }
}

/// One run of one kernel.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Values of its `override` constants.
    pub overrides: Vec<(&'static str, f64)>,
    /// The bytes of its `Params`.
    pub params: Vec<u8>,
    /// What stands at its storage bindings, in order.
    pub bindings: Vec<Operand>,
    /// The number of workgroups along each dimension; see [`workgroups`].
    pub workgroups: [u32; 3],
}

/// What a dispatch binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// An input of the operator.
    Input(usize),
    /// An output of the operator.
    Output(usize),
    /// A scratch buffer of the operator.
    Scratch(usize),
}

/// A number of workgroups as a dispatch: spread over two dimensions when one does not suffice.
/// Kernels undo it with `group_index` and must ignore groups past the end.
pub fn workgroups(count: usize) -> [u32; 3] {
    const MAX: usize = 65_535;
    if count <= MAX {
        [count as u32, 1, 1]
    } else {
        let rows = count.div_ceil(MAX);
        [count.div_ceil(rows) as u32, rows as u32, 1]
    }
}
