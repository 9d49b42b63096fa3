use half::{bf16, f16};

use crate::{DType, Error, Result, Shape};

/// The elements of an [`Array`], row-major, one variant per dtype.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats.
    F16(Vec<f16>),
    /// The upper halves of 32-bit floats.
    BF16(Vec<bf16>),
    /// Signed integers.
    I32(Vec<i32>),
    /// Unsigned integers.
    U32(Vec<u32>),
    /// Truth values, 0 or 1.
    Bool(Vec<u32>),
}

/// A tensor in the host's memory, row-major and contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Shape,
    data: Data,
}

macro_rules! each {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            Data::F32($v) => $body,
            Data::F16($v) => $body,
            Data::BF16($v) => $body,
            Data::I32($v) => $body,
            Data::U32($v) | Data::Bool($v) => $body,
        }
    };
}

impl Array {
    /// An array of the given sizes from its elements.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn new(sizes: &[usize], data: Data) -> Result<Self> {
        let shape = Shape::new(sizes)?;
        let elements = each!(&data, v => v.len());
        if elements != shape.elements() {
            return Err(Error::shape(format!(
                "{shape} holds {} elements, {elements} were given",
                shape.elements()
            )));
        }
        Ok(Array { shape, data })
    }

    /// An `f32` array from its elements.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn f32(sizes: &[usize], elements: impl Into<Vec<f32>>) -> Result<Self> {
        Array::new(sizes, Data::F32(elements.into()))
    }

    /// An `i32` array from its elements.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn i32(sizes: &[usize], elements: impl Into<Vec<i32>>) -> Result<Self> {
        Array::new(sizes, Data::I32(elements.into()))
    }

    /// A `u32` array from its elements.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn u32(sizes: &[usize], elements: impl Into<Vec<u32>>) -> Result<Self> {
        Array::new(sizes, Data::U32(elements.into()))
    }

    /// An `i32` array from the 64-bit integers that files hold: labels, token numbers, indices.
    ///
    /// # Errors
    /// A number lies outside the range of `i32` (the message names the first and its position), or
    /// the number of elements is not the product of the sizes.
    pub fn i32_from_i64(sizes: &[usize], elements: &[i64]) -> Result<Self> {
        Array::i32(sizes, narrowed(elements, "i32")?)
    }

    /// A `u32` array from 64-bit integers.
    ///
    /// # Errors
    /// A number lies outside the range of `u32` (the message names the first and its position), or
    /// the number of elements is not the product of the sizes.
    pub fn u32_from_i64(sizes: &[usize], elements: &[i64]) -> Result<Self> {
        Array::u32(sizes, narrowed(elements, "u32")?)
    }

    /// A `bool` array from its elements.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn bool(sizes: &[usize], elements: &[bool]) -> Result<Self> {
        Array::new(sizes, Data::Bool(elements.iter().map(|&x| u32::from(x)).collect()))
    }

    /// A `bool` array from the bytes 0 and 1 that files hold.
    ///
    /// # Errors
    /// A byte is neither (the message names the first and its position), or the number of elements
    /// is not the product of the sizes.
    pub fn bool_from_bytes(sizes: &[usize], elements: &[u8]) -> Result<Self> {
        if let Some(at) = elements.iter().position(|&x| x > 1) {
            let message = format!("element {at} is {}, a truth value is 0 or 1", elements[at]);
            return Err(Error::input(message));
        }
        Array::new(sizes, Data::Bool(elements.iter().map(|&x| u32::from(x)).collect()))
    }

    /// An `i32` array from smaller integers (`i8`, `u8`, `i16`, `u16`), all of which it holds.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes.
    pub fn i32_from<T: Copy + Into<i32>>(sizes: &[usize], elements: &[T]) -> Result<Self> {
        Array::i32(sizes, elements.iter().map(|&x| x.into()).collect::<Vec<i32>>())
    }

    /// A scalar `f32`.
    pub fn scalar(value: f32) -> Self {
        Array { shape: Shape::SCALAR, data: Data::F32(vec![value]) }
    }

    /// An array of zeros.
    pub fn zeros(shape: Shape, dtype: DType) -> Self {
        Array::from_f64(shape, dtype, &vec![0.0; shape.elements()])
    }

    /// An array from numbers in double precision, rounded to `dtype`, to 16-bit floats by way of
    /// `f32`. Integers are truncated and saturate; any number but 0 is a true `bool`.
    pub fn from_f64(shape: Shape, dtype: DType, numbers: &[f64]) -> Self {
        debug_assert_eq!(shape.elements(), numbers.len());
        let data = match dtype {
            DType::F32 => Data::F32(numbers.iter().map(|&x| x as f32).collect()),
            // `from_f64` of the crate half 2.7 looks at the upper half of the number alone: what lies
            // just above the middle of two results is rounded as if it were the middle.
            DType::F16 => Data::F16(numbers.iter().map(|&x| f16::from_f32(x as f32)).collect()),
            DType::BF16 => Data::BF16(numbers.iter().map(|&x| bf16::from_f32(x as f32)).collect()),
            DType::I32 => Data::I32(numbers.iter().map(|&x| x as i32).collect()),
            DType::U32 => Data::U32(numbers.iter().map(|&x| x as u32).collect()),
            DType::Bool => Data::Bool(numbers.iter().map(|&x| u32::from(x != 0.0)).collect()),
        };
        Array { shape, data }
    }

    /// An array from the bytes of a buffer, little-endian.
    ///
    /// # Errors
    /// The number of bytes is not that of the elements.
    pub fn from_bytes(shape: Shape, dtype: DType, bytes: &[u8]) -> Result<Self> {
        let want = shape.elements() * dtype.size();
        if bytes.len() != want {
            return Err(Error::shape(format!(
                "{shape} of {dtype} takes {want} bytes, {} were given",
                bytes.len()
            )));
        }
        let data = match dtype {
            DType::F32 => Data::F32(bytemuck::pod_collect_to_vec(bytes)),
            DType::F16 => Data::F16(bytemuck::pod_collect_to_vec(bytes)),
            DType::BF16 => Data::BF16(bytemuck::pod_collect_to_vec(bytes)),
            DType::I32 => Data::I32(bytemuck::pod_collect_to_vec(bytes)),
            DType::U32 => Data::U32(bytemuck::pod_collect_to_vec(bytes)),
            DType::Bool => Data::Bool(bytemuck::pod_collect_to_vec(bytes)),
        };
        Ok(Array { shape, data })
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match self.data {
            Data::F32(_) => DType::F32,
            Data::F16(_) => DType::F16,
            Data::BF16(_) => DType::BF16,
            Data::I32(_) => DType::I32,
            Data::U32(_) => DType::U32,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements as the bytes of a buffer, little-endian.
    pub fn bytes(&self) -> &[u8] {
        each!(&self.data, v => bytemuck::cast_slice(v))
    }

    /// The elements, when they are `f32`.
    ///
    /// # Errors
    /// The array has another dtype.
    pub fn as_f32(&self) -> Result<&[f32]> {
        match &self.data {
            Data::F32(v) => Ok(v),
            _ => Err(Error::shape(format!("an array of {} was read as f32", self.dtype()))),
        }
    }

    /// The elements as numbers in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::F16(v) => v.iter().map(|x| x.to_f64()).collect(),
            Data::BF16(v) => v.iter().map(|x| x.to_f64()).collect(),
            Data::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::U32(v) | Data::Bool(v) => v.iter().map(|&x| f64::from(x)).collect(),
        }
    }

    /// As another dtype, by the rules of [`Array::from_f64`].
    pub fn cast(&self, dtype: DType) -> Self {
        if dtype == self.dtype() { self.clone() } else { Array::from_f64(self.shape, dtype, &self.to_f64()) }
    }

    /// Some rows (positions along the first axis), in the order given; a row may come twice.
    ///
    /// # Errors
    /// The array has no axes, or a row does not exist.
    pub fn take_rows(&self, rows: &[usize]) -> Result<Self> {
        fn pick<T: Copy>(elements: &[T], rows: &[usize], width: usize) -> Vec<T> {
            let mut picked = Vec::with_capacity(rows.len() * width);
            rows.iter().for_each(|row| picked.extend_from_slice(&elements[row * width..(row + 1) * width]));
            picked
        }
        let count = *self.shape.first().ok_or_else(|| Error::shape("a scalar has no rows"))?;
        if let Some(row) = rows.iter().find(|&&row| row >= count) {
            return Err(Error::input(format!("row {row} does not exist among {count} rows")));
        }
        let width = self.shape[1..].iter().product();
        let data = match &self.data {
            Data::F32(v) => Data::F32(pick(v, rows, width)),
            Data::F16(v) => Data::F16(pick(v, rows, width)),
            Data::BF16(v) => Data::BF16(pick(v, rows, width)),
            Data::I32(v) => Data::I32(pick(v, rows, width)),
            Data::U32(v) => Data::U32(pick(v, rows, width)),
            Data::Bool(v) => Data::Bool(pick(v, rows, width)),
        };
        Array::new(&self.shape.with(0, rows.len()), data)
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// The number of elements differs.
    pub fn reshape(self, sizes: &[usize]) -> Result<Self> {
        Array::new(sizes, self.data)
    }
}

/// The numbers as a smaller type; an error names the first that does not fit.
fn narrowed<T: TryFrom<i64>>(elements: &[i64], dtype: &str) -> Result<Vec<T>> {
    let narrow = |(at, &value): (usize, &i64)| {
        T::try_from(value).map_err(|_| Error::input(format!("element {at} is {value}, which is no {dtype}")))
    };
    elements.iter().enumerate().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_for_every_dtype() {
        let shape = Shape::new(&[2, 2]).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16, DType::I32, DType::U32, DType::Bool] {
            let array = Array::from_f64(shape, dtype, &[0.0, 1.0, 1.0, 0.0]);
            assert_eq!(array.bytes().len(), 4 * dtype.size());
            assert_eq!(Array::from_bytes(shape, dtype, array.bytes()).unwrap(), array);
        }
        assert!(Array::f32(&[3], vec![1.0]).unwrap_err().is_shape());
    }

    #[test]
    fn integers_are_narrowed_where_they_fit() {
        let edges = [i64::from(i32::MIN), -1, i64::from(i32::MAX)];
        assert_eq!(
            Array::i32_from_i64(&[3], &edges).unwrap(),
            Array::i32(&[3], [i32::MIN, -1, i32::MAX]).unwrap()
        );
        let error = Array::i32_from_i64(&[2], &[5, 1 << 31]).unwrap_err();
        assert!(error.is_input());
        assert_eq!(error.to_string(), "element 1 is 2147483648, which is no i32");
        assert_eq!(Array::u32_from_i64(&[1], &[u32::MAX.into()]).unwrap().to_f64(), [4_294_967_295.0]);
        assert_eq!(
            Array::u32_from_i64(&[1], &[-1]).unwrap_err().to_string(),
            "element 0 is -1, which is no u32"
        );
        assert!(Array::i32_from_i64(&[2], &[1]).unwrap_err().is_shape());
        assert_eq!(Array::i32_from(&[2], &[-128i8, 127]).unwrap().to_f64(), [-128.0, 127.0]);
        assert_eq!(Array::i32_from(&[1], &[255u8]).unwrap().to_f64(), [255.0]);
        assert_eq!(
            Array::bool(&[2], &[true, false]).unwrap(),
            Array::bool_from_bytes(&[2], &[1, 0]).unwrap()
        );
        let error = Array::bool_from_bytes(&[3], &[1, 0, 2]).unwrap_err();
        assert_eq!(error.to_string(), "element 2 is 2, a truth value is 0 or 1");
    }

    #[test]
    fn halves_are_rounded_to_the_nearest() {
        // One step of f32 above the middle of 1 and the next number.
        for (dtype, step) in [(DType::F16, 2f64.powi(-10)), (DType::BF16, 2f64.powi(-7))] {
            let numbers = [1.0 + step / 2.0, 1.0 + step / 2.0 + 2f64.powi(-23)];
            let array = Array::from_f64(Shape::new(&[2]).unwrap(), dtype, &numbers);
            assert_eq!(array.to_f64(), [1.0, 1.0 + step], "{dtype}");
        }
    }

    #[test]
    fn rows_are_taken_in_order() {
        let array = Array::f32(&[3, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let taken = array.take_rows(&[2, 0, 2]).unwrap();
        assert_eq!(taken, Array::f32(&[3, 2], [4.0, 5.0, 0.0, 1.0, 4.0, 5.0]).unwrap());
        assert_eq!(&*array.take_rows(&[]).unwrap().shape(), [0, 2]);
        assert!(array.take_rows(&[3]).unwrap_err().is_input());
        assert!(Array::scalar(1.0).take_rows(&[0]).unwrap_err().is_shape());
    }
}
