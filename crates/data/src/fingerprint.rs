use std::fmt::Write;

use anygrad_core::Array;
use sha2::{Digest, Sha256};

/// The SHA-256 of some arrays with their names, as 64 hexadecimal digits: the same data gives the
/// same digits in every run, on every machine and with every release.
///
/// What is hashed: the text `anygrad data 1`, then for each array its name, its dtype (`f32`), the
/// number of axes, their sizes, and the elements as little-endian bytes, row by row. Texts and
/// elements come after their length in bytes; lengths and sizes are u64, little-endian. So neither
/// another name, shape or dtype nor other borders between arrays give the same digits.
pub fn fingerprint(arrays: &[(&str, &Array)]) -> String {
    let mut hash = Hash::new();
    arrays.iter().for_each(|(name, array)| hash.array(name, array));
    hash.digits()
}

pub(crate) struct Hash(Sha256);

impl Hash {
    pub fn new() -> Self {
        Hash(Sha256::new_with_prefix(b"anygrad data 1"))
    }

    pub fn array(&mut self, name: &str, array: &Array) {
        self.bytes(name.as_bytes());
        self.bytes(array.dtype().to_string().as_bytes());
        let shape = array.shape();
        self.number(shape.rank());
        shape.iter().for_each(|&size| self.number(size));
        self.bytes(array.bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    pub fn digits(self) -> String {
        let mut digits = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a text cannot fail.
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    #[test]
    fn digits_are_those_of_the_documented_bytes() {
        // python3: hashlib.sha256(b"anygrad data 1" + q(1) + b"x" + q(3) + b"f32" + q(2) + q(1) + q(2)
        // + q(8) + struct.pack("<2f", 1, -2)), where q is struct.pack("<Q", _).
        let x = Array::f32(&[1, 2], [1.0, -2.0]).unwrap();
        assert_eq!(
            fingerprint(&[("x", &x)]),
            "6b73d22380a63cf276281ae0d671f3070be999161656eb0fd318508d3958e1ee"
        );
        assert_eq!(fingerprint(&[]), "1d8e023967c30fd3b3ff3e51406e1819080557cb4d6f853e118eb709e50480e1");
    }

    #[test]
    fn any_change_changes_the_digits() {
        let data = |x: Array, y: [i32; 2], names: [&str; 2]| {
            let data = Dataset::new(x, Array::i32(&[2], y).unwrap()).unwrap();
            data.with_classes(names.map(str::to_owned).to_vec()).unwrap().fingerprint()
        };
        let x = Array::f32(&[2, 2], [1.0, 2.0, 3.0, 0.0]).unwrap();
        let names = ["a", "bc"];
        let first = data(x.clone(), [0, 1], names);
        assert_eq!(first, data(x.clone(), [0, 1], names));
        let others = [
            data(Array::f32(&[2, 2], [1.0, 2.0, 3.0, -0.0]).unwrap(), [0, 1], names),
            data(x.clone().reshape(&[2, 1, 2]).unwrap(), [0, 1], names),
            data(Array::i32(&[2, 2], [1, 2, 3, 0]).unwrap(), [0, 1], names),
            data(x.clone(), [1, 1], names),
            data(x.clone(), [0, 1], ["ab", "c"]),
        ];
        for (i, other) in others.iter().enumerate() {
            assert_ne!(other, &first, "{i}");
            assert!(!others[..i].contains(other));
        }
        assert_ne!(fingerprint(&[("x", &x)]), fingerprint(&[("y", &x)]));
    }
}
