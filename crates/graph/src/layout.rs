use std::fmt;

use anygrad_core::{DType, MAX_RANK, Shape};

/// The shape and dtype of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The sizes of the axes.
    pub shape: Shape,
    /// The type of the elements.
    pub dtype: DType,
}

impl Meta {
    /// A shape of `f32`.
    pub fn f32(shape: Shape) -> Self {
        Meta { shape, dtype: DType::F32 }
    }

    /// This dtype under another shape.
    pub fn with_shape(self, shape: Shape) -> Self {
        Meta { shape, ..self }
    }

    /// Bytes of the elements, without padding.
    pub fn bytes(&self) -> u64 {
        (self.shape.elements() * self.dtype.size()) as u64
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Where the elements of a value stand in its buffer: element `[i, j, ...]` is at
/// `offset + i * strides[0] + j * strides[1] + ...`, in elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Shape and dtype.
    pub meta: Meta,
    /// Distance to the next element along each axis; 0 where the axis is broadcast.
    pub strides: [isize; MAX_RANK],
    /// The position of the first element.
    pub offset: usize,
}

impl Layout {
    /// Row-major from the start of the buffer.
    pub fn contiguous(meta: Meta) -> Self {
        let mut strides = [0; MAX_RANK];
        for (to, from) in strides.iter_mut().zip(meta.shape.strides()) {
            *to = from as isize;
        }
        Layout { meta, strides, offset: 0 }
    }

    /// Channels last, from the start of the buffer: `[n, c, ...]` stands as `[n, ..., c]`. With fewer
    /// than three axes it is row-major.
    pub fn channels_last(meta: Meta) -> Self {
        let rank = meta.shape.rank();
        if rank < 3 {
            return Layout::contiguous(meta);
        }
        let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
        Layout::in_order(meta, &order)
    }

    /// Whether this is [`Layout::channels_last`] by its strides, and not row-major as well: of one channel
    /// an operator may have been given either.
    pub fn is_channels_last(&self) -> bool {
        *self == Layout::channels_last(self.meta) && *self != Layout::contiguous(self.meta)
    }

    /// Dense from the start of the buffer, with the axes in this order, outermost first.
    pub fn in_order(meta: Meta, order: &[usize]) -> Self {
        let mut layout = Layout { meta, strides: [0; MAX_RANK], offset: 0 };
        let mut stride = 1;
        for &axis in order.iter().rev() {
            layout.strides[axis] = stride;
            stride *= meta.shape[axis].max(1) as isize;
        }
        layout
    }

    /// The axes in the order in which they stand in memory, outermost first, where the elements are
    /// dense from the start of the buffer; axes of size 1 stay before the one they are before.
    pub fn memory_order(&self) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.shape().rank()).collect();
        if self.is_contiguous() {
            return Some(order);
        }
        // An axis of size 1 has no stride of its own: it goes with its right neighbour.
        let mut strides = self.strides;
        for axis in (0..order.len()).rev() {
            if self.shape()[axis] == 1 {
                strides[axis] =
                    strides.get(axis + 1).copied().filter(|_| axis + 1 < order.len()).unwrap_or(1);
            }
        }
        order.sort_by_key(|&axis| std::cmp::Reverse(strides[axis]));
        self.stands_as(&Layout::in_order(self.meta, &order)).then_some(order)
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]` of this.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        let mut result = Layout { meta: self.meta.with_shape(self.shape().permuted(order)), ..*self };
        for (to, &from) in order.iter().enumerate() {
            result.strides[to] = self.strides[from];
        }
        result
    }

    /// Whether the elements stand where another layout of this shape has them.
    pub fn stands_as(&self, other: &Layout) -> bool {
        let shape = self.shape();
        self.meta == other.meta
            && self.offset == other.offset
            && (0..shape.rank()).all(|axis| shape[axis] == 1 || self.strides[axis] == other.strides[axis])
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        self.meta.shape
    }

    /// The strides of the axes that exist.
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.meta.shape.rank()]
    }

    /// Whether the elements are row-major from the start of the buffer.
    pub fn is_contiguous(&self) -> bool {
        self.offset == 0 && self.is_dense()
    }

    /// Whether the elements are row-major without gaps, wherever they start.
    pub fn is_dense(&self) -> bool {
        let mut expected = 1;
        for axis in (0..self.shape().rank()).rev() {
            let size = self.shape()[axis];
            if size != 1 {
                if self.strides[axis] != expected {
                    return false;
                }
                expected *= size as isize;
            }
        }
        true
    }

    /// Whether every element is the same one.
    pub fn is_uniform(&self) -> bool {
        self.shape().iter().zip(&self.strides).all(|(&size, &stride)| size == 1 || stride == 0)
    }

    /// Axes of size 1 dropped, neighbours that run on merged: the shortest list of
    /// `(size, stride)` that visits the same elements in the same order, innermost last.
    pub fn merged(&self) -> Vec<(usize, isize)> {
        let mut axes: Vec<(usize, isize)> = Vec::new();
        for (&size, &stride) in self.shape().iter().zip(&self.strides) {
            match axes.last_mut() {
                _ if size == 1 => {}
                Some((outer, outer_stride)) if *outer_stride == stride * size as isize => {
                    *outer *= size;
                    *outer_stride = stride;
                }
                _ => axes.push((size, stride)),
            }
        }
        axes
    }

    /// The position of every element in the buffer, row-major.
    pub fn positions(&self) -> Vec<usize> {
        let mut positions = vec![self.offset as isize; self.shape().elements()];
        let mut repeat = 1;
        for axis in (0..self.shape().rank()).rev() {
            let size = self.shape()[axis];
            for (place, position) in positions.iter_mut().enumerate() {
                *position += (place / repeat % size) as isize * self.strides[axis];
            }
            repeat *= size;
        }
        positions.into_iter().map(|position| position as usize).collect()
    }

    /// The same elements under another shape, when no copy is needed for it.
    pub fn reshaped(&self, shape: Shape) -> Option<Layout> {
        let meta = self.meta.with_shape(shape);
        let mut result = Layout { offset: self.offset, ..Layout::contiguous(meta) };
        if shape.elements() <= 1 {
            return Some(result);
        }
        // Every merged run of the old layout must be cut into whole axes of the new shape.
        let mut runs = self.merged().into_iter().rev();
        let (mut left, mut stride) = runs.next()?;
        for axis in (0..shape.rank()).rev() {
            let size = shape[axis];
            if size == 1 {
                continue;
            }
            if left == 1 {
                (left, stride) = runs.next()?;
            }
            if !left.is_multiple_of(size) {
                return None;
            }
            result.strides[axis] = stride;
            stride *= size as isize;
            left /= size;
        }
        Some(result)
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.meta)?;
        if !self.is_contiguous() {
            write!(f, " strides {:?} offset {}", self.strides(), self.offset)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(sizes: &[usize], strides: &[isize]) -> Layout {
        let mut layout = Layout::contiguous(Meta::f32(Shape::new(sizes).unwrap()));
        layout.strides[..strides.len()].copy_from_slice(strides);
        layout
    }

    #[test]
    fn a_transposed_matrix_reshapes_only_where_no_copy_is_needed() {
        let transposed = layout(&[3, 2], &[1, 3]);
        assert!(!transposed.is_contiguous());
        assert!(transposed.reshaped(Shape::new(&[6]).unwrap()).is_none());
        let split = transposed.reshaped(Shape::new(&[3, 1, 2]).unwrap()).unwrap();
        assert_eq!((split.strides[0], split.strides[2]), (1, 3));
    }

    #[test]
    fn positions_follow_the_strides() {
        assert_eq!(layout(&[3, 2], &[1, 3]).positions(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(layout(&[2, 0], &[1, 1]).positions(), []);
        let reversed = Layout { offset: 2, ..layout(&[2, 3], &[0, -1]) };
        assert_eq!(reversed.positions(), [2, 1, 0, 2, 1, 0]);
    }

    #[test]
    fn channels_last_is_row_major_in_its_own_order() {
        let images = Layout::channels_last(Meta::f32(Shape::new(&[2, 3, 4, 5]).unwrap()));
        assert_eq!(images.strides(), [60, 1, 15, 3]);
        let order = images.memory_order().unwrap();
        assert_eq!(order, [0, 2, 3, 1]);
        assert!(images.permuted(&order).is_contiguous());
        assert!(Layout::in_order(images.meta, &order).stands_as(&images));
        // One channel: the same memory either way.
        let grey = Meta::f32(Shape::new(&[2, 1, 4, 5]).unwrap());
        assert!(Layout::channels_last(grey).stands_as(&Layout::contiguous(grey)));
        assert_eq!(Layout::channels_last(grey).memory_order().unwrap(), [0, 1, 2, 3]);
        let one_row = Layout::channels_last(Meta::f32(Shape::new(&[2, 3, 1, 5]).unwrap()));
        assert!(one_row.permuted(&one_row.memory_order().unwrap()).is_contiguous());
        // Broadcast and reversed elements are not dense.
        assert_eq!(layout(&[2, 3], &[0, 1]).memory_order(), None);
        assert_eq!(Layout { offset: 2, ..layout(&[2, 3], &[3, -1]) }.memory_order(), None);
    }

    #[test]
    fn merged_drops_ones_and_joins_runs() {
        assert_eq!(layout(&[2, 3, 1, 4], &[12, 4, 4, 1]).merged(), [(24, 1)]);
        assert_eq!(layout(&[2, 3, 4], &[0, 4, 1]).merged(), [(2, 0), (12, 1)]);
    }
}
