//! Record batches: everything that a reader of fetched or produced bytes does with them, checksums aside.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::records::{
    RecordRules, Records, SharedBatches, Tail, assign_offset, check_records, parse_control,
};

/// Most bytes that a batch may decompress to.
const LIMIT: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let mut decompressor = Decompressor::default();
    for tail in [Tail::MayBeCut, Tail::MustBeWhole] {
        for batch in SharedBatches::new(Bytes::copy_from_slice(data), tail).flatten() {
            let header = batch.header();
            let _ = batch.view().check_crc();
            let _ = header.check_produced();
            let _ = (header.last_offset(), header.next_offset(), header.last_sequence());
            let Ok(body) = batch.body(&mut decompressor, LIMIT) else { continue };
            assert!(body.len() <= LIMIT || header.attributes.compression() == Compression::None);
            let is_sound = check_records(&body, header, RecordRules::default()).is_ok();
            let mut count = 0;
            for record in Records::new(&body, header) {
                let Ok(record) = record else {
                    assert!(!is_sound, "a broker would have taken it in");
                    continue;
                };
                count += 1;
                assert_eq!(record.headers.iter().count(), record.headers.len());
                let _ = parse_control(&record);
            }
            assert!(!is_sound || i64::from(count) == i64::from(header.record_count));
        }
    }
    let _ = assign_offset(&mut data.to_vec(), 1, 1);
});
