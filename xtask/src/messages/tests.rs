//! The committed messages are what Kafka's definitions give.

use std::path::Path;
use std::process::Command;

/// The exit code of a script whose peer's toolchain is missing.
const SKIPPED: i32 = 77;

#[test]
fn committed_messages_are_those_of_the_definitions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let definitions = tempfile::tempdir().unwrap();
    let script = root.join("tests/peers/kafka.sh");
    let output = Command::new(script).arg("definitions").arg(definitions.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIPPED) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs every peer: {said}");
        eprint!("{said}");
        return;
    }
    assert!(output.status.success(), "{said}");
    let files = super::generate(definitions.path(), &root).unwrap();
    super::check(&root.join("crates/wire/src/messages/generated"), &files).unwrap();
}
