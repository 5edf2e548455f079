use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array,
    Int64Array, StringArray, StringViewArray,
};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;

fn codec(columns: &[ArrayRef]) -> KeyCodec {
    KeyCodec::new(columns.iter().map(|column| column.data_type().clone()).collect()).unwrap()
}

fn hashes(columns: &[ArrayRef]) -> Vec<u64> {
    let mut hashes = Vec::new();
    codec(columns).encode(columns, columns[0].len()).unwrap().hashes(&mut hashes);
    hashes
}

fn byte_keys(columns: &[ArrayRef]) -> Vec<Vec<u8>> {
    match codec(columns).encode(columns, columns[0].len()).unwrap() {
        Keys::Bytes(block) => {
            block.words.iter().map(|word| word.with_bytes(&block.arena, <[u8]>::to_vec)).collect()
        }
        Keys::Integer(_) => panic!("an integer key"),
    }
}

/// The encoding of version 1. If this test fails, the change needs a new version.
#[test]
fn golden_encoding() {
    let columns: [ArrayRef; 4] = [
        Arc::new(Int16Array::from(vec![Some(-2), None])),
        Arc::new(StringArray::from(vec!["EWR", "a station with a long name"])),
        Arc::new(BooleanArray::from(vec![true, false])),
        Arc::new(Decimal128Array::from(vec![258, -1])),
    ];
    let mut first = vec![1, 0xfe, 0xff, 1, 3, 0, 0, 0, b'E', b'W', b'R', 1, 1, 1];
    first.extend([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut second = vec![0, 1, 26, 0, 0, 0];
    second.extend(b"a station with a long name");
    second.extend([1, 0, 1]);
    second.extend([0xff; 16]);
    assert_eq!(byte_keys(&columns), [first, second]);
}

/// The hash of version 1, computed by an independent program. If this test fails, the change needs a new version.
#[test]
fn golden_hashes() {
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(-1), None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![
        Some(""),
        Some("EWR"),
        Some("LaGuardia Ap"),
        Some("LaGuardia Airport"),
        None,
    ]));
    assert_eq!(hashes(&[integers]), GOLDEN_INTEGERS);
    assert_eq!(hashes(&[texts]), GOLDEN_TEXTS);
    assert_eq!(shard_of(GOLDEN_INTEGERS[1], 128), 27);
}

const GOLDEN_INTEGERS: [u64; 4] =
    [0xc9d874ca57d9e055, 0xf2f37271ad33e225, 0x8e1a4acd601c1d69, 0x63b3f8ca692bfce6];
const GOLDEN_TEXTS: [u64; 5] =
    [0xc9d874ca57d9e055, 0xa458c87bbfeb176f, 0xba59a14078f9d60c, 0xadf2267c2f52ffe7, 0x2f8418e60068a510];

#[test]
fn layouts_of_strings_have_the_same_keys() {
    let values = vec![Some("EWR"), Some("a string of more than twelve bytes"), None, Some("")];
    let offsets: ArrayRef = Arc::new(StringArray::from(values.clone()));
    let views: ArrayRef = Arc::new(StringViewArray::from(values.clone()));
    assert_eq!(hashes(&[offsets]), hashes(&[views]));
}

#[test]
fn nested_types_are_refused() {
    let list = DataType::new_list(DataType::Int64, true);
    assert_eq!(KeyCodec::new(vec![DataType::Int64, list.clone()]).unwrap_err(), list);
}

fn columns_strategy() -> impl Strategy<Value = Vec<ArrayRef>> {
    (0_usize..40).prop_flat_map(|rows| {
        let texts = prop::collection::vec(prop::option::of("[a-z\u{e9}]{0,20}"), rows);
        let column = prop_oneof![
            prop::collection::vec(any::<Option<i64>>(), rows)
                .prop_map(|v| Arc::new(Int64Array::from(v)) as ArrayRef),
            prop::collection::vec(any::<Option<i16>>(), rows)
                .prop_map(|v| Arc::new(Int16Array::from(v)) as ArrayRef),
            prop::collection::vec(any::<Option<i32>>(), rows)
                .prop_map(|v| Arc::new(Date32Array::from(v)) as ArrayRef),
            prop::collection::vec(any::<Option<bool>>(), rows)
                .prop_map(|v| Arc::new(BooleanArray::from(v)) as ArrayRef),
            prop::collection::vec(prop::option::of(-1e9..1e9_f64), rows)
                .prop_map(|v| Arc::new(Float64Array::from(v)) as ArrayRef),
            texts.clone().prop_map(|v| Arc::new(StringArray::from(v)) as ArrayRef),
            texts.clone().prop_map(|v| Arc::new(StringViewArray::from_iter(v)) as ArrayRef),
            texts.prop_map(|v| Arc::new(BinaryViewArray::from_iter(v)) as ArrayRef),
        ];
        prop::collection::vec(column, 1..4)
    })
}

proptest! {
    #[test]
    fn keys_survive_encoding(columns in columns_strategy(), skip in 0_usize..3) {
        let skip = skip.min(columns[0].len());
        let columns: Vec<ArrayRef> = columns.iter().map(|c| c.slice(skip, c.len() - skip)).collect();
        let codec = codec(&columns);
        let keys = codec.encode(&columns, columns[0].len()).unwrap();
        prop_assert_eq!(codec.decode(&keys).unwrap(), columns);
    }

    /// The table against a map, with panes that close while others stay open.
    #[test]
    fn the_table_is_a_map(
        steps in prop::collection::vec((0_i64..4, prop::collection::vec((0_u8..30, any::<bool>()), 0..60)), 1..12)
    ) {
        let mut table = GroupTable::<ByteWord>::new();
        let mut model: HashMap<i64, HashMap<String, GroupNumber>> = HashMap::new();
        for (pane, keys) in steps {
            let texts: Vec<String> = keys.iter()
                .map(|(key, long)| if *long { format!("{key} with a long tail") } else { key.to_string() })
                .collect();
            let column: ArrayRef = Arc::new(StringArray::from(texts.clone()));
            let Keys::Bytes(block) = KeyCodec::Text(DataType::Utf8).encode(&[column], texts.len()).unwrap() else {
                panic!("text keys are byte keys")
            };
            let (mut hashes, mut groups) = (Vec::new(), Vec::new());
            block.hashes(&mut hashes);
            let slot = table.slot(pane);
            table.assign(&block, &hashes, slot, &mut groups);
            let known = model.entry(pane).or_default();
            for (text, group) in texts.iter().zip(&groups) {
                prop_assert_eq!(*known.entry(text.clone()).or_insert(*group), *group);
            }
            let mut live: Vec<u32> = model.values().flat_map(HashMap::values).copied().collect();
            live.sort_unstable();
            let count = live.len();
            live.dedup();
            prop_assert_eq!(live.len(), count, "no number is given twice");
            prop_assert_eq!(table.len(), count);
            let (found, found_hashes) = table.keys(&groups);
            prop_assert_eq!(found_hashes, hashes);
            for (word, text) in found.words.iter().zip(&texts) {
                word.with_bytes(&found.arena, |bytes| assert_eq!(bytes, text.as_bytes()));
            }
            if groups.len() % 3 == 0 {
                table.retire(slot);
                let freed = table.drop_pane(slot);
                let dropped = model.remove(&pane).unwrap_or_default();
                match freed {
                    Freed::All => prop_assert!(model.values().all(HashMap::is_empty)),
                    Freed::Groups(groups) => prop_assert_eq!(groups.len(), dropped.len()),
                }
            }
        }
    }
}

type GroupNumber = u32;
