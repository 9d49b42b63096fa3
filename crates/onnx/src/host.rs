//! Tensors in the host's memory, of any ONNX type.

use std::fmt;
use std::sync::Arc;

use anygrad_core::{Array, Error, Result, Shape};
use half::{bf16, f16};

use crate::Element;

/// The elements of a [`Host`] tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats of 32 and 16 bits.
    F32(Vec<f32>),
    /// Floats of 64 bits.
    F64(Vec<f64>),
    /// Integers and truth values; 64 unsigned bits as they stand.
    Int(Vec<i64>),
    /// Text, as bytes.
    Text(Vec<Vec<u8>>),
}

/// A tensor in the host's memory, of any ONNX type.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    element: Element,
    sizes: Vec<usize>,
    data: Data,
}

impl Host {
    /// A tensor from its parts.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes, or the data are of another kind than the type.
    pub fn new(element: Element, sizes: &[usize], data: Data) -> Result<Self> {
        let elements = elements(sizes)?;
        let (given, fits) = match &data {
            Data::F32(v) => (v.len(), element.is_float() && element != Element::Double),
            Data::F64(v) => (v.len(), element == Element::Double),
            Data::Int(v) => (v.len(), element.is_integer() || element == Element::Bool),
            Data::Text(v) => (v.len(), element == Element::String),
        };
        if given != elements {
            return Err(Error::shape(format!("{sizes:?} holds {elements} elements, {given} were given")));
        }
        if !fits {
            return Err(Error::input(format!("the elements given are none of {element}")));
        }
        Ok(Host { element, sizes: sizes.to_vec(), data })
    }

    /// A tensor of `INT64` with one axis.
    pub fn ints(numbers: &[i64]) -> Self {
        Host { element: Element::Int64, sizes: vec![numbers.len()], data: Data::Int(numbers.to_vec()) }
    }

    /// Numbers as elements of a type: floats rounded to it, integers wrapped to its width.
    ///
    /// # Errors
    /// The number of elements is not the product of the sizes, or the type is text.
    pub fn from_f64(element: Element, sizes: &[usize], numbers: &[f64]) -> Result<Self> {
        let data = match element {
            Element::Double => Data::F64(numbers.to_vec()),
            Element::String => return Err(Error::input("numbers were given as STRING")),
            Element::Bool => Data::Int(numbers.iter().map(|&x| i64::from(x != 0.0)).collect()),
            _ if element.is_float() => Data::F32(numbers.iter().map(|&x| round(element, x)).collect()),
            _ => Data::Int(numbers.iter().map(|&x| wrap(element, x as i64)).collect()),
        };
        Host::new(element, sizes, data)
    }

    /// Integers as elements of a type: wrapped to its width, or as floats.
    ///
    /// # Errors
    /// As [`Host::from_f64`].
    pub fn from_i64(element: Element, sizes: &[usize], numbers: &[i64]) -> Result<Self> {
        if element.is_integer() {
            let data = Data::Int(numbers.iter().map(|&x| wrap(element, x)).collect());
            return Host::new(element, sizes, data);
        }
        Host::from_f64(element, sizes, &numbers.iter().map(|&x| x as f64).collect::<Vec<_>>())
    }

    /// What a device computed, as elements of a type.
    ///
    /// # Errors
    /// The type is text.
    pub fn from_array(element: Element, array: &Array) -> Result<Self> {
        let sizes = array.shape();
        if element == Element::Float
            && let Ok(floats) = array.as_f32()
        {
            return Host::new(element, &sizes, Data::F32(floats.to_vec()));
        }
        Host::from_f64(element, &sizes, &array.to_f64())
    }

    /// As a device holds it.
    ///
    /// # Errors
    /// Text; more than 8 axes; a number that 32 bits do not hold, which the message names.
    pub fn to_array(&self) -> Result<Array> {
        let shape = Shape::new(&self.sizes)?;
        let Some(dtype) = self.element.dtype() else {
            return Err(Error::unsupported("text cannot be computed with"));
        };
        match &self.data {
            Data::F32(v) if self.element == Element::Float => Array::f32(&self.sizes, v.clone()),
            Data::F32(v) => {
                Ok(Array::from_f64(shape, dtype, &v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
            }
            Data::F64(v) => match v.iter().position(|x| x.is_finite() && (*x as f32).is_infinite()) {
                Some(at) => Err(too_wide(at, format!("{:e}", v[at]))),
                None => Ok(Array::from_f64(shape, dtype, v)),
            },
            Data::Int(v) => match self.element {
                Element::Uint32 => Array::u32_from_i64(&self.sizes, v),
                Element::Bool => Ok(Array::from_f64(shape, dtype, &self.to_f64())),
                Element::Uint64 => match v.iter().position(|x| i32::try_from(*x).is_err() || *x < 0) {
                    Some(at) => Err(too_wide(at, v[at] as u64)),
                    None => Array::i32_from_i64(&self.sizes, v),
                },
                _ => match v.iter().position(|x| i32::try_from(*x).is_err()) {
                    Some(at) => Err(too_wide(at, v[at])),
                    None => Array::i32_from_i64(&self.sizes, v),
                },
            },
            Data::Text(_) => Err(Error::unsupported("text cannot be computed with")),
        }
    }

    /// The type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The sizes of the axes.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// With other sizes of as many elements.
    ///
    /// # Errors
    /// The numbers of elements differ.
    pub fn reshaped(&self, sizes: &[usize]) -> Result<Self> {
        Host::new(self.element, sizes, self.data.clone())
    }

    /// The elements at these positions, in this order, with new sizes.
    ///
    /// # Errors
    /// The number of positions is not that of the sizes' elements, or one is beyond the end.
    pub fn taken(&self, sizes: &[usize], positions: &[usize]) -> Result<Self> {
        let end = self.len();
        if let Some(far) = positions.iter().find(|&&p| p >= end) {
            return Err(Error::shape(format!("element {far} of {end}")));
        }
        let data = match &self.data {
            Data::F32(v) => Data::F32(positions.iter().map(|&p| v[p]).collect()),
            Data::F64(v) => Data::F64(positions.iter().map(|&p| v[p]).collect()),
            Data::Int(v) => Data::Int(positions.iter().map(|&p| v[p]).collect()),
            Data::Text(v) => Data::Text(positions.iter().map(|&p| v[p].clone()).collect()),
        };
        Host::new(self.element, sizes, data)
    }

    /// The elements of several tensors of one type, one tensor behind the other, along one axis.
    ///
    /// # Errors
    /// There is none, or their types differ.
    pub(crate) fn chained(parts: &[Arc<Host>]) -> Result<Self> {
        fn all<T: Clone>(parts: &[Arc<Host>], of: impl Fn(&Data) -> Option<&Vec<T>>) -> Option<Vec<T>> {
            let lists = parts.iter().map(|part| of(&part.data)).collect::<Option<Vec<_>>>()?;
            Some(lists.into_iter().flatten().cloned().collect())
        }
        let Some(element) = parts.first().map(|first| first.element) else {
            return Err(Error::input("there is no tensor"));
        };
        if let Some(other) = parts.iter().find(|part| part.element != element) {
            return Err(Error::input(format!("{} beside {element}", other.element)));
        }
        let data = match parts[0].data {
            Data::F32(_) => all(parts, |d| if let Data::F32(v) = d { Some(v) } else { None }).map(Data::F32),
            Data::F64(_) => all(parts, |d| if let Data::F64(v) = d { Some(v) } else { None }).map(Data::F64),
            Data::Int(_) => all(parts, |d| if let Data::Int(v) = d { Some(v) } else { None }).map(Data::Int),
            Data::Text(_) => {
                all(parts, |d| if let Data::Text(v) = d { Some(v) } else { None }).map(Data::Text)
            }
        };
        let data = data.ok_or_else(|| Error::internal("tensors of one type hold different data"))?;
        let count = parts.iter().map(|part| part.len()).sum();
        Host::new(element, &[count], data)
    }

    /// The text.
    ///
    /// # Errors
    /// It is numbers.
    pub(crate) fn text(&self) -> Result<&[Vec<u8>]> {
        match &self.data {
            Data::Text(text) => Ok(text),
            _ => Err(Error::input(format!("{self} is no text"))),
        }
    }

    /// The elements as numbers; none of text.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::F64(v) => v.clone(),
            Data::Int(v) if self.element == Element::Uint64 => v.iter().map(|&x| x as u64 as f64).collect(),
            Data::Int(v) => v.iter().map(|&x| x as f64).collect(),
            Data::Text(_) => Vec::new(),
        }
    }

    /// The elements as integers, floats cut towards zero; none of text.
    pub fn to_i64(&self) -> Vec<i64> {
        match &self.data {
            Data::F32(v) => v.iter().map(|&x| x as i64).collect(),
            Data::F64(v) => v.iter().map(|&x| x as i64).collect(),
            Data::Int(v) => v.clone(),
            Data::Text(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.element, self.sizes)
    }
}

/// The number of elements of these sizes. Those beside a 0 are limited too, so that strides can be computed.
pub(crate) fn elements(sizes: &[usize]) -> Result<usize> {
    let limit = sizes.iter().try_fold(1usize, |n, &size| n.checked_mul(size.max(1)));
    match limit.filter(|&n| n < 1 << 40) {
        Some(_) => Ok(sizes.iter().product()),
        None => Err(Error::shape(format!("{sizes:?} has more elements than can be addressed"))),
    }
}

/// The refusal of a number that would be another one on a device.
fn too_wide(position: usize, number: impl fmt::Display) -> Error {
    Error::unsupported(format!("element {position} is {number}, which does not fit the 32 bits of a device"))
}

/// A number rounded to a float of 32 bits or less.
fn round(element: Element, x: f64) -> f32 {
    match element {
        Element::Float16 => f16::from_f64(x).to_f32(),
        Element::Bfloat16 => bf16::from_f64(x).to_f32(),
        _ => x as f32,
    }
}

/// An integer cut to the bits of a type.
pub(crate) fn wrap(element: Element, x: i64) -> i64 {
    let Some(bits) = element.bits().filter(|&bits| bits < 64 && element.is_integer()) else { return x };
    let shift = 64 - bits as u32;
    if element.is_signed() { (x << shift) >> shift } else { ((x as u64) << shift >> shift) as i64 }
}
