//! What is written comes back to the bit, and nothing else is taken for it.

mod hostile;

use half::{bf16, f16};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A small checkpoint with a tensor of every type.
pub(super) fn small() -> Checkpoint {
    let nan = f32::from_bits(0x7fc0_1234);
    let tensors = [
        ("f32", Array::f32(&[2, 2], [1.5, -0.0, nan, f32::INFINITY])),
        ("f16", Array::new(&[3], Data::F16(vec![f16::from_bits(0x7e01), f16::MIN, f16::from_bits(1)]))),
        ("bf16", Array::new(&[1], Data::BF16(vec![bf16::from_bits(0xffc1)]))),
        ("i32", Array::i32(&[2], [i32::MIN, i32::MAX])),
        ("u32", Array::u32(&[1, 1], [u32::MAX])),
        ("bool", Array::bool(&[3], &[true, false, true])),
    ];
    let tensors = tensors.map(|(name, array)| (name.to_owned(), array.unwrap())).into();
    Checkpoint { tensors, meta: json!({ "epoch": 3 }) }
}

/// The same, bit for bit: NaN differs from itself.
fn assert_same(a: &Checkpoint, b: &Checkpoint) {
    let parts = |checkpoint: &Checkpoint| {
        let tensor = |(name, array): (&String, &Array)| {
            (name.clone(), array.dtype(), array.shape(), array.bytes().to_vec())
        };
        checkpoint.tensors.iter().map(tensor).collect::<Vec<_>>()
    };
    assert_eq!(parts(a), parts(b));
    assert_eq!(a.meta, b.meta);
}

#[test]
fn every_type_comes_back_to_the_bit() {
    let checkpoint = small();
    let bytes = checkpoint.to_bytes().unwrap();
    assert_same(&Checkpoint::from_bytes(&bytes).unwrap(), &checkpoint);
    assert_eq!(checkpoint.to_bytes().unwrap(), bytes, "the same content gives the same bytes");
}

#[test]
fn the_format_is_what_it_was() {
    let bytes = small().to_bytes().unwrap();
    let head = head_length(&bytes, bytes.len() as u64).unwrap() as usize;
    let text = std::str::from_utf8(&bytes[LENGTH..head]).unwrap();
    let known = concat!(
        r#"{"__metadata__":{"digest":"DIGEST","format":"anygrad-checkpoint/1","label":"","#,
        r#""meta":"{\"epoch\":3}"},"#,
        r#""f32":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"#,
        r#""i32":{"dtype":"I32","shape":[2],"data_offsets":[16,24]},"#,
        r#""u32":{"dtype":"U32","shape":[1,1],"data_offsets":[24,28]},"#,
        r#""bf16":{"dtype":"BF16","shape":[1],"data_offsets":[28,30]},"#,
        r#""f16":{"dtype":"F16","shape":[3],"data_offsets":[30,36]},"#,
        r#""bool":{"dtype":"BOOL","shape":[3],"data_offsets":[36,39]}}"#,
    );
    let digest = std::str::from_utf8(&bytes[digest_range()]).unwrap();
    assert_eq!(text.trim_end(), known.replace("DIGEST", digest));
    assert_eq!(bytes.len(), head + 39);
    let mut blank = bytes.clone();
    blank[digest_range()].fill(b'0');
    assert_eq!(digest, sha256(&[&blank]));
}

#[test]
fn unusual_shapes_and_names_come_back() {
    let arrays = [
        ("scalar", Array::scalar(2.5)),
        ("empty", Array::f32(&[0, 3], []).unwrap()),
        ("deep", Array::f32(&[1, 1, 2, 1, 1, 1, 1, 2], [1.0, 2.0, 3.0, 4.0]).unwrap()),
        ("", Array::scalar(1.0)),
        ("a \"quoted\" \\ name\n\u{0}\u{1f600}", Array::scalar(3.0)),
    ];
    let tensors: BTreeMap<_, _> = arrays.map(|(name, array)| (name.to_owned(), array)).into();
    let numbers =
        json!([0.1 + 0.2, 5e-324, f64::MAX, -0.0, u64::MAX, i64::MIN, 1.0 / 3.0, 9.007199254740993e15]);
    for meta in
        [Value::Null, json!("text"), numbers, json!({ "nested": { "a": [1, { "b": "\u{7}\u{1f600}" }] } })]
    {
        let checkpoint = Checkpoint { tensors: tensors.clone(), meta };
        let back = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
        assert_same(&back, &checkpoint);
        let bits =
            |meta: &Value| meta.as_array().map(|all| all.iter().map(|x| x.to_string()).collect::<Vec<_>>());
        assert_eq!(bits(&back.meta), bits(&checkpoint.meta));
    }
    assert_same(
        &Checkpoint::from_bytes(&Checkpoint::default().to_bytes().unwrap()).unwrap(),
        &Checkpoint::default(),
    );
}

#[test]
fn other_programs_read_it() {
    let bytes = small().to_bytes().unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), 6);
    for (name, array) in &small().tensors {
        let tensor = theirs.tensor(name).unwrap();
        assert_eq!(tensor.shape(), &*array.shape());
        assert_eq!(tensor.data(), &*file_bytes(array).unwrap(), "{name}");
    }
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["meta"], r#"{"epoch":3}"#);
}

#[test]
fn what_cannot_be_saved_is_refused() {
    let named =
        |name: &str, array| Checkpoint { tensors: [(name.to_owned(), array)].into(), meta: Value::Null };
    let error = named("__metadata__", Array::scalar(1.0)).to_bytes().unwrap_err();
    assert!(error.to_string().contains("cannot be named __metadata__"), "{error}");
    let odd = Array::new(&[3], Data::Bool(vec![0, 1, 7])).unwrap();
    let error = named("mask", odd).to_bytes().unwrap_err();
    assert_eq!(error.to_string(), "tensor \"mask\": element 2 is 7, a truth value is 0 or 1");
    let error = named(&"x".repeat(65 << 20), Array::scalar(1.0)).to_bytes().unwrap_err();
    assert!(error.to_string().contains("at most 67108864 are supported"), "{error}");
}

proptest! {
    #[test]
    fn any_content_comes_back(
        parts in proptest::collection::btree_map(".{0,12}", proptest::collection::vec(any::<u32>(), 0..20), 0..5),
        text in ".{0,40}",
        number in any::<f64>(),
    ) {
        let array = |(name, bits): (String, Vec<u32>)| {
            let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
            (name, Array::f32(&[values.len()], values).unwrap())
        };
        let tensors = parts.into_iter().filter(|(name, _)| name != "__metadata__").map(array).collect();
        let checkpoint = Checkpoint { tensors, meta: json!({ "text": text, "number": number }) };
        let back = Checkpoint::from_bytes(&checkpoint.to_bytes().unwrap()).unwrap();
        assert_same(&back, &checkpoint);
    }
}
