//! header := `\x93NUMPY` major minor length dictionary
//! dictionary := `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, padded

use std::fmt;
use std::io::Read;

use anygrad_core::{Error, Result, Shape};

use crate::file::read_up_to;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest dictionary that is read; NumPy itself reads 10,000 bytes.
const LONGEST: u64 = 65_535;
/// NumPy pads headers so that the elements begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// The kind of the elements, as the letter of a dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Signed,
    Unsigned,
    Truth,
}

/// What the header of a file says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub kind: Kind,
    /// Bytes of an element.
    pub size: usize,
    pub big_endian: bool,
    /// The first axis is the innermost.
    pub fortran: bool,
    pub shape: Shape,
    /// Bytes before the elements.
    pub length: u64,
    code: String,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.shape, self.code)
    }
}

impl Header {
    /// The bytes that the elements take. A shape has at most 2^48 elements, so that this does not
    /// overflow.
    pub fn bytes(&self) -> u64 {
        self.shape.elements() as u64 * self.size as u64
    }

    pub fn read(stream: &mut impl Read) -> Result<Header> {
        let begin = read_up_to(stream, 8)?;
        if !begin.starts_with(MAGIC) {
            return Err(Error::input(format!("no .npy file: it begins with the bytes {begin:02x?}")));
        }
        let (version, width) = match begin[MAGIC.len()..] {
            [1, minor] => ((1, minor), 2),
            [major @ (2 | 3), minor] => ((major, minor), 4),
            [major, minor] => {
                return Err(Error::input(format!(
                    ".npy of version {major}.{minor}: versions 1 to 3 are supported"
                )));
            }
            _ => return Err(cut_off(8, begin.len())),
        };
        let length = read_up_to(stream, width)?;
        if (length.len() as u64) < width {
            return Err(cut_off(width as usize, length.len()));
        }
        let length = length.iter().rev().fold(0u64, |length, &byte| length << 8 | u64::from(byte));
        if length > LONGEST {
            return Err(Error::input(format!("a header of {length} bytes: at most {LONGEST} are supported")));
        }
        let dictionary = read_up_to(stream, length)?;
        if (dictionary.len() as u64) < length {
            return Err(cut_off(length as usize, dictionary.len()));
        }
        let text = std::str::from_utf8(&dictionary).map_err(|_| {
            Error::input(format!("the header of version {}.{} is not UTF-8", version.0, version.1))
        })?;
        let mut header = parse(text).map_err(|why| Error::input(format!("the header: {why}")))?;
        header.length = 8 + width + length;
        Ok(header)
    }
}

/// The header of a file of version 1.
pub(super) fn written(code: &str, sizes: &[usize]) -> Vec<u8> {
    let sizes: String = sizes.iter().map(|size| format!("{size}, ")).collect();
    let mut text =
        format!("{{'descr': '{code}', 'fortran_order': False, 'shape': ({}), }}", sizes.trim_end());
    let begin = MAGIC.len() + 4;
    let length = (begin + text.len() + 1).next_multiple_of(ALIGNMENT) - begin;
    text.extend(std::iter::repeat_n(' ', length - 1 - text.len()));
    text.push('\n');
    let mut bytes = [MAGIC, &[1, 0]].concat();
    // At most 8 axes: the length is below 512.
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn cut_off(want: usize, there: usize) -> Error {
    Error::input(format!("truncated: {there} of {want} bytes of the header are there"))
}

fn parse(text: &str) -> Result<Header, String> {
    let mut words = Words { rest: text };
    let (mut code, mut fortran, mut sizes) = (None, None, None);
    words.expect("{")?;
    while !words.take("}") {
        let key = words.text()?;
        words.expect(":")?;
        let again = match key {
            "descr" => code.replace(words.text().map_err(|_| records(words.rest))?).is_some(),
            "fortran_order" => fortran.replace(words.truth()?).is_some(),
            "shape" => sizes.replace(words.sizes()?).is_some(),
            other => return Err(format!("the key {other:?} is none of descr, fortran_order, shape")),
        };
        if again {
            return Err(format!("the key {key:?} comes twice"));
        }
        if !words.take(",") {
            words.expect("}")?;
            break;
        }
    }
    if !words.rest.trim().is_empty() {
        return Err(format!("{} follows the dictionary", words.shown()));
    }
    let missing = |key: &str| format!("the key {key:?} is missing");
    let code = code.ok_or_else(|| missing("descr"))?;
    let shape = Shape::new(&sizes.ok_or_else(|| missing("shape"))?).map_err(|error| error.to_string())?;
    let (kind, size, big_endian) = element(code)?;
    let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
    Ok(Header { kind, size, big_endian, fortran, shape, length: 0, code: code.to_owned() })
}

fn records(rest: &str) -> String {
    if rest.trim_start().starts_with('[') {
        "records are not supported: give each field an array of its own".to_owned()
    } else {
        "the value of descr is no text".to_owned()
    }
}

/// Kind, size and byte order of a dtype, as of `<f4`.
fn element(code: &str) -> Result<(Kind, usize, bool), String> {
    let (big_endian, name) = match code.split_at_checked(1) {
        Some((">", name)) => (true, name),
        Some(("<" | "|" | "=", name)) => (false, name),
        _ => (false, code),
    };
    let (kind, size) = match name {
        "f2" => (Kind::Float, 2),
        "f4" => (Kind::Float, 4),
        "f8" => (Kind::Float, 8),
        "i1" => (Kind::Signed, 1),
        "i2" => (Kind::Signed, 2),
        "i4" => (Kind::Signed, 4),
        "i8" => (Kind::Signed, 8),
        "u1" => (Kind::Unsigned, 1),
        "u2" => (Kind::Unsigned, 2),
        "u4" => (Kind::Unsigned, 4),
        "u8" => (Kind::Unsigned, 8),
        "b1" => (Kind::Truth, 1),
        _ if name.starts_with('O') => return Err("pickled objects are never loaded".to_owned()),
        _ => {
            let known = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1";
            return Err(format!("the dtype {code:?} is not supported, which are {known}"));
        }
    };
    Ok((kind, size, big_endian))
}

/// The words of a dictionary; spaces between them do not count.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(word);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.take(word) {
            Ok(())
        } else {
            Err(format!("{word:?} is expected where {} stands", self.shown()))
        }
    }

    /// A text in quotes. None that a header holds has escapes.
    fn text(&mut self) -> Result<&'a str, String> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
        let inside = quote.and_then(|quote| rest[1..].split_once(quote));
        let (text, rest) =
            inside.ok_or_else(|| format!("a text is expected where {} stands", self.shown()))?;
        self.rest = rest;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, String> {
        if self.take("True") { Ok(true) } else { self.expect("False").map(|()| false) }
    }

    /// The sizes of a tuple, as `(3, 4)`, `(3,)` or `()`.
    fn sizes(&mut self) -> Result<Vec<usize>, String> {
        let mut sizes = Vec::new();
        self.expect("(")?;
        while !self.take(")") {
            let rest = self.rest.trim_start();
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let size = rest[..digits].parse::<usize>();
            sizes.push(size.map_err(|_| format!("a size is expected where {} stands", self.shown()))?);
            self.rest = &rest[digits..];
            // Files of Python 2 say `3L`.
            self.take("L");
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(sizes)
    }

    /// Where one is, as errors show it.
    fn shown(&self) -> String {
        match self.rest.trim_start() {
            "" => "the end".to_owned(),
            rest => format!("{:?}", rest.chars().take(24).collect::<String>()),
        }
    }
}
