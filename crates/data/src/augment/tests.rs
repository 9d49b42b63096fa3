use super::*;
use crate::shuffled;

fn images(n: usize, c: usize, h: usize, w: usize) -> Dataset {
    let pixels: Vec<f32> = (0..n * c * h * w).map(|i| (i + 1) as f32).collect();
    let classes: Vec<i32> = (0..n).map(|row| row as i32 % 3).collect();
    Dataset::new(Array::f32(&[n, c, h, w], pixels).unwrap(), Array::i32(&[n], classes).unwrap())
        .unwrap()
        .with_classes(["a", "b", "c"].map(str::to_owned).to_vec())
        .unwrap()
}

fn with(steps: &[Augment]) -> Augmentation {
    Augmentation { seed: 5, fill: 0.0, steps: steps.to_vec() }
}

const ALL: [Augment; 7] = [
    Augment::Shift { pixels: 2 },
    Augment::FlipHorizontal { chance: 0.5 },
    Augment::FlipVertical { chance: 0.5 },
    Augment::Rotate { degrees: 30.0 },
    Augment::Crop { height: 4, width: 6, padding: 1 },
    Augment::Noise { deviation: 0.1 },
    Augment::Mixup { alpha: 0.4 },
];

#[test]
fn a_row_is_the_same_in_any_batch() {
    let data = images(20, 2, 5, 6);
    let augmentation = with(&ALL);
    let all: Vec<usize> = (0..20).collect();
    let (features, targets) = augmentation.select(&data, &all, 3).unwrap();
    assert_eq!((&features.shape()[..], &targets.shape()[..]), (&[20, 2, 4, 6][..], &[20, 3][..]));
    for rows in [shuffled(20, 1, 0), vec![7], vec![19, 3, 3], vec![]] {
        let (x, y) = augmentation.select(&data, &rows, 3).unwrap();
        assert_eq!((x, y), (features.take_rows(&rows).unwrap(), targets.take_rows(&rows).unwrap()));
    }
    assert_ne!(augmentation.select(&data, &all, 4).unwrap().0, features);
    let other = Augmentation { seed: 6, ..augmentation };
    assert_ne!(other.select(&data, &all, 3).unwrap().0, features);
}

#[test]
fn no_step_changes_nothing() {
    let data = images(3, 1, 2, 2);
    assert_eq!(with(&[]).select(&data, &[2, 0], 1).unwrap(), data.select(&[2, 0]).unwrap());
    let still = [
        Augment::Shift { pixels: 0 },
        Augment::FlipHorizontal { chance: 0.0 },
        Augment::FlipVertical { chance: 0.0 },
        Augment::Rotate { degrees: 0.0 },
        Augment::Crop { height: 2, width: 2, padding: 0 },
        Augment::Noise { deviation: 0.0 },
    ];
    assert_eq!(with(&still).select(&data, &[2, 0], 1).unwrap(), data.select(&[2, 0]).unwrap());
}

#[test]
fn flips_swap_sides() {
    let data = images(1, 1, 2, 3);
    let flipped = |step| with(&[step]).select(&data, &[0], 0).unwrap().0.to_f64();
    assert_eq!(flipped(Augment::FlipHorizontal { chance: 1.0 }), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    assert_eq!(flipped(Augment::FlipVertical { chance: 1.0 }), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    // Each row is flipped or not; about half are.
    let data = images(1000, 1, 1, 2);
    let rows: Vec<usize> = (0..1000).collect();
    let (x, _) = with(&[Augment::FlipHorizontal { chance: 0.3 }]).select(&data, &rows, 0).unwrap();
    let swapped = x.as_f32().unwrap().chunks_exact(2).filter(|pair| pair[0] > pair[1]).count();
    assert!((250..350).contains(&swapped), "{swapped}");
}

#[test]
fn shifts_and_crops_reach_every_place_and_no_other() {
    let data = images(2000, 1, 3, 3);
    let rows: Vec<usize> = (0..2000).collect();
    let shift = Augmentation { fill: -1.0, ..with(&[Augment::Shift { pixels: 1 }]) };
    let crop = Augmentation { fill: -1.0, ..with(&[Augment::Crop { height: 3, width: 3, padding: 1 }]) };
    for augmentation in [shift, crop] {
        let (x, _) = augmentation.select(&data, &rows, 0).unwrap();
        let mut seen = [0; 9];
        for (row, image) in x.as_f32().unwrap().chunks_exact(9).enumerate() {
            let first = (row * 9 + 1) as f32;
            // The center shows where the image went: one of its nine pixels.
            let center = (image[4] - first) as usize;
            seen[center] += 1;
            let want = |place: usize| {
                let (i, j) =
                    ((place / 3 + center / 3).wrapping_sub(1), (place % 3 + center % 3).wrapping_sub(1));
                if i < 3 && j < 3 { first + (3 * i + j) as f32 } else { -1.0 }
            };
            assert!((0..9).all(|place| image[place] == want(place)), "{image:?}");
        }
        assert!(seen.iter().all(|&count| (160..290).contains(&count)), "{seen:?}");
    }
}

#[test]
fn a_quarter_turn_moves_pixels_whole() {
    let size = Size { h: 3, w: 3 };
    let x: Vec<f32> = (1..=9).map(|i| i as f32).collect();
    let near = |y: Vec<f32>, want: [f32; 9]| {
        assert!(y.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{y:?} is not {want:?}");
    };
    near(image::rotated(&x, size, 90.0, 0.0), [3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0]);
    near(image::rotated(&x, size, -90.0, 0.0), [7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]);
    near(image::rotated(&x, size, 180.0, 0.0), [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    // At 45 degrees a corner comes from outside, 0.41 pixels beyond the middle of the side.
    let turned = image::rotated(&x, size, 45.0, 0.0);
    let corner = (2.0 - 2f32.sqrt()) * 2.0;
    assert!((turned[4] - 5.0).abs() < 1e-5 && (turned[0] - corner).abs() < 1e-5, "{turned:?}");
}

#[test]
fn noise_has_its_deviation_on_features_of_any_form() {
    let data = Dataset::new(
        Array::f32(&[100, 50], vec![1.0; 5000]).unwrap(),
        Array::i32(&[100], vec![0; 100]).unwrap(),
    )
    .unwrap();
    let rows: Vec<usize> = (0..100).collect();
    let (x, y) = with(&[Augment::Noise { deviation: 0.5 }]).select(&data, &rows, 0).unwrap();
    let x = x.to_f64();
    let mean = x.iter().sum::<f64>() / 5000.0;
    let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5000.0).sqrt();
    assert!((mean - 1.0).abs() < 0.03 && (deviation - 0.5).abs() < 0.02, "{mean} {deviation}");
    assert_eq!(&y, data.targets());
}

#[test]
fn mixup_mixes_features_and_classes_alike() {
    // The feature is the class, so that the mixed one follows from the shares.
    let classes: Vec<i32> = (0..300).map(|row| row % 3).collect();
    let features: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
    let data =
        Dataset::new(Array::f32(&[300, 1], features.clone()).unwrap(), Array::i32(&[300], classes).unwrap())
            .unwrap();
    let rows: Vec<usize> = (0..300).collect();
    let mix = with(&[Augment::Mixup { alpha: 1.0 }]);
    assert!(mix.select(&data, &rows, 0).unwrap_err().to_string().contains("names"));
    let data = data.with_classes(["a", "b", "c"].map(str::to_owned).to_vec()).unwrap();
    let (x, y) = mix.select(&data, &rows, 0).unwrap();
    let mut mixed = 0;
    for (x, shares) in x.as_f32().unwrap().iter().zip(y.as_f32().unwrap().chunks_exact(3)) {
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((shares[1] + 2.0 * shares[2] - x).abs() < 1e-6);
        mixed += usize::from(shares.iter().all(|&share| share < 0.999));
    }
    assert!((150..250).contains(&mixed), "{mixed}");

    let numbers = Dataset::new(data.features().clone(), Array::f32(&[300, 1], features).unwrap()).unwrap();
    let (x, y) = mix.select(&numbers, &rows, 0).unwrap();
    assert_eq!(x, y);
}

#[test]
fn shares_have_the_moments_of_their_distribution() {
    for alpha in [1e-4, 0.05, 0.2, 1.0, 3.0, 50.0] {
        let mut random = Random::new(4);
        let draws: Vec<f64> = (0..20_000).map(|_| mixup::beta(&mut random, alpha)).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        let want = 0.25 / (2.0 * alpha + 1.0);
        assert!(
            (mean - 0.5).abs() < 0.015 && (variance / want - 1.0).abs() < 0.04,
            "{alpha}: {mean} {variance} {want}"
        );
    }
}

#[test]
fn evaluation_takes_the_middle() {
    let data = images(2, 1, 4, 3);
    let middle = center_crop(data.features(), 2, 1).unwrap();
    assert_eq!(middle, Array::f32(&[2, 1, 2, 1], [5.0, 8.0, 17.0, 20.0]).unwrap());
    assert!(center_crop(data.features(), 5, 1).unwrap_err().is_input());
    assert!(center_crop(&Array::scalar(1.0), 1, 1).unwrap_err().is_shape());
}

#[test]
fn what_does_not_suit_is_refused() {
    let data = images(2, 1, 3, 3);
    let cases = [
        (
            vec![Augment::FlipVertical { chance: 1.5 }],
            "step 0 of the augmentation, FlipVertical { chance: 1.5 }: chance is 1.5, not from 0 to 1",
        ),
        (vec![ALL[6], ALL[1]], "step 0 of the augmentation, Mixup { alpha: 0.4 }: must be the last step"),
        (
            vec![Augment::Crop { height: 6, width: 3, padding: 1 }],
            "step 0 of the augmentation, Crop { height: 6, width: 3, padding: 1 }: cannot be cut out of 5 x 5 pixels",
        ),
    ];
    for (steps, message) in cases {
        assert_eq!(with(&steps).select(&data, &[0], 0).unwrap_err().to_string(), message);
    }
    let numbers = [
        Augment::Rotate { degrees: f64::NAN },
        Augment::Noise { deviation: -1.0 },
        Augment::Mixup { alpha: 0.0 },
        Augment::Crop { height: 0, width: 1, padding: 0 },
        Augment::Crop { height: 1, width: 1, padding: usize::MAX },
        Augment::Shift { pixels: usize::MAX },
        Augment::Shift { pixels: 4 },
    ];
    for step in numbers {
        assert!(with(&[step]).select(&data, &[0], 0).unwrap_err().is_input(), "{step:?}");
    }
    assert!(with(&ALL).select(&data, &[2], 0).unwrap_err().is_input());
    let table = data.map_features(|x| x.clone().reshape(&[2, 9])).unwrap();
    let error = with(&[ALL[0]]).select(&table, &[0], 0).unwrap_err().to_string();
    assert!(error.ends_with("takes images [n, c, h, w], got [2, 9]"), "{error}");
    let hollow = Dataset::new(Array::f32(&[2, 1, 0, 0], []).unwrap(), data.targets().clone()).unwrap();
    assert_eq!(&with(&ALL[1..4]).select(&hollow, &[1, 0], 0).unwrap().0, hollow.features());
    let tokens = data.map_features(|x| Ok(x.cast(DType::I32))).unwrap();
    assert!(with(&[ALL[5]]).select(&tokens, &[0], 0).unwrap_err().is_shape());
}

#[test]
fn a_recipe_writes_steps_by_name() {
    let text = r#"{"seed":5,"steps":[{"step":"shift","pixels":2},{"step":"flip-horizontal"},{"step":"crop","height":4,"width":6},{"step":"mixup","alpha":0.4}]}"#;
    let read: Augmentation = serde_json::from_str(text).unwrap();
    let want = [ALL[0], ALL[1], Augment::Crop { height: 4, width: 6, padding: 0 }, ALL[6]];
    assert_eq!(read, with(&want));
    assert_eq!(serde_json::from_str::<Augmentation>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    assert!(serde_json::from_str::<Augmentation>(r#"{"steps":[{"step":"shift","pixel":2}]}"#).is_err());
}
