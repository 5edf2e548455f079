//! Every message of the protocol, in every version: `index of the message, version, bytes`. What decodes must survive
//! a round trip.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millstream_fuzz::Input;
use millstream_wire::messages::walk::{Walked, all};

static MESSAGES: LazyLock<Vec<Walked>> = LazyLock::new(all);

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let message = &MESSAGES[usize::from(input.byte()) % MESSAGES.len()];
    let span = message.versions.max - message.versions.min + 1;
    let version = message.versions.min + i16::from(input.byte()) % span;
    let Ok((once, _)) = (message.recode)(input.rest(), version) else { return };
    let (twice, left) = (message.recode)(once.clone(), version).expect("what was written can be read");
    assert_eq!((twice, left), (once, 0), "{} version {version}", message.name);
});
