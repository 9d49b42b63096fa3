use std::fmt;
use std::ops::Deref;

use crate::{Error, Result};

/// The largest number of axes a tensor can have.
pub const MAX_RANK: usize = 8;

/// The sizes of a tensor's axes, outermost first. A scalar has no axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { sizes: [1; MAX_RANK], rank: 0 };

    /// A shape from its sizes.
    ///
    /// # Errors
    /// More than [`MAX_RANK`] axes, or more elements than can be addressed.
    pub fn new(sizes: &[usize]) -> Result<Self> {
        if sizes.len() > MAX_RANK {
            return Err(Error::shape(format!(
                "{sizes:?} has {} axes, at most {MAX_RANK} are supported",
                sizes.len()
            )));
        }
        if sizes.iter().try_fold(1usize, |n, &size| n.checked_mul(size.max(1))).is_none_or(|n| n > 1 << 48) {
            return Err(Error::shape(format!("{sizes:?} has more elements than can be addressed")));
        }
        let mut shape = Shape { sizes: [1; MAX_RANK], rank: sizes.len() as u8 };
        shape.sizes[..sizes.len()].copy_from_slice(sizes);
        Ok(shape)
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// Where the element at a row-major position stands along each axis.
    pub fn index_of(&self, position: usize) -> Vec<usize> {
        let along = |(stride, &size): (usize, &usize)| position / stride.max(1) % size.max(1);
        self.strides().into_iter().zip(self.iter()).map(along).collect()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.sizes[axis];
        }
        strides
    }

    /// An axis counted from the front, or from the back when negative, as a checked index.
    ///
    /// # Errors
    /// The axis does not exist.
    pub fn axis(&self, axis: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let counted = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&counted) {
            Ok(counted as usize)
        } else {
            Err(Error::shape(format!("axis {axis} does not exist in {self}")))
        }
    }

    /// This shape with one axis set to another size.
    pub fn with(mut self, axis: usize, size: usize) -> Self {
        debug_assert!(axis < self.rank());
        self.sizes[axis] = size;
        self
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        order.iter().enumerate().fold(*self, |shape, (to, &from)| shape.with(to, self[from]))
    }

    /// This shape without the axes for which `drop` is true.
    pub fn without(&self, drop: impl Fn(usize) -> bool) -> Self {
        let mut kept = Shape::SCALAR;
        for (axis, &size) in self.iter().enumerate() {
            if !drop(axis) {
                kept.sizes[kept.rank()] = size;
                kept.rank += 1;
            }
        }
        kept
    }

    /// The shape both broadcast to, by the rule of NumPy: axes are aligned from the back, and a
    /// size of 1 stretches.
    ///
    /// # Errors
    /// Two aligned sizes differ and neither is 1.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape> {
        let rank = self.rank().max(other.rank());
        let mut result = Shape { sizes: [1; MAX_RANK], rank: rank as u8 };
        for axis in 0..rank {
            let size_of = |s: &Shape| (axis + s.rank()).checked_sub(rank).map_or(1, |a| s.sizes[a]);
            result.sizes[axis] = match (size_of(self), size_of(other)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                (a, b) => {
                    return Err(Error::shape(format!(
                        "{self} and {other} do not broadcast: sizes {a} and {b} differ"
                    )));
                }
            };
        }
        Ok(result)
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.sizes[..self.rank as usize]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sizes: &[usize]) -> Shape {
        Shape::new(sizes).unwrap()
    }

    #[test]
    fn broadcasting_follows_numpy() {
        assert_eq!(shape(&[3, 1]).broadcast(&shape(&[4, 3, 5])).unwrap(), shape(&[4, 3, 5]));
        assert_eq!(Shape::SCALAR.broadcast(&shape(&[0, 2])).unwrap(), shape(&[0, 2]));
        let error = shape(&[2, 3]).broadcast(&shape(&[4, 3])).unwrap_err();
        assert_eq!(error.to_string(), "[2, 3] and [4, 3] do not broadcast: sizes 2 and 4 differ");
    }

    #[test]
    fn too_many_axes_or_elements_are_refused() {
        assert!(Shape::new(&[1; 9]).unwrap_err().is_shape());
        assert!(Shape::new(&[1 << 40, 1 << 40]).unwrap_err().is_shape());
        assert!(shape(&[2, 3]).axis(2).is_err());
        assert_eq!(shape(&[2, 3]).axis(-1).unwrap(), 1);
    }
}
