use proptest::prelude::*;

use super::*;

#[test]
fn check_values() {
    // RFC 3720, B.4, and the check value that catalogues of CRCs give.
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(crc32c(b""), 0);
}

proptest! {
    #[test]
    fn parts_have_the_checksum_of_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..5000), at in any::<prop::sample::Index>()) {
        let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(crc32c_append(crc32c_append(0, first), second), crc32c(&bytes));
    }
}
