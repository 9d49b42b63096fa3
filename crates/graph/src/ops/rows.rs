//! How kernels that work on whole rows are dispatched: which variant, and how many workgroups.

use anygrad_core::Caps;
use anygrad_shaders::Kernel;

use crate::workgroups;

/// The variants of a row kernel: one invocation, one subgroup or one workgroup per row, the last
/// two for rows of any length and for rows that are a multiple of four long.
pub(super) struct RowKernels {
    pub(super) alone: &'static Kernel,
    pub(super) subgroup: [&'static Kernel; 2],
    pub(super) workgroup: [&'static Kernel; 2],
}

/// The choice for some rows.
pub(super) struct RowChoice {
    pub(super) kernel: &'static Kernel,
    pub(super) workgroups: [u32; 3],
    pub(super) overrides: Vec<(&'static str, f64)>,
    /// Elements in a unit: 1 or 4.
    pub(super) lanes: usize,
}

/// Invocations of a workgroup, but for the variant of one workgroup per row.
const GROUP: usize = 64;

/// Rows up to this length go to one invocation each: together they would wait for each other longer
/// than they save.
const ALONE: usize = 32;

/// Longest rows that a GPU gives to a subgroup instead of a workgroup.
const SUBGROUP_ON_GPU: usize = 1024;

/// Elements of a row beyond which an operator must split it: two walks of one subgroup with four
/// lanes stay far below [`Caps::max_iterations`].
pub(super) const LONGEST_ROW: usize = 1 << 16;

impl RowKernels {
    /// `rows` rows of `columns` elements that stand one behind the other.
    pub(super) fn choose(&self, rows: usize, columns: usize, caps: &Caps) -> RowChoice {
        self.choose_units(rows, columns, columns.is_multiple_of(4), caps)
    }

    /// As [`RowKernels::choose`], told whether rows may be read four elements at a time.
    pub(super) fn choose_units(&self, rows: usize, columns: usize, vector: bool, caps: &Caps) -> RowChoice {
        let lanes = if vector { 4 } else { 1 };
        let vector = usize::from(vector);
        let subgroup = caps.fixed_subgroup().map(|size| size as usize);
        match subgroup {
            Some(size) if columns > ALONE && (caps.is_cpu() || columns <= SUBGROUP_ON_GPU) => RowChoice {
                kernel: self.subgroup[vector],
                workgroups: workgroups(rows.div_ceil(GROUP / size.clamp(1, GROUP))),
                overrides: vec![],
                lanes,
            },
            _ if columns <= ALONE => RowChoice {
                kernel: self.alone,
                workgroups: workgroups(rows.div_ceil(GROUP)),
                overrides: vec![],
                lanes: 1,
            },
            _ => {
                // Four units for each invocation, where the row has them.
                let width = (columns / lanes).div_ceil(4).next_power_of_two().clamp(32, 256);
                RowChoice {
                    kernel: self.workgroup[vector],
                    workgroups: workgroups(rows),
                    overrides: vec![("WIDTH", width as f64)],
                    lanes,
                }
            }
        }
    }
}
