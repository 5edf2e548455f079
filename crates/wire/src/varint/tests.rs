//! Round trips, boundary encodings and refusals of variable-length integers.

use proptest::prelude::*;

use super::*;

#[test]
fn known_encodings_of_the_protocol_guide() {
    let cases: [(i64, &[u8]); 8] = [
        (0, &[0]),
        (-1, &[1]),
        (1, &[2]),
        (63, &[126]),
        (-64, &[127]),
        (64, &[0x80, 1]),
        (8191, &[0xfe, 0x7f]),
        (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    ];
    for (value, bytes) in cases {
        let mut out = [0; MAX_LEN_64];
        let len = write_i64(value, &mut out);
        assert_eq!(&out[..len], bytes, "encoding {value}");
        assert_eq!(read_i64(&mut &bytes[..], "x"), Ok(value));
    }
}

#[test]
fn too_long_and_too_short_are_told_apart() {
    assert!(matches!(read_u32(&mut &[0x80u8; 4][..], "x"), Err(WireError::Truncated { .. })));
    assert!(matches!(read_u32(&mut &[0x80u8; 5][..], "x"), Err(WireError::VarintOverflow { .. })));
    assert!(matches!(
        read_u32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..], "x"),
        Err(WireError::VarintOverflow { .. })
    ));
    assert!(matches!(read_u64(&mut &[0x80u8; 9][..], "x"), Err(WireError::Truncated { .. })));
    assert!(matches!(read_u64(&mut &[0xffu8; 10][..], "x"), Err(WireError::VarintOverflow { .. })));
    assert!(matches!(read_u64(&mut &[][..], "x"), Err(WireError::Truncated { .. })));
}

proptest! {
    #[test]
    fn every_value_comes_back(a in any::<i32>(), b in any::<i64>(), shift in 0u32..64, tail in any::<[u8; 3]>()) {
        let b = b >> shift;
        let mut out = [0; MAX_LEN_64];
        let len = write_i32(a, &mut out);
        prop_assert_eq!(len, len_i32(a));
        let mut bytes = out[..len].to_vec();
        let len = write_i64(b, &mut out);
        prop_assert_eq!(len, len_i64(b));
        bytes.extend_from_slice(&out[..len]);
        let len = write_u64(b as u64, &mut out);
        prop_assert_eq!(len, len_u64(b as u64));
        bytes.extend_from_slice(&out[..len]);
        bytes.extend_from_slice(&tail);
        let mut rest = &bytes[..];
        prop_assert_eq!(read_i32(&mut rest, "a")?, a);
        prop_assert_eq!(read_i64(&mut rest, "b")?, b);
        prop_assert_eq!(read_u64(&mut rest, "c")?, b as u64);
        prop_assert_eq!(rest, &tail[..]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        let _ = read_u32(&mut &bytes[..], "x");
        let _ = read_u64(&mut &bytes[..], "x");
    }
}
