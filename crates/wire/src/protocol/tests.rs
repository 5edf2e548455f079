//! The primitive types: round trips, the bytes of Kafka's protocol guide, and lengths that lie.

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Reader, STRING_BYTES_MAX, VersionRange, Writer};
use crate::error::WireError;

fn written(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut w = Writer::new();
    write(&mut w);
    w.finish()
}

#[test]
fn lengths_are_written_as_the_protocol_guide_says() {
    let cases: &[(bool, Option<&str>, &[u8])] = &[
        (false, Some("ab"), &[0, 2, b'a', b'b']),
        (false, None, &[0xff, 0xff]),
        (true, Some("ab"), &[3, b'a', b'b']),
        (true, Some(""), &[1]),
        (true, None, &[0]),
    ];
    for (compact, text, expected) in cases {
        let bytes = written(|w| w.nullable_string(*text, *compact).unwrap());
        assert_eq!(&bytes[..], *expected);
        let mut r = Reader::new(bytes);
        assert_eq!(r.nullable_string(*compact).unwrap().as_deref(), *text);
        assert_eq!(r.remaining(), 0);
    }
    assert_eq!(&written(|w| w.array(&[7i32], 0, false).unwrap())[..], &[0, 0, 0, 1, 0, 0, 0, 7]);
    assert_eq!(&written(|w| w.array(&[7i8], 0, true).unwrap())[..], &[2, 7]);
    assert_eq!(&written(|w| w.nullable_array::<i8>(None, 0, false).unwrap())[..], &[0xff; 4]);
    assert_eq!(&written(|w| w.nullable_bytes(None, true).unwrap())[..], &[0]);
    assert_eq!(&written(|w| w.unsigned_varint(300))[..], &[0xac, 0x02]);
}

#[test]
fn strings_past_the_limit_are_refused_both_ways() {
    let longest = "a".repeat(STRING_BYTES_MAX);
    for compact in [false, true] {
        let bytes = written(|w| w.string(&longest, compact).unwrap());
        assert_eq!(Reader::new(bytes).string(compact).unwrap(), longest);
        let refused = Writer::new().string(&"a".repeat(STRING_BYTES_MAX + 1), compact);
        assert_eq!(refused, Err(WireError::TooLarge { what: "string", limit: STRING_BYTES_MAX }));
    }
    let mut too_long = written(|w| w.unsigned_varint(STRING_BYTES_MAX as u32 + 2)).to_vec();
    too_long.resize(too_long.len() + STRING_BYTES_MAX + 1, b'a');
    assert!(matches!(Reader::new(too_long.into()).byte_string(true), Err(WireError::TooLarge { .. })));
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let bytes = Bytes::from_static(&[0, 1, 0xff]);
    assert_eq!(Reader::new(bytes.clone()).string(false), Err(WireError::InvalidUtf8 { what: "string" }));
    assert_eq!(Reader::new(bytes).byte_string(false), Err(WireError::InvalidUtf8 { what: "string" }));
}

#[test]
fn an_array_longer_than_its_frame_is_refused_before_memory_is_reserved() {
    let announced = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(
        Reader::new(announced).array::<Uuid>(0, false),
        Err(WireError::Truncated { what: "array", needed: i32::MAX as usize, available: 4 })
    );
    // As many elements as bytes pass that check, but only a bounded part is reserved up front.
    let mut lying = written(|w| w.i32(1 << 20)).to_vec();
    lying.resize(4 + (1 << 20), 0);
    assert!(matches!(Reader::new(lying.into()).array::<Uuid>(0, false), Err(WireError::Truncated { .. })));
}

#[test]
fn null_and_negative_lengths_are_refused_where_a_value_is_needed() {
    let minus = |length: i32| Bytes::copy_from_slice(&length.to_be_bytes());
    assert_eq!(Reader::new(minus(-1)).bytes(false), Err(WireError::UnexpectedNull { what: "bytes" }));
    assert_eq!(
        Reader::new(minus(-1)).array::<i32>(0, false),
        Err(WireError::UnexpectedNull { what: "array" })
    );
    assert_eq!(
        Reader::new(minus(-2)).nullable_bytes(false),
        Err(WireError::InvalidLength { what: "bytes", length: -2 })
    );
    assert_eq!(
        Reader::new(Bytes::from_static(&[0x80, 0])).nullable_string(false),
        Err(WireError::InvalidLength { what: "string", length: i64::from(i16::MIN) })
    );
}

#[test]
fn byte_fields_are_slices_of_the_frame() {
    let frame = written(|w| {
        w.bytes(b"batch", false).unwrap();
        w.string("topic", true).unwrap();
    });
    let mut r = Reader::new(frame.clone());
    assert_eq!(r.bytes(false).unwrap().as_ptr(), frame[4..].as_ptr());
    assert_eq!(r.byte_string(true).unwrap().as_bytes().as_ptr(), frame[10..].as_ptr());
}

#[test]
fn unknown_tagged_fields_are_skipped_and_known_ones_must_fill_their_length() {
    let bytes = written(|w| {
        w.unsigned_varint(2);
        w.tagged_field(1, |w| w.string("known", true)).unwrap();
        w.tagged_field(9, |w| w.bytes(&[0; 300], true)).unwrap();
        w.i8(42);
    });
    let mut known = None;
    let mut r = Reader::new(bytes.clone());
    r.tagged_fields(&mut |tag, r| {
        if tag == 1 {
            known = r.nullable_string(true)?;
        }
        Ok(tag == 1)
    })
    .unwrap();
    assert_eq!(known.as_deref(), Some("known"));
    assert_eq!(r.i8().unwrap(), 42);
    let mut r = Reader::new(bytes.clone());
    r.skip_tagged_fields().unwrap();
    assert_eq!(r.i8().unwrap(), 42);
    let short = Reader::new(bytes).tagged_fields(&mut |_, r| r.i8().map(|_| true));
    assert!(matches!(short, Err(WireError::InvalidLength { what: "tagged field", .. })));
}

#[test]
fn the_highest_common_version_is_in_both_ranges() {
    let ours = VersionRange::new(3, 9);
    assert_eq!(ours.highest_common(VersionRange::new(0, 5)), Some(5));
    assert_eq!(ours.highest_common(VersionRange::new(5, 12)), Some(9));
    assert_eq!(ours.highest_common(VersionRange::new(0, 2)), None);
    assert_eq!(ours.highest_common(VersionRange::new(10, 12)), None);
    // A range that is upside down, as hostile peers may send it.
    assert_eq!(ours.highest_common(VersionRange::new(5, 4)), None);
}

proptest! {
    #[test]
    fn values_round_trip(
        numbers in any::<(bool, i8, i16, u16, i32, u32, i64)>(),
        float in any::<f64>(),
        uuid in any::<u128>(),
        text in prop::option::of(".{0,40}"),
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        array in prop::option::of(prop::collection::vec(any::<i64>(), 0..20)),
        compact in any::<bool>(),
    ) {
        let (boolean, i8, i16, u16, i32, u32, i64) = numbers;
        let uuid = Uuid::from_u128(uuid);
        let mut r = Reader::new(written(|w| {
            w.bool(boolean);
            w.i8(i8);
            w.i16(i16);
            w.u16(u16);
            w.i32(i32);
            w.unsigned_varint(u32);
            w.i64(i64);
            w.f64(float);
            w.uuid(uuid);
            w.nullable_string(text.as_deref(), compact).unwrap();
            w.nullable_bytes(bytes.as_deref(), compact).unwrap();
            w.nullable_array(array.as_deref(), 0, compact).unwrap();
        }));
        prop_assert_eq!(r.bool().unwrap(), boolean);
        prop_assert_eq!(r.i8().unwrap(), i8);
        prop_assert_eq!(r.i16().unwrap(), i16);
        prop_assert_eq!(r.u16().unwrap(), u16);
        prop_assert_eq!(r.i32().unwrap(), i32);
        prop_assert_eq!(r.unsigned_varint().unwrap(), u32);
        prop_assert_eq!(r.i64().unwrap(), i64);
        prop_assert_eq!(r.f64().unwrap().to_bits(), float.to_bits());
        prop_assert_eq!(r.uuid().unwrap(), uuid);
        prop_assert_eq!(r.nullable_string(compact).unwrap(), text);
        prop_assert_eq!(r.nullable_bytes(compact).unwrap().map(|bytes| bytes.to_vec()), bytes);
        prop_assert_eq!(r.nullable_array::<i64>(0, compact).unwrap(), array);
        prop_assert_eq!(r.remaining(), 0);
    }
}
