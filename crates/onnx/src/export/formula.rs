//! Operators of ONNX inside each other, as a line of text: `Mul(a, Sigmoid(a))`.
//!
//! ```text
//! formula  = number | operand | operator "(" formula {"," formula} [";" name "=" number {"," ...}] ")"
//! operand  = "a" | "b" | "c", the inputs
//! number   = a decimal number, or "c0" | "c1", the constants of the operator
//! ```

use anygrad_core::{Error, Result};

/// A formula as it is read.
#[derive(Debug, PartialEq)]
pub(super) enum Formula<'t> {
    Number(f64),
    Operand(usize),
    Operator { name: &'t str, inputs: Vec<Formula<'t>>, settings: Vec<(&'t str, f64)> },
}

struct Reader<'t, 'c> {
    text: &'t str,
    rest: &'t str,
    constants: &'c [f64],
}

/// Reads a formula, with these constants.
///
/// # Errors
/// It is none: a mistake of a table.
pub(super) fn read<'t>(text: &'t str, constants: &[f64]) -> Result<Formula<'t>> {
    let mut reader = Reader { text, rest: text, constants };
    let formula = reader.formula()?;
    if reader.rest.is_empty() { Ok(formula) } else { Err(reader.wrong("more behind its end")) }
}

impl<'t> Reader<'t, '_> {
    fn wrong(&self, why: &str) -> Error {
        Error::internal(format!("formula {:?}: {why} at {:?}", self.text, self.rest))
    }

    fn word(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        let end =
            self.rest.find(|c: char| !(c.is_alphanumeric() || "._-+".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn takes(&mut self, mark: char) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn number(&self, word: &str) -> Result<f64> {
        let constant = word.strip_prefix('c').and_then(|at| at.parse::<usize>().ok());
        match constant.map(|at| self.constants.get(at)) {
            Some(Some(value)) => Ok(*value),
            Some(None) => Err(self.wrong("no such constant")),
            None => word.parse().map_err(|_| self.wrong("no number")),
        }
    }

    fn formula(&mut self) -> Result<Formula<'t>> {
        let word = self.word();
        if !self.takes('(') {
            return match ["a", "b", "c"].iter().position(|operand| *operand == word) {
                Some(operand) => Ok(Formula::Operand(operand)),
                None => Ok(Formula::Number(self.number(word)?)),
            };
        }
        let (mut inputs, mut settings) = (vec![self.formula()?], Vec::new());
        while self.takes(',') {
            inputs.push(self.formula()?);
        }
        if self.takes(';') {
            loop {
                let name = self.word();
                if !self.takes('=') {
                    return Err(self.wrong("no setting"));
                }
                let value = self.word();
                settings.push((name, self.number(value)?));
                if !self.takes(',') {
                    break;
                }
            }
        }
        if !self.takes(')') {
            return Err(self.wrong("no closing bracket"));
        }
        Ok(Formula::Operator { name: word, inputs, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_read() {
        let read = |text| read(text, &[0.25]).map_err(|error| error.to_string());
        let inner = Formula::Operator {
            name: "Elu",
            inputs: vec![Formula::Operand(0)],
            settings: vec![("alpha", 0.25)],
        };
        let whole = Formula::Operator {
            name: "Mul",
            inputs: vec![inner, Formula::Number(-1.5e-3)],
            settings: vec![],
        };
        assert_eq!(read("Mul( Elu(a; alpha = c0), -1.5e-3)"), Ok(whole));
        assert_eq!(read("c0"), Ok(Formula::Number(0.25)));
        assert!(read("c1").unwrap_err().contains("no such constant"));
        assert!(read("Mul(a, b").unwrap_err().contains("no closing bracket"));
        assert!(read("Mul(a, x)").unwrap_err().contains("no number"));
        assert!(read("a)").unwrap_err().contains("more behind its end"));
    }
}
