//! What the tests of the binary share: processes ([`process`]), a broker with its commands ([`broker`]), and peers that are not ours ([`peers`]).
//!
//! A peer is an unmodified client or server that the scripts in `tests/peers/` of the repository install and start. Where its toolchain is
//! missing, a script ends with code 77: the test then prints `skipped: NAME: reason` and passes, except where CI=true, which requires all
//! peers. Every process that a test starts ends with the value that stands for it.
//!
//! Nothing here waits for a time to pass: deadlines only turn a hang into a failure.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod broker;
pub(crate) mod peers;
pub(crate) mod process;
