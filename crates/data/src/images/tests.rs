use jpeg_encoder::{ColorType, Encoder};
use tempfile::{TempDir, tempdir};

use super::*;

/// A PNG of 8-bit channels.
fn png(width: u32, height: u32, color: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

fn gray(width: u32, height: u32, value: u8) -> Vec<u8> {
    png(width, height, png::ColorType::Grayscale, &vec![value; (width * height) as usize])
}

fn jpeg(width: u16, height: u16, color: ColorType, pixels: &[u8], progressive: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 100);
    encoder.set_progressive(progressive);
    encoder.encode(pixels, width, height, color).unwrap();
    bytes
}

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn options(color: Color, size: Option<[usize; 2]>) -> ImageOptions {
    ImageOptions { color, size, classes: None }
}

fn refused(files: &[(&str, Vec<u8>)], options: &ImageOptions) -> String {
    let folder = folder(files);
    let error = read_image_folder(folder.path(), options).unwrap_err();
    assert!(error.is_input(), "{error:?}");
    error.to_string().replace(&folder.path().display().to_string(), "ROOT")
}

#[test]
fn folders_are_classes_in_the_order_of_their_names() {
    let files = [
        ("dog/b.png", gray(3, 2, 51)),
        ("dog/a.PNG", gray(3, 2, 102)),
        ("cat/z.png", gray(3, 2, 255)),
        ("cat/.hidden", vec![]),
        ("notes.txt", vec![]),
    ];
    let folder = folder(&files);
    let read = read_image_folder(folder.path(), &options(Color::Gray, None)).unwrap();
    assert_eq!(read.data.classes(), ["cat", "dog"]);
    assert_eq!(read.data.targets(), &Array::i32(&[3], [0, 1, 1]).unwrap());
    assert_eq!(read.data.features().shape()[..], [3, 1, 2, 3]);
    let firsts: Vec<f32> = read.data.features().as_f32().unwrap().iter().step_by(6).copied().collect();
    assert_eq!(firsts, [1.0, 0.4, 0.2]);
    assert_eq!(read.files[1], folder.path().join("dog/a.PNG"));

    let asked = ImageOptions { classes: Some(vec!["dog".into(), "cat".into()]), ..options(Color::Rgb, None) };
    let read = read_image_folder(folder.path(), &asked).unwrap();
    assert_eq!(read.data.targets(), &Array::i32(&[3], [0, 0, 1]).unwrap());
    assert_eq!(read.data.features().shape()[..], [3, 3, 2, 3]);
}

#[test]
fn channels_become_planes() {
    let rgb = png(2, 1, png::ColorType::Rgb, &[255, 0, 51, 0, 255, 102]);
    let rgba = png(2, 1, png::ColorType::Rgba, &[255, 0, 51, 0, 0, 255, 102, 255]);
    let folder = folder(&[("a/1.png", rgb), ("a/2.png", rgba)]);
    for name in ["a/1.png", "a/2.png"] {
        let path = folder.path().join(name);
        let image = read_image(&path, &options(Color::Rgb, None)).unwrap();
        assert_eq!(image, Array::f32(&[3, 1, 2], [1.0, 0.0, 0.0, 1.0, 0.2, 0.4]).unwrap());
        let image = read_image(&path, &options(Color::Gray, None)).unwrap();
        let want = [0.299 + 0.114 * 0.2, 0.587 + 0.114 * 0.4];
        assert!(image.to_f64().iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{image:?}");
    }
}

#[test]
fn palettes_and_16_bits_are_read() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    encoder.write_header().unwrap().write_image_data(&[0b0100_0000]).unwrap();
    let pixels = decode::decode(&bytes).unwrap();
    assert_eq!(pixels.values(Color::Rgb), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&[51, 7]).unwrap();
    assert_eq!(decode::decode(&bytes).unwrap().values(Color::Gray), [0.2]);
}

#[test]
fn jpegs_are_read_in_both_modes() {
    let red: Vec<u8> = [200, 20, 40].repeat(16 * 24);
    for progressive in [false, true] {
        let pixels = decode::decode(&jpeg(24, 16, ColorType::Rgb, &red, progressive)).unwrap();
        assert_eq!(pixels.size, [16, 24]);
        let values = pixels.values(Color::Rgb);
        for (c, want) in [200.0, 20.0, 40.0].into_iter().enumerate() {
            let plane = &values[c * 384..(c + 1) * 384];
            assert!(plane.iter().all(|&value| (value * 255.0 - want).abs() < 4.0), "{c}: {plane:?}");
        }
        let ramp: Vec<u8> = (0..=255).collect();
        let pixels = decode::decode(&jpeg(16, 16, ColorType::Luma, &ramp, progressive)).unwrap();
        let values = pixels.values(Color::Gray);
        assert!(values.iter().zip(ramp).all(|(&value, x)| (value * 255.0 - f32::from(x)).abs() < 4.0));
        assert_eq!(pixels.values(Color::Rgb).len(), 3 * 256);
    }
}

#[test]
fn images_are_resized_where_a_size_is_given() {
    let wide = png(4, 1, png::ColorType::Grayscale, &[0, 255, 0, 255]);
    let folder = folder(&[("a/1.png", wide), ("b/2.png", gray(7, 5, 51))]);
    let read = read_image_folder(folder.path(), &options(Color::Gray, Some([2, 2]))).unwrap();
    assert_eq!(read.data.features().shape()[..], [2, 1, 2, 2]);
    let values = read.data.features().as_f32().unwrap();
    // The triangle over the left half weighs its pixels 3, 3 and the one right of it 1, by 7.
    assert!(
        values[..4].iter().zip([3.0 / 7.0, 4.0 / 7.0].repeat(2)).all(|(a, b)| (a - b).abs() < 1e-6),
        "{values:?}"
    );
    assert!(values[4..].iter().all(|value| (value - 0.2).abs() < 1e-6));
}

#[test]
fn resizing_keeps_what_is_linear() {
    let ramp: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let resized = resize::resize(&ramp, [3, 4], [6, 8]);
    // Pixel 1 of 8 is at (1 + 1/2) / 2 - 1/2 = 1/4 of the old ones.
    assert!((resized[1] - 0.25).abs() < 1e-6 && (resized[8 + 2] - (0.75 + 4.0 * 0.25)).abs() < 1e-6);
    assert_eq!(resize::resize(&ramp, [3, 4], [3, 4]), ramp);
}

#[test]
fn bad_folders_name_the_file() {
    let one = || ("a/1.png", gray(2, 2, 0));
    let any = options(Color::Gray, None);
    let cases = [
        (
            vec![one(), ("b/2.png", gray(2, 3, 0))],
            "ROOT/b/2.png: [3, 2] pixels high and wide, the first image has 2 x 2: give a size",
        ),
        (vec![one(), ("a/x.gif", vec![])], "ROOT/a/x.gif: neither .png nor .jpg"),
        (
            vec![one(), ("2.png", gray(2, 2, 0))],
            "ROOT: ROOT/2.png stands beside the folders of the classes, not in one",
        ),
        (vec![one(), ("b/.keep", vec![])], "ROOT/b: a class without images"),
        (vec![("x.txt", vec![])], "ROOT: holds no folder: each class takes one, with its images"),
        (
            vec![("a/1.jpg", b"GIF89a..".to_vec())],
            "ROOT/a/1.jpg: neither PNG nor JPEG: it begins with the bytes [47, 49, 46, 38, 39, 61, 2e, 2e]",
        ),
    ];
    for (files, message) in cases {
        assert_eq!(refused(&files, &any), message);
    }
    let with = |classes: &[&str]| ImageOptions {
        classes: Some(classes.iter().map(|&name| name.to_owned()).collect()),
        ..any.clone()
    };
    assert_eq!(refused(&[one()], &with(&["b"])), "ROOT: the folder \"a\" is none of the classes [\"b\"]");
    assert_eq!(refused(&[one()], &with(&["a", "b"])), "ROOT: no folder \"b\", which is one of the classes");
    assert!(refused(&[one()], &options(Color::Gray, Some([0, 2]))).contains("[0, 2]"));
    assert!(read_image_folder("/none", &any).unwrap_err().to_string().starts_with("/none: cannot be read"));
}

#[test]
fn an_image_cut_anywhere_is_an_error() {
    let noise: Vec<u8> = (0..24 * 24u32).map(|i| (i * i % 251) as u8).collect();
    let whole = [
        png(24, 24, png::ColorType::Grayscale, &noise),
        jpeg(24, 24, ColorType::Luma, &noise, false),
        jpeg(24, 24, ColorType::Luma, &noise, true),
        jpeg(12, 16, ColorType::Rgb, &noise, false),
    ];
    for (kind, bytes) in whole.iter().enumerate() {
        assert!(decode::decode(bytes).is_ok(), "{kind}");
        for length in 0..bytes.len() {
            let error = decode::decode(&bytes[..length]).err();
            assert!(error.is_some_and(|error| error.is_input()), "{kind}: {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn huge_claims_are_refused_at_once() {
    let begun = std::time::Instant::now();
    let mut bytes = gray(8, 8, 1);
    bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let sum = {
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        crc.sum()
    };
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    let error = decode::decode(&bytes).err().unwrap().to_string();
    assert_eq!(error, format!("claims 16384 x 16384 pixels, which no {} bytes make", bytes.len()));

    let mut bytes = jpeg(8, 8, ColorType::Luma, &[9; 64], false);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    let error = decode::decode(&bytes).err().unwrap().to_string();
    assert_eq!(error, format!("claims 16384 x 16384 pixels, which no {} bytes make", bytes.len()));
    assert!(begun.elapsed().as_secs() < 10);
}

#[test]
fn no_bytes_make_it_panic() {
    let noise: Vec<u8> = (0..24 * 24u32).map(|i| (i * i % 251) as u8).collect();
    let whole = [
        png(24, 24, png::ColorType::Grayscale, &noise),
        jpeg(24, 24, ColorType::Luma, &noise, false),
        jpeg(24, 24, ColorType::Luma, &noise, true),
        jpeg(12, 16, ColorType::Rgb, &noise, true),
    ];
    let mut random = anygrad_core::Random::new(8);
    for round in 0..4000 {
        let mut bytes = whole[round % 4].clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.bits() as u8;
        }
        let _ = decode::decode(&bytes);
    }
}
