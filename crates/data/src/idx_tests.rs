use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use tempfile::{TempDir, tempdir};

use super::*;

/// An IDX file of bytes.
fn idx(code: u8, sizes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, sizes.len() as u8];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `n` images in which every pixel is the number of the image.
fn images(n: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..n).flat_map(|i| [i; SIDE * SIDE]).collect();
    idx(8, &[n.into(), 28, 28], &pixels)
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

fn refused(files: &[(&str, Vec<u8>)]) -> String {
    let error = load_mnist(folder(files).path()).unwrap_err();
    assert!(error.is_input(), "{error}");
    error.to_string()
}

const IMAGES: &str = "t10k-images-idx3-ubyte";
const LABELS: &str = "t10k-labels-idx1-ubyte";

#[test]
fn both_parts_are_loaded_plain_or_gzipped() {
    let labels = idx(8, &[3], &[7, 0, 9]);
    let test = [(IMAGES, images(3)), ("t10k-labels-idx1-ubyte.gz", gzip(&labels))];
    let mnist = load_mnist(folder(&test).path()).unwrap();
    assert!(mnist.test.is_none());
    assert_eq!(mnist.train.targets(), &Array::i32(&[3], [7, 0, 9]).unwrap());
    assert_eq!(&mnist.train.features().shape()[..], [3, 1, 28, 28]);
    assert_eq!(mnist.train.features().as_f32().unwrap()[2 * SIDE * SIDE], 2.0 / 255.0);

    let [a, b] = test;
    let train = [
        ("train-images-idx3-ubyte.gz", gzip(&images(2))),
        ("train-labels-idx1-ubyte", idx(8, &[2], &[1, 2])),
    ];
    let [c, d] = train;
    let mnist = load_mnist(folder(&[a, b, c, d]).path()).unwrap();
    assert_eq!((mnist.train.len(), mnist.test.unwrap().len()), (2, 3));
}

#[test]
fn missing_files_are_named() {
    assert!(load_mnist("/no/such/folder").unwrap_err().to_string().contains("there is no such folder"));
    assert!(refused(&[]).contains("neither train-images-idx3-ubyte nor"));
    assert!(refused(&[(IMAGES, images(1))]).contains("t10k-labels-idx1-ubyte is not"));
    assert!(refused(&[(LABELS, idx(8, &[1], &[1]))]).contains("t10k-images-idx3-ubyte is not"));
}

#[test]
fn files_that_disagree_are_refused_with_numbers() {
    let with = |images, labels| refused(&[(IMAGES, images), (LABELS, labels)]);
    let error = with(images(3), idx(8, &[2], &[1, 2]));
    assert!(error.contains("holds [2] of U8, not a label of U8 for each of the 3 images"), "{error}");
    let error = with(images(2), idx(8, &[2], &[1, 10]));
    assert!(error.ends_with("label 1 is 10, above 9"), "{error}");
    let error = with(idx(8, &[2, 3, 3], &[0; 18]), idx(8, &[2], &[1, 2]));
    assert!(error.contains("holds [2, 3, 3] of U8, not images of [n, 28, 28]"), "{error}");
    let error = with(idx(8, &[0, 28, 28], &[]), idx(8, &[0], &[]));
    assert!(error.contains("holds [0, 28, 28]"), "{error}");
}

fn read(bytes: &[u8]) -> Result<Array> {
    let folder = folder(&[("a.idx", bytes.to_vec())]);
    read_idx(folder.path().join("a.idx"))
}

#[test]
fn every_element_type_is_read() {
    let ints = |values: &[i32]| Array::i32(&[values.len()], values).unwrap();
    assert_eq!(read(&idx(0x08, &[2], &[1, 255])).unwrap(), ints(&[1, 255]));
    assert_eq!(read(&idx(0x09, &[2], &[1, 255])).unwrap(), ints(&[1, -1]));
    assert_eq!(read(&idx(0x0B, &[2], &[1, 2, 255, 254])).unwrap(), ints(&[258, -2]));
    assert_eq!(read(&idx(0x0C, &[1], &i32::MIN.to_be_bytes())).unwrap(), ints(&[i32::MIN]));
    let half = Array::f32(&[1], [0.5]).unwrap();
    assert_eq!(read(&idx(0x0D, &[1], &0.5f32.to_be_bytes())).unwrap(), half);
    assert_eq!(read(&idx(0x0E, &[1], &0.5f64.to_be_bytes())).unwrap(), half);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let bytes = |x: f64| [0.5f64.to_be_bytes(), x.to_be_bytes()].concat();
    for (x, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (1e300, "1e300")] {
        let error = read(&idx(0x0E, &[2], &bytes(x))).unwrap_err().to_string();
        assert!(error.ends_with(&format!("a.idx: element 1 is {shown}, not finite as an f32")), "{error}");
    }
}

#[test]
fn every_prefix_is_an_error() {
    let plain = idx(8, &[2, 3, 5], &(0..30).collect::<Vec<u8>>());
    for file in [gzip(&plain), plain] {
        assert!(read(&file).is_ok());
        for length in 0..file.len() {
            let error = read(&file[..length]).unwrap_err();
            assert!(error.is_input() && error.to_string().contains("a.idx: "), "{length}: {error}");
        }
    }
}

#[test]
fn headers_are_checked_before_memory_is_taken() {
    let cases = [
        (idx(8, &[4], &[0; 3]), "truncated: [4] of U8 takes 4 bytes, 3 are there"),
        (idx(8, &[4], &[0; 5]), "longer than the 4 bytes that [4] of U8 takes"),
        (idx(14, &[u32::MAX, 8], &[0; 3]), "of F64 takes 274877906880 bytes, 3 are there"),
        (idx(8, &[u32::MAX; 3], &[]), "has more elements than can be addressed"),
        (idx(8, &[1; 9], &[0]), "the header says 9 axes, 1 to 8 are supported"),
        (idx(8, &[], &[0]), "the header says 0 axes"),
        (idx(8, &[2, 2], &[])[..6].to_vec(), "the header of 2 axes takes 12 bytes, 6 are there"),
        (idx(10, &[1], &[0]), "type code 0x0a is unknown"),
        (b"PNG?".to_vec(), "it begins with the bytes [50, 4e, 47, 3f]"),
    ];
    for (bytes, message) in cases {
        for file in [gzip(&bytes), bytes] {
            let error = read(&file).unwrap_err().to_string();
            let growth_bound = error.contains("are there") && file.starts_with(&[0x1f]);
            assert!(error.contains(message) || growth_bound, "{error}");
        }
    }
}

#[test]
fn a_gzip_bomb_is_left_unread() {
    // 64 MiB of zeros behind a header that announces 4 bytes.
    let bomb = gzip(&idx(8, &[4], &vec![0; 64 << 20]));
    assert!(read(&bomb).unwrap_err().to_string().ends_with("longer than the 4 bytes that [4] of U8 takes"));
    // A header that announces more than the file can hold.
    let error = read(&gzip(&idx(8, &[1 << 30], &[0; 8]))).unwrap_err().to_string();
    assert!(error.contains("truncated: [1073741824] of U8 takes 1073741824 bytes"), "{error}");
    // A wrong check sum.
    let mut wrong = gzip(&idx(8, &[4], &[0; 4]));
    let sum = wrong.len() - 8;
    wrong[sum] ^= 1;
    assert!(read(&wrong).unwrap_err().is_input());
}
