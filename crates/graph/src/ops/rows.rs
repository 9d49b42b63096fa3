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
    /// As many choices as there can be.
    pub(super) const WAYS: usize = 3;

    /// `rows` rows of `columns` elements that stand one behind the other, by the default.
    pub(super) fn choose(&self, rows: usize, columns: usize, caps: &Caps) -> RowChoice {
        self.choose_units(0, rows, columns, columns.is_multiple_of(4), caps)
    }

    /// All choices that are worth measuring, the default first.
    pub(super) fn all(&self, rows: usize, columns: usize, caps: &Caps) -> Vec<RowChoice> {
        let vector = columns.is_multiple_of(4);
        let walkers = Walker::all(columns, caps);
        walkers.into_iter().map(|by| self.of(by, rows, columns, vector, caps)).collect()
    }

    /// The choice of this number among all, or the last of them, told whether rows may be read four
    /// elements at a time.
    pub(super) fn choose_units(
        &self,
        way: usize,
        rows: usize,
        columns: usize,
        vector: bool,
        caps: &Caps,
    ) -> RowChoice {
        let walkers = Walker::all(columns, caps);
        self.of(walkers[way.min(walkers.len() - 1)], rows, columns, vector, caps)
    }

    fn of(&self, by: Walker, rows: usize, columns: usize, vector: bool, caps: &Caps) -> RowChoice {
        let lanes = if vector { 4 } else { 1 };
        let vector = usize::from(vector);
        match by {
            Walker::Alone => RowChoice {
                kernel: self.alone,
                workgroups: workgroups(rows.div_ceil(GROUP)),
                overrides: vec![],
                lanes: 1,
            },
            Walker::Subgroup => {
                let size = caps.fixed_subgroup().map_or(GROUP, |size| size as usize);
                RowChoice {
                    kernel: self.subgroup[vector],
                    workgroups: workgroups(rows.div_ceil(GROUP / size.clamp(1, GROUP))),
                    overrides: vec![],
                    lanes,
                }
            }
            Walker::Workgroup => {
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

/// Who walks along a row.
#[derive(Clone, Copy, PartialEq)]
enum Walker {
    Alone,
    Subgroup,
    Workgroup,
}

impl Walker {
    /// The default, and those that may be faster.
    fn all(columns: usize, caps: &Caps) -> Vec<Self> {
        let default = Walker::default_for(columns, caps);
        let mut all = vec![Walker::Alone, Walker::Subgroup, Walker::Workgroup];
        all.retain(|&by| by != default && by.may_pay(columns, caps));
        all.insert(0, default);
        all
    }

    fn default_for(columns: usize, caps: &Caps) -> Self {
        match caps.fixed_subgroup() {
            _ if columns <= ALONE => Walker::Alone,
            Some(_) if caps.is_cpu() || columns <= SUBGROUP_ON_GPU => Walker::Subgroup,
            _ => Walker::Workgroup,
        }
    }

    /// Whether a measurement may show it to be faster than the default.
    fn may_pay(self, columns: usize, caps: &Caps) -> bool {
        match self {
            // Longer ones would come near the limit of loop iterations.
            Walker::Alone => columns <= 32 * ALONE,
            Walker::Subgroup => {
                let is_long = columns > 8 * SUBGROUP_ON_GPU && !caps.is_cpu();
                caps.fixed_subgroup().is_some() && columns > ALONE / 4 && !is_long
            }
            // Barriers on software adapters cost many times what they save.
            Walker::Workgroup => !caps.is_cpu() && columns > ALONE,
        }
    }
}
