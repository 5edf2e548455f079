//! Values that Java's `Utils.murmur2` gives, most of them from Kafka's own test.

use super::*;

#[test]
fn hashes_are_those_of_java() {
    let cases: [(&[u8], i32); 8] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
        (b"", 275_646_681),
        (b"\xff\xfe\xfd\xfc\xfb", 524_068_735),
    ];
    for (key, expected) in cases {
        assert_eq!(murmur2(key), expected, "{key:?}");
    }
}

#[test]
fn the_sign_bit_is_cleared_before_the_remainder() {
    assert_eq!(partition_for_key(b"21", 10), (-973_932_308i32 & i32::MAX) as u32 % 10);
    assert!((0..1000u32).all(|key| partition_for_key(&key.to_le_bytes(), 7) < 7));
}

/// The three stations of the weather example lie on different partitions of four, as its comments promise.
#[test]
fn stations_spread_over_four_partitions() {
    let mut partitions = ["EWR", "JFK", "LGA"].map(|station| partition_for_key(station.as_bytes(), 4));
    partitions.sort_unstable();
    partitions.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
}
