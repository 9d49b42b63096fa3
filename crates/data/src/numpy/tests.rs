use std::fs;
use std::path::PathBuf;

use anygrad_core::{DType, Shape};
use half::{bf16, f16};
use tempfile::{TempDir, tempdir};

use super::*;

/// A file of version 1 with a header as NumPy writes it.
fn file(descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let text = format!("{text:<117}\n");
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(elements);
    bytes
}

fn read(bytes: &[u8]) -> Result<Array> {
    parse(bytes, bytes.len() as u64)
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes).unwrap_err();
    assert!(error.is_input() || error.is_shape(), "{error:?}");
    error.to_string()
}

fn saved(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn every_dtype_and_byte_order_is_read() {
    let cases: &[(&str, &[u8], Array)] = &[
        ("<f4", &1.5f32.to_le_bytes(), Array::scalar(1.5)),
        (">f4", &1.5f32.to_be_bytes(), Array::scalar(1.5)),
        ("<f8", &(-2.5f64).to_le_bytes(), Array::scalar(-2.5)),
        (">f8", &(-2.5f64).to_be_bytes(), Array::scalar(-2.5)),
        ("<f8", &f64::INFINITY.to_le_bytes(), Array::scalar(f32::INFINITY)),
        (
            ">f2",
            &f16::from_f32(0.25).to_be_bytes(),
            Array::new(&[], Data::F16(vec![f16::from_f32(0.25)])).unwrap(),
        ),
        ("|i1", &[0x80], Array::i32(&[], [-128]).unwrap()),
        ("<i2", &(-300i16).to_le_bytes(), Array::i32(&[], [-300]).unwrap()),
        (">i2", &(-300i16).to_be_bytes(), Array::i32(&[], [-300]).unwrap()),
        ("<i4", &i32::MIN.to_le_bytes(), Array::i32(&[], [i32::MIN]).unwrap()),
        (">i8", &(-7i64).to_be_bytes(), Array::i32(&[], [-7]).unwrap()),
        ("|u1", &[255], Array::i32(&[], [255]).unwrap()),
        (">u2", &65_535u16.to_be_bytes(), Array::i32(&[], [65_535]).unwrap()),
        ("<u4", &u32::MAX.to_le_bytes(), Array::u32(&[], [u32::MAX]).unwrap()),
        ("<u8", &5u64.to_le_bytes(), Array::u32(&[], [5]).unwrap()),
        ("|b1", &[1], Array::bool(&[], &[true]).unwrap()),
    ];
    for (descr, elements, want) in cases {
        assert_eq!(&read(&file(descr, "False", "()", elements)).unwrap(), want, "{descr}");
    }
}

#[test]
fn files_that_numpy_wrote_are_read() {
    // numpy.save of numpy 2.4: a column-major `>f8`, and headers of version 2 and 3.
    let text = format!("{:<117}\n", "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3), }");
    let column_major = [b"\x93NUMPY\x01\x00v\x00", text.as_bytes()].concat();
    let elements = [0.0f64, 3.0, 1.0, 4.0, 2.0, 5.0].map(f64::to_be_bytes).concat();
    let array = read(&[&column_major[..], &elements].concat()).unwrap();
    assert_eq!(array, Array::f32(&[2, 3], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap());
    for version in [2, 3] {
        let mut bytes = b"\x93NUMPY".to_vec();
        let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (), } \n";
        bytes.extend([version, 0, text.len() as u8, 0, 0, 0]);
        bytes.extend(text);
        bytes.extend(2.5f32.to_le_bytes());
        assert_eq!(read(&bytes).unwrap(), Array::scalar(2.5));
    }
}

#[test]
fn columns_first_in_three_axes_becomes_row_major() {
    let shape = Shape::new(&[2, 3, 4]).unwrap();
    let mut elements = vec![0; 24];
    for position in 0..24 {
        let [i, j, k] = shape.index_of(position)[..] else { unreachable!() };
        elements[i + 2 * j + 6 * k] = position as u8;
    }
    let array = read(&file("|u1", "True", "(2, 3, 4)", &elements)).unwrap();
    assert_eq!(array, Array::i32_from(&[2, 3, 4], &(0..24u8).collect::<Vec<_>>()).unwrap());
}

#[test]
fn what_is_written_comes_back() {
    let folder = tempdir().unwrap();
    let numbers = [0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    for dtype in [DType::F32, DType::F16, DType::I32, DType::U32, DType::Bool] {
        for sizes in [&[6][..], &[2, 3], &[1, 1, 6, 1]] {
            let array = Array::from_f64(Shape::new(sizes).unwrap(), dtype, &numbers);
            let path = folder.path().join("a.npy");
            write_npy(&path, &array).unwrap();
            assert_eq!(read_npy(&path).unwrap(), array);
            assert_eq!(
                (fs::read(&path).unwrap().len() - 6 * if dtype == DType::Bool { 1 } else { dtype.size() })
                    % 64,
                0
            );
        }
    }
    for array in [Array::scalar(f32::MIN_POSITIVE), Array::f32(&[0, 3], []).unwrap()] {
        write_npy(folder.path().join("a.npy"), &array).unwrap();
        assert_eq!(read_npy(folder.path().join("a.npy")).unwrap(), array);
    }
    let widened = read(&npy(&Array::new(&[1], Data::BF16(vec![bf16::from_f32(-3.0)])).unwrap())).unwrap();
    assert_eq!(widened, Array::f32(&[1], [-3.0]).unwrap());
    let error = write_npy(folder.path(), &Array::scalar(1.0)).unwrap_err().to_string();
    assert!(error.contains("cannot be written"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a part was left behind");
}

#[test]
fn an_archive_holds_arrays_by_name() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let (x, y) = (Array::f32(&[100, 9], vec![0.5; 900]).unwrap(), Array::i32(&[2], [3, 4]).unwrap());
    write_npz(&path, &[("x", &x), ("train/y", &y)]).unwrap();
    assert_eq!(npz_names(&path).unwrap(), ["x", "train/y"]);
    assert_eq!(read_npz(&path, &[]).unwrap(), [("x".into(), x.clone()), ("train/y".into(), y.clone())]);
    assert_eq!(read_npz(&path, &["train/y"]).unwrap(), [("train/y".into(), y.clone())]);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() < 900, "{} bytes are not deflated", bytes.len());
    write_npz(&path, &[("x", &x), ("train/y", &y)]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let error = read_npz(&path, &["z"]).unwrap_err().to_string();
    assert!(error.ends_with("a.npz: no array \"z\" among x, train/y"), "{error}");
    assert!(write_npz(&path, &[("x", &x), ("x", &y)]).unwrap_err().is_input());
    assert!(write_npz(&path, &[("", &x)]).unwrap_err().is_input());
}

#[test]
fn bad_headers_say_what_stands_where() {
    let truncated = "truncated: [2] of <f4 takes 8 bytes, 4 are there";
    let cases = [
        (file("<f4", "False", "(2,)", &[0; 4]), truncated),
        (file("<f4", "False", "(1,)", &[0; 5]), "longer than the 4 bytes that [1] of <f4 takes"),
        (file("|O", "False", "(1,)", &[0; 8]), "the header: pickled objects are never loaded"),
        (
            file("<c8", "False", "(1,)", &[0; 8]),
            "the header: the dtype \"<c8\" is not supported, which are f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1",
        ),
        (
            file("<f4", "Maybe", "()", &[]),
            "the header: \"False\" is expected where \"Maybe, 'shape': (), }   \" stands",
        ),
        (
            file("<f4", "False", "(-1,)", &[]),
            "the header: a size is expected where \"-1,), }                 \" stands",
        ),
        (file("<f4", "False", "(1,),'shape':()", &[]), "the header: the key \"shape\" comes twice"),
        (
            file("<f4", "False", "(),'x':()", &[]),
            "the header: the key \"x\" is none of descr, fortran_order, shape",
        ),
        (
            file("<f4", "False", "()} x", &[]),
            "the header: \"x, }                    \" follows the dictionary",
        ),
        (
            file("<f4", "False", "(1,1,1,1,1,1,1,1,1)", &[]),
            "the header: [1, 1, 1, 1, 1, 1, 1, 1, 1] has 9 axes, at most 8 are supported",
        ),
        (
            file("<f8", "False", "(2, 1)", &[1f64, 1e300].map(f64::to_le_bytes).concat()),
            "element [1, 0] of [2, 1] of <f8 is 1e300, which does not fit in an f32",
        ),
        (
            file("<i8", "False", "()", &(1i64 << 31).to_le_bytes()),
            "element [] of [] of <i8 is 2147483648, which is no i32",
        ),
        (
            file("<u8", "False", "()", &(1u64 << 32).to_le_bytes()),
            "element [] of [] of <u8 is 4294967296, which is no u32",
        ),
        (file("|b1", "False", "()", &[2]), "element [] of [] of |b1 is 2, a truth value is 0 or 1"),
        (b"PK\x03\x04".to_vec(), "no .npy file: it begins with the bytes [50, 4b, 03, 04]"),
        (b"\x93NUMPY\x04\x00".to_vec(), ".npy of version 4.0: versions 1 to 3 are supported"),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(),
            "a header of 4294967295 bytes: at most 65535 are supported",
        ),
        (b"\x93NUMPY\x01\x00\x02\x00{}".to_vec(), "the header: the key \"descr\" is missing"),
        (
            b"\x93NUMPY\x01\x00\x13\x00{'descr': [('a', 0)".to_vec(),
            "the header: records are not supported: give each field an array of its own",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refused(&bytes), message);
    }
}

/// Claims of any size are compared with the file before memory is taken: this would abort.
#[test]
fn huge_claims_are_refused_at_once() {
    let begun = std::time::Instant::now();
    for shape in
        ["(281474976710656,)", "(70000, 70000, 3)", "(18446744073709551615, 2)", "(99999999999999999999,)"]
    {
        let bytes = file("<f8", "False", shape, &[0; 64]);
        refused(&bytes);
        let (_folder, path) = saved("a.npy", &bytes);
        assert!(read_npy(&path).unwrap_err().to_string().contains("a.npy: "), "{shape}");
        // The same in an archive whose entry claims to be as large.
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &bytes).unwrap();
        let (_folder, path) = saved("a.npz", &archive.finish().unwrap().into_inner());
        assert!(read_npz(&path, &[]).unwrap_err().to_string().contains("a.npz: x: "), "{shape}");
    }
    assert!(begun.elapsed().as_secs() < 10);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = file("<i4", "False", "(3,)", &[1; 12]);
    assert!(read(&bytes).is_ok());
    for length in 0..bytes.len() {
        refused(&bytes[..length]);
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write_npz(&path, &[("x", &read(&bytes).unwrap())]).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(read_npz(&path, &[]).unwrap_err().is_input(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = anygrad_core::Random::new(3);
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write_npz(&path, &[("x", &Array::f32(&[5], [1.0, 2.0, 3.0, 4.0, 5.0]).unwrap())]).unwrap();
    let (array, archive) = (file("<i2", "True", "(2, 3)", &[7; 12]), fs::read(&path).unwrap());
    let mut changed_sums = 0;
    for _ in 0..3000 {
        let mut bytes = array.clone();
        (0..1 + random.below(3)).for_each(|_| {
            let at = random.below(bytes.len());
            bytes[at] = b"(),':0123456789TF<>if\x00\xff{}L"[random.below(26)];
        });
        let _ = read(&bytes);
    }
    for _ in 0..500 {
        let mut bytes = archive.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        fs::write(&path, &bytes).unwrap();
        match read_npz(&path, &[]) {
            // The name and fields that nobody reads may change; elements may not.
            Ok(arrays) => assert_eq!(arrays[0].1, Array::f32(&[5], [1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()),
            Err(error) => {
                assert!(error.is_input() || error.is_shape());
                changed_sums += 1;
            }
        }
    }
    assert!(changed_sums > 200, "{changed_sums}");
}
