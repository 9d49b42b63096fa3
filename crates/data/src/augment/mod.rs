//! Changes to samples that keep what they show: what a model learns from is not twice the same.
//!
//! Every random number follows from the seed, the epoch, the step and the row alone. So a row is
//! changed in the same way whatever batch it comes in and in whatever order, and a run that goes on
//! from a saved state sees the same samples.

mod image;
mod mixup;

use anygrad_core::{Array, DType, Error, Random, Result};
use serde::{Deserialize, Serialize};

use crate::Dataset;
use image::Size;

/// One change. Those of images take features `[n, c, h, w]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Augment {
    /// Moves an image by whole pixels, up to so many each way.
    Shift {
        /// The most pixels.
        pixels: usize,
    },
    /// Swaps left and right.
    FlipHorizontal {
        /// The share of the images that are changed.
        #[serde(default = "half")]
        chance: f64,
    },
    /// Swaps up and down.
    FlipVertical {
        /// The share of the images that are changed.
        #[serde(default = "half")]
        chance: f64,
    },
    /// Turns an image about its center, linear between pixels.
    Rotate {
        /// The largest angle, either way.
        degrees: f64,
    },
    /// Adds a border on all sides and cuts a part of the given size out of it.
    Crop {
        /// The rows of the result.
        height: usize,
        /// The columns of the result.
        width: usize,
        /// How wide the border is.
        #[serde(default)]
        padding: usize,
    },
    /// Adds normal noise to every feature.
    Noise {
        /// Its standard deviation.
        deviation: f64,
    },
    /// s x + (1 - s) x', where x' is another row, drawn from all of them, and s is drawn from
    /// Beta(alpha, alpha); targets likewise, so that classes become shares of classes (Zhang and
    /// others, "mixup: Beyond Empirical Risk Minimization", 2018). It is the last step.
    Mixup {
        /// Small: mostly one of the two. 1: every share alike. The paper takes 0.1 to 0.4.
        alpha: f64,
    },
}

fn half() -> f64 {
    0.5
}

/// Steps that are done to every row, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// What decides all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// What pixels from outside an image are: 0, unless black is another number after scaling.
    #[serde(default)]
    pub fill: f32,
    /// The steps.
    pub steps: Vec<Augment>,
}

impl Augmentation {
    /// The changed features and targets of some rows in an epoch, in the order given.
    ///
    /// Targets are those of the data, or with [`Augment::Mixup`] shares: `[n, k]` for k classes.
    ///
    /// # Errors
    /// A row does not exist; a number of a step is out of its range; a step that does not suit the
    /// features (`f32`, images) or the targets (named classes, or `f32`).
    pub fn select(&self, data: &Dataset, rows: &[usize], epoch: u64) -> Result<(Array, Array)> {
        let (features, targets) = data.select(rows)?;
        if self.steps.is_empty() {
            return Ok((features, targets));
        }
        let shape = self.check(data)?;
        let changed = |rows: &[usize], features: &Array| -> Result<Vec<f32>> {
            let mut out = Vec::with_capacity(rows.len() * shape[1..].iter().product::<usize>());
            let width = features.shape()[1..].iter().product::<usize>().max(1);
            for (&row, sample) in rows.iter().zip(features.as_f32()?.chunks_exact(width)) {
                out.extend(self.changed(sample, &features.shape()[1..], epoch, row));
            }
            Ok(out)
        };
        let mut sizes = shape.clone();
        sizes[0] = rows.len();
        let out = changed(rows, &features)?;
        let Some(&Augment::Mixup { alpha }) = self.steps.last() else {
            return Ok((Array::f32(&sizes, out)?, targets));
        };
        let draws: Vec<(usize, f64)> = rows
            .iter()
            .map(|&row| {
                let mut random = self.random(epoch, self.steps.len() - 1, row);
                (random.below(data.len()), mixup::beta(&mut random, alpha))
            })
            .collect();
        let partners: Vec<usize> = draws.iter().map(|draw| draw.0).collect();
        let shares: Vec<f64> = draws.iter().map(|draw| draw.1).collect();
        let (others, other_targets) = data.select(&partners)?;
        let mixed = mixup::mixed(&out, &changed(&partners, &others)?, &shares);
        let classes = data.classes().len();
        let [targets, other_targets] =
            [targets, other_targets].map(|targets| mixup::shares(&targets, classes));
        let (targets, other_targets) = (targets?, other_targets?);
        let sizes_of_targets = targets.shape();
        let targets = mixup::mixed(targets.as_f32()?, other_targets.as_f32()?, &shares);
        Ok((Array::f32(&sizes, mixed)?, Array::f32(&sizes_of_targets, targets)?))
    }

    /// The shape of the features after all steps, from that before: a crop changes it.
    ///
    /// # Errors
    /// A number of a step is out of its range, or a step that does not suit the features.
    pub fn shape(&self, features: &[usize]) -> Result<Vec<usize>> {
        let mut sizes = features.to_vec();
        for (place, step) in self.steps.iter().enumerate() {
            let bad =
                |why: String| Error::input(format!("step {place} of the augmentation, {step:?}: {why}"));
            let number = match *step {
                Augment::FlipHorizontal { chance } | Augment::FlipVertical { chance } => {
                    Some(("chance", chance, 0.0..=1.0))
                }
                Augment::Rotate { degrees } => Some(("degrees", degrees, 0.0..=360.0)),
                Augment::Noise { deviation } => Some(("deviation", deviation, 0.0..=f64::from(f32::MAX))),
                Augment::Mixup { alpha } => Some(("alpha", alpha, f64::from(f32::MIN_POSITIVE)..=1e6)),
                Augment::Shift { .. } | Augment::Crop { .. } => None,
            };
            if let Some((name, value, range)) = number.filter(|(_, value, range)| !range.contains(value)) {
                return Err(bad(format!("{name} is {value}, not from {} to {}", range.start(), range.end())));
            }
            match *step {
                Augment::Mixup { .. } if place + 1 < self.steps.len() => {
                    return Err(bad("must be the last step".to_owned()));
                }
                Augment::Noise { .. } | Augment::Mixup { .. } => {}
                _ => {
                    let [_, _, h, w] = &mut sizes[..] else {
                        return Err(bad(format!("takes images [n, c, h, w], got {sizes:?}")));
                    };
                    let most = (*h).max(*w);
                    if let Augment::Shift { pixels: far } | Augment::Crop { padding: far, .. } = *step
                        && far > most
                    {
                        return Err(bad(format!("{far} pixels are more than the {most} of a side")));
                    }
                    if let Augment::Crop { height, width, padding } = *step {
                        let room = [*h, *w].map(|side| side + 2 * padding);
                        if height == 0 || width == 0 || height > room[0] || width > room[1] {
                            return Err(bad(format!(
                                "cannot be cut out of {} x {} pixels",
                                room[0], room[1]
                            )));
                        }
                        (*h, *w) = (height, width);
                    }
                }
            }
        }
        Ok(sizes)
    }

    fn check(&self, data: &Dataset) -> Result<Vec<usize>> {
        let shape = self.shape(&data.features().shape())?;
        if data.features().dtype() != DType::F32 {
            let dtype = data.features().dtype();
            return Err(Error::shape(format!("an augmentation takes features of f32, got {dtype}")));
        }
        Ok(shape)
    }

    /// One sample after all steps but mixup.
    fn changed(&self, sample: &[f32], sizes: &[usize], epoch: u64, row: usize) -> Vec<f32> {
        let mut x = sample.to_vec();
        // Without three axes there is no step of images.
        let mut size = if let &[_, h, w] = sizes { Size { h, w } } else { Size { h: 1, w: 1 } };
        for (place, step) in self.steps.iter().enumerate() {
            let mut random = self.random(epoch, place, row);
            match *step {
                Augment::Shift { pixels } => {
                    let mut offset = || random.below(2 * pixels + 1) as isize - pixels as isize;
                    let offsets = [offset(), offset()];
                    x = image::cut(&x, size, size, offsets, self.fill);
                }
                Augment::FlipHorizontal { chance } if random.uniform() < chance => {
                    x.chunks_exact_mut(size.w.max(1)).for_each(<[f32]>::reverse);
                }
                Augment::FlipVertical { chance } if random.uniform() < chance => {
                    x = image::upside_down(&x, size);
                }
                Augment::FlipHorizontal { .. } | Augment::FlipVertical { .. } => {}
                Augment::Rotate { degrees } => {
                    x = image::rotated(&x, size, random.between(-degrees, degrees), self.fill);
                }
                Augment::Crop { height, width, padding } => {
                    let to = Size { h: height, w: width };
                    let mut begin = |from: usize, to: usize| {
                        random.below(from + 2 * padding - to + 1) as isize - padding as isize
                    };
                    let begins = [begin(size.h, to.h), begin(size.w, to.w)];
                    x = image::cut(&x, size, to, begins, self.fill);
                    size = to;
                }
                Augment::Noise { deviation } => {
                    x.iter_mut().for_each(|x| *x = (f64::from(*x) + deviation * random.normal()) as f32);
                }
                Augment::Mixup { .. } => {}
            }
        }
        x
    }

    /// The random numbers of a step for a row in an epoch.
    fn random(&self, epoch: u64, step: usize, row: usize) -> Random {
        let of_epoch = Random::stream(self.seed, epoch).bits();
        let of_step = Random::stream(of_epoch, step as u64).bits();
        Random::stream(of_step, row as u64)
    }
}

/// The middle of images `x: [n, c, h, w]`, for a model that learned from crops of this size.
///
/// # Errors
/// Not `f32` or no images, or the size is 0 or larger than theirs.
pub fn center_crop(x: &Array, height: usize, width: usize) -> Result<Array> {
    let shape = x.shape();
    let [n, c, h, w] = shape[..] else {
        return Err(Error::shape(format!("a crop takes images [n, c, h, w], got {shape}")));
    };
    if height == 0 || width == 0 || height > h || width > w {
        return Err(Error::input(format!("{height} x {width} cannot be cut out of {h} x {w} pixels")));
    }
    let begins = [((h - height) / 2) as isize, ((w - width) / 2) as isize];
    let (from, to) = (Size { h, w }, Size { h: height, w: width });
    Array::f32(&[n, c, height, width], image::cut(x.as_f32()?, from, to, begins, 0.0))
}

#[cfg(test)]
mod tests;
