//! Round trips, the framings of other clients, limits and hostile bytes, per codec.

use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

const PACKED: [Compression; 4] =
    [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn pack(codec: Compression, level: Option<i32>, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::default().compress(codec, level, input, &mut out).unwrap();
    out
}

/// Bytes that compress to something, over several blocks of every codec.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut step = |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if i % 7 < 4 { b'a' } else { (state >> 24) as u8 }
    };
    (0..len).map(&mut step).collect()
}

#[test]
fn names_and_codes_are_kafkas() {
    for (code, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
        let codec = Compression::from_name(name).unwrap();
        assert_eq!((usize::from(codec.code()), codec.to_string()), (code, name.to_owned()));
        assert_eq!(Compression::from_code(codec.code()), Ok(codec));
    }
    assert_eq!(Compression::from_name("brotli"), None);
    assert_eq!(Compression::from_code(5).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn the_limit_is_exact_and_contexts_are_reused() {
    let plain = sample(300_000);
    let (mut compressor, mut decompressor) = (Compressor::default(), Decompressor::default());
    for codec in Compression::ALL {
        for len in [0, 1, 12, 13, 32 << 10, 64 << 10, (64 << 10) + 1, plain.len()] {
            let mut packed = b"kept".to_vec();
            compressor.compress(codec, None, &plain[..len], &mut packed).unwrap();
            assert_eq!(&packed[..4], b"kept");
            let read = decompressor.decompress(codec, &packed[4..], len).unwrap();
            assert!(read == plain[..len], "{codec} of {len} bytes");
            if len > 0 {
                let error = decompressor.decompress(codec, &packed[4..], len - 1).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{codec} of {len} bytes");
            }
        }
    }
}

#[test]
fn every_level_can_be_read_and_others_are_refused() {
    let plain = sample(5000);
    for codec in PACKED {
        let Some(levels) = codec.levels() else { continue };
        for level in [*levels.start(), 1, 5, *levels.end()] {
            let packed = pack(codec, Some(level), &plain);
            assert_eq!(
                Decompressor::default().decompress(codec, &packed, 5000).unwrap(),
                plain,
                "{codec} {level}"
            );
        }
        for level in [levels.start() - 1, levels.end() + 1] {
            let error =
                Compressor::default().compress(codec, Some(level), &plain, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
    assert!(pack(Compression::Gzip, Some(9), &plain).len() < pack(Compression::Gzip, Some(1), &plain).len());
}

#[test]
fn bare_and_repeated_snappy_frames_are_read() {
    let plain = sample(50_000);
    let mut decompressor = Decompressor::default();
    let bare = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(decompressor.decompress(Compression::Snappy, &bare, 50_000).unwrap(), plain);
    let framed = pack(Compression::Snappy, None, &plain);
    let twice = [&framed[..], &framed[..]].concat();
    assert_eq!(decompressor.decompress(Compression::Snappy, &twice, 100_000).unwrap().len(), 100_000);
    for cut in [5, 17, 19, 21, framed.len() - 1] {
        assert!(
            decompressor.decompress(Compression::Snappy, &framed[..cut], 50_000).is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn lz4_blocks_that_do_not_shrink_are_stored() {
    let noise: Vec<u8> = sample(700).chunks(7).flat_map(|chunk| chunk[4..].to_vec()).collect();
    let packed = pack(Compression::Lz4, None, &noise);
    assert_eq!(packed.len(), 7 + 4 + noise.len() + 4);
    assert_eq!(Decompressor::default().decompress(Compression::Lz4, &packed, 1000).unwrap(), noise);
}

/// A frame of a few bytes that claims a gigabyte must not get the memory for it, limit or no limit.
#[test]
fn claims_do_not_allocate() {
    let snappy = [0x80, 0x80, 0x80, 0x80, 0x04, 0x00];
    let zstd_of_2_gib = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x80, 0x01, 0x00, 0x00];
    let mut lz4_of_4_mib_blocks = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73];
    lz4_of_4_mib_blocks.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (codec, bytes) in [
        (Compression::Snappy, &snappy[..]),
        (Compression::Zstd, &zstd_of_2_gib[..]),
        (Compression::Lz4, &lz4_of_4_mib_blocks[..]),
    ] {
        let mut out = Vec::new();
        let result = Decompressor::default().decompress_into(codec, bytes, usize::MAX, &mut out);
        assert!(result.is_err() || out.is_empty(), "{codec}");
        assert!(out.capacity() < 1 << 20, "{codec} allocated {} bytes", out.capacity());
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    let zeros = vec![0; 16 << 20];
    for codec in PACKED {
        let bomb = pack(codec, None, &zeros);
        let mut out = Vec::new();
        let result = Decompressor::default().decompress_into(codec, &bomb, 1 << 20, &mut out);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TooLarge, "{codec}");
        assert!(out.capacity() <= 2 << 20, "{codec} allocated {} bytes", out.capacity());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_compressed_is_read_back(
        codec in prop::sample::select(&Compression::ALL[..]),
        parts in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                (any::<u8>(), 0usize..70_000).prop_map(|(byte, len)| vec![byte; len]),
            ],
            0..5,
        ),
    ) {
        let plain = parts.concat();
        let packed = pack(codec, None, &plain);
        prop_assert_eq!(Decompressor::default().decompress(codec, &packed, plain.len())?, plain);
    }

    #[test]
    fn hostile_bytes_never_panic_or_pass_the_limit(
        codec in prop::sample::select(&PACKED[..]),
        len in 0usize..3000,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        limit in 0usize..4000,
    ) {
        let mut packed = pack(codec, None, &sample(len));
        for (at, byte) in changes {
            let at = at.index(packed.len());
            packed[at] = byte;
        }
        let mut decompressor = Decompressor::default();
        let mut out = Vec::new();
        for bytes in [&packed[..], &packed[..cut.index(packed.len())]] {
            if decompressor.decompress_into(codec, bytes, limit, &mut out).is_ok() {
                prop_assert!(out.len() <= limit);
            }
        }
    }

    #[test]
    fn invented_bytes_never_panic(
        codec in prop::sample::select(&PACKED[..]),
        with_magic in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let magic: &[u8] = match codec {
            _ if !with_magic => &[],
            Compression::None => &[],
            Compression::Gzip => &[0x1f, 0x8b, 8],
            Compression::Snappy => &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
            Compression::Lz4 => &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
            Compression::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        };
        let bytes = [magic, &bytes].concat();
        if let Ok(read) = Decompressor::default().decompress(codec, &bytes, 10_000) {
            prop_assert!(read.len() <= 10_000);
        }
    }
}
