//! IDX, the format of MNIST: bytes 0 0, a type code, the number of axes, the size of each axis as
//! a big-endian u32, then the elements, row-major and big-endian. Plain or gzipped.
//! Source: <http://yann.lecun.com/exdb/mnist/>.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anygrad_core::{Array, Context, Error, MAX_RANK, Result, Shape};
use flate2::bufread::MultiGzDecoder;

use crate::Dataset;
use crate::file::{MAX_GROWTH, read_up_to, unreadable};

/// The pixels of one side of an MNIST image.
const SIDE: usize = 28;
/// The classes of MNIST: digits, or garments in Fashion-MNIST.
const CLASSES: usize = 10;

/// MNIST, or a data set in its form. Features `[n, 1, 28, 28]`, `f32` from 0 to 1; targets `[n]`,
/// `i32` from 0 to 9.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// The training images; the test images when the folder holds only those.
    pub train: Dataset,
    /// The test images, when the folder holds both.
    pub test: Option<Dataset>,
}

/// MNIST from a folder with `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`,
/// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or both pairs; each file plain or `.gz`.
///
/// # Errors
/// The folder or one file of a pair is missing, or a file is damaged: no IDX, shorter or longer
/// than its header says, other sizes than 28x28, fewer labels than images, a label above 9.
pub fn load_mnist(folder: impl AsRef<Path>) -> Result<Mnist> {
    let folder = folder.as_ref();
    if !folder.is_dir() {
        return Err(Error::input(format!("{}: there is no such folder", folder.display())));
    }
    match (load_pair(folder, "train")?, load_pair(folder, "t10k")?) {
        (Some(train), test) => Ok(Mnist { train, test }),
        (None, Some(train)) => Ok(Mnist { train, test: None }),
        (None, None) => Err(Error::input(format!(
            "{}: neither train-images-idx3-ubyte nor t10k-images-idx3-ubyte is there, plain or .gz",
            folder.display()
        ))),
    }
}

/// The array of an IDX file, plain or gzipped. Whole numbers (u8, i8, i16, i32) become `i32`,
/// floats (f32, f64) become `f32`.
///
/// # Errors
/// The file cannot be read, is no IDX, is shorter or longer than its header says, or holds a number
/// that is not finite as an `f32`.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let idx = Idx::read(path)?;
    if idx.element.is_float() {
        if let Some((place, x)) = idx.numbers().enumerate().find(|(_, x)| !(*x as f32).is_finite()) {
            let message = format!("{}: element {place} is {x:?}, not finite as an f32", path.display());
            return Err(Error::input(message));
        }
        Array::f32(&idx.sizes, idx.numbers().map(|x| x as f32).collect::<Vec<f32>>())
    } else {
        Array::i32(&idx.sizes, idx.numbers().map(|x| x as i32).collect::<Vec<i32>>())
    }
}

/// Images and labels of one part, or none when both files are missing.
fn load_pair(folder: &Path, part: &str) -> Result<Option<Dataset>> {
    let images = find(folder, &format!("{part}-images-idx3-ubyte"));
    let labels = find(folder, &format!("{part}-labels-idx1-ubyte"));
    let missing = |what: &str, other: &Path| {
        Err(Error::input(format!(
            "{}: {} is there but {part}-{what}-ubyte is not, plain or .gz",
            folder.display(),
            other.file_name().unwrap_or_default().display()
        )))
    };
    match (images, labels) {
        (Some(images), Some(labels)) => pair(&images, &labels).map(Some),
        (Some(images), None) => missing("labels-idx1", &images),
        (None, Some(labels)) => missing("images-idx3", &labels),
        (None, None) => Ok(None),
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")].iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn pair(images: &Path, labels: &Path) -> Result<Dataset> {
    let (pixels, digits) = (Idx::read(images)?, Idx::read(labels)?);
    let n = match (pixels.element, &pixels.sizes[..]) {
        (Element::U8, &[n, SIDE, SIDE]) if n > 0 => n,
        (element, sizes) => {
            return Err(Error::input(format!(
                "{}: holds {sizes:?} of {element:?}, not images of [n, {SIDE}, {SIDE}] of U8",
                images.display()
            )));
        }
    };
    if digits.element != Element::U8 || digits.sizes != [n] {
        return Err(Error::input(format!(
            "{}: holds {:?} of {:?}, not a label of U8 for each of the {n} images of {}",
            labels.display(),
            digits.sizes,
            digits.element,
            images.display()
        )));
    }
    if let Some(row) = digits.bytes.iter().position(|&label| usize::from(label) >= CLASSES) {
        return Err(Error::input(format!(
            "{}: label {row} is {}, above {}",
            labels.display(),
            digits.bytes[row],
            CLASSES - 1
        )));
    }
    let features: Vec<f32> = pixels.bytes.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    let targets: Vec<i32> = digits.bytes.iter().map(|&label| i32::from(label)).collect();
    Dataset::new(Array::f32(&[n, 1, SIDE, SIDE], features)?, Array::i32(&[n], targets)?)?
        .with_classes((0..CLASSES).map(|class| class.to_string()).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    fn from_code(code: u8) -> Option<Element> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0B => Element::I16,
            0x0C => Element::I32,
            0x0D => Element::F32,
            0x0E => Element::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Element::F32 | Element::F64)
    }
}

/// A file whose header and length agree.
struct Idx {
    element: Element,
    sizes: Vec<usize>,
    bytes: Vec<u8>,
}

impl Idx {
    fn read(path: &Path) -> Result<Idx> {
        Idx::open(path).context(|| path.display())
    }

    fn open(path: &Path) -> Result<Idx> {
        let file = File::open(path).map_err(unreadable)?;
        let stored = file.metadata().map_err(unreadable)?.len();
        let mut file = BufReader::new(file);
        // A gzip file begins with the bytes 1f 8b, whatever its name.
        if file.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]) {
            Idx::parse(MultiGzDecoder::new(file), stored.saturating_mul(MAX_GROWTH))
        } else {
            Idx::parse(file, stored)
        }
    }

    /// An IDX stream of at most `most` bytes. Sizes are compared with that before memory is taken,
    /// and never more is read than the header announces.
    fn parse(mut stream: impl Read, most: u64) -> Result<Idx> {
        let magic = read_up_to(&mut stream, 4)?;
        let [0, 0, code, rank] = magic[..] else {
            return Err(Error::input(format!("no IDX file: it begins with the bytes {magic:02x?}")));
        };
        let element = Element::from_code(code)
            .ok_or_else(|| Error::input(format!("no IDX file: type code {code:#04x} is unknown")))?;
        let rank = usize::from(rank);
        if rank == 0 || rank > MAX_RANK {
            return Err(Error::input(format!("the header says {rank} axes, 1 to {MAX_RANK} are supported")));
        }
        let header = read_up_to(&mut stream, 4 * rank as u64)?;
        if header.len() < 4 * rank {
            return Err(Error::input(format!(
                "truncated: the header of {rank} axes takes {} bytes, {} are there",
                4 + 4 * rank,
                4 + header.len()
            )));
        }
        let size = |b: &[u8]| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize;
        let sizes: Vec<usize> = header.chunks_exact(4).map(size).collect();
        let shape = Shape::new(&sizes)?;
        // A shape has at most 2^48 elements, so that this does not overflow.
        let want = shape.elements() as u64 * element.size() as u64;
        let truncated = |there: u64| {
            Error::input(format!("truncated: {shape} of {element:?} takes {want} bytes, {there} are there"))
        };
        let room = most.saturating_sub(4 + 4 * rank as u64);
        if want > room {
            return Err(truncated(room));
        }
        let bytes = read_up_to(&mut stream, want)?;
        if (bytes.len() as u64) < want {
            return Err(truncated(bytes.len() as u64));
        }
        // Reading to the end also makes gzip check its sum.
        if !read_up_to(&mut stream, 1)?.is_empty() {
            return Err(Error::input(format!(
                "longer than the {want} bytes that {shape} of {element:?} takes"
            )));
        }
        Ok(Idx { element, sizes, bytes })
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.bytes.chunks_exact(self.element.size()).map(|b| match self.element {
            Element::U8 => b[0].into(),
            Element::I8 => (b[0] as i8).into(),
            Element::I16 => i16::from_be_bytes([b[0], b[1]]).into(),
            Element::I32 => i32::from_be_bytes([b[0], b[1], b[2], b[3]]).into(),
            Element::F32 => f32::from_be_bytes([b[0], b[1], b[2], b[3]]).into(),
            Element::F64 => f64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        })
    }
}

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
