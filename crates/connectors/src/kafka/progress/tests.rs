//! Progress in the text beside an offset.

use millstream_engine::element::TimestampMs;
use millstream_engine::epoch::SplitProgress;
use millstream_engine::source::{Position, SplitId};
use proptest::prelude::*;

use super::{decode, encode};

proptest! {
    #[test]
    fn what_is_written_is_read(
        position in 0..i64::MAX, ahead in 0..1_000_000i64, watermark: i64, horizon: i64, ended: bool,
    ) {
        let progress = SplitProgress {
            source: "readings".to_owned(),
            split: SplitId("t-3".into()),
            position: Position(position),
            reached: Position(position.saturating_add(ahead)),
            watermark: TimestampMs(watermark),
            horizon: TimestampMs(horizon),
            ended,
        };
        let text = encode(&progress);
        prop_assert!(text.len() <= 4096);
        prop_assert_eq!(decode("readings", SplitId("t-3".into()), position, &text), progress);
    }

    #[test]
    fn any_other_text_is_an_offset_alone(text: String) {
        let progress = decode("readings", SplitId("t-3".into()), 7, &text);
        prop_assert_eq!((progress.position, progress.ended), (Position(7), false));
        prop_assert!(progress.reached >= progress.position);
    }
}
