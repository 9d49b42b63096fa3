//! What an operator is set to, as plain data: for those that write a graph in another language.

use anygrad_core::{Error, Result};

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// Yes or no.
    Bool(bool),
    /// A whole number: an axis, a size.
    Int(i64),
    /// A number.
    Float(f64),
    /// One of a few words.
    Text(&'static str),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
}

macro_rules! from {
    ($($kind:ty: $value:ident => $made:expr;)*) => {$(
        impl From<$kind> for Attribute {
            fn from($value: $kind) -> Self {
                $made
            }
        }
    )*};
}

from! {
    bool: value => Attribute::Bool(value);
    usize: value => Attribute::Int(value as i64);
    isize: value => Attribute::Int(value as i64);
    f64: value => Attribute::Float(value);
    &'static str: value => Attribute::Text(value);
    &[usize]: value => Attribute::Ints(value.iter().map(|&size| size as i64).collect());
    &[isize]: value => Attribute::Ints(value.iter().map(|&size| size as i64).collect());
    &[f64]: value => Attribute::Floats(value.to_vec());
}

/// Settings by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(&'static str, Attribute)>);

impl Attributes {
    /// None.
    pub fn new() -> Self {
        Attributes::default()
    }

    /// With one more.
    pub fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// With one more, if there is one.
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Attribute>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A yes or no; no where it is not there.
    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some(&Attribute::Bool(true))
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is not there, or something else.
    pub fn int(&self, name: &str) -> Result<i64> {
        match self.get(name) {
            Some(Attribute::Int(value)) => Ok(*value),
            other => Err(wrong(name, "a whole number", other)),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// It is not there, or something else.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.get(name) {
            Some(Attribute::Float(value)) => Ok(*value),
            other => Err(wrong(name, "a number", other)),
        }
    }

    /// A word.
    ///
    /// # Errors
    /// It is not there, or something else.
    pub fn text(&self, name: &str) -> Result<&'static str> {
        match self.get(name) {
            Some(Attribute::Text(value)) => Ok(value),
            other => Err(wrong(name, "a word", other)),
        }
    }

    /// Whole numbers.
    ///
    /// # Errors
    /// They are not there, or something else.
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        match self.get(name) {
            Some(Attribute::Ints(values)) => Ok(values),
            other => Err(wrong(name, "whole numbers", other)),
        }
    }

    /// Numbers.
    ///
    /// # Errors
    /// They are not there, or something else.
    pub fn floats(&self, name: &str) -> Result<&[f64]> {
        match self.get(name) {
            Some(Attribute::Floats(values)) => Ok(values),
            other => Err(wrong(name, "numbers", other)),
        }
    }
}

fn wrong(name: &str, wanted: &str, found: Option<&Attribute>) -> Error {
    Error::internal(format!("attribute {name:?} is {found:?}, wanted is {wanted}"))
}
