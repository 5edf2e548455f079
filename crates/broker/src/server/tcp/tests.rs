//! What frames keep of the buffer that they came in.

use super::*;

/// Takes the first frame of two; says whether it lies in the buffer still.
fn lies_in_the_buffer(length: usize, is_produce: bool) -> bool {
    let mut input = BytesMut::with_capacity(READ_CHUNK_BYTES);
    let bytes: Vec<u8> = (0..length + 3).map(|byte| byte as u8).collect();
    input.extend_from_slice(&bytes);
    let memory = input.as_ptr_range();
    let frame = take_frame(&mut input, length, is_produce);
    assert_eq!((&frame[..], &input[..]), bytes.split_at(length));
    memory.contains(&frame.as_ptr())
}

#[test]
fn a_request_that_may_wait_keeps_no_buffer_and_record_batches_are_not_copied() {
    for (length, is_produce, lies_there) in [
        (100, false, false),
        (COPIED_FRAME_BYTES_MAX, false, false),
        (COPIED_FRAME_BYTES_MAX + 1, false, true),
        (100, true, true),
    ] {
        assert_eq!(
            lies_in_the_buffer(length, is_produce),
            lies_there,
            "{length} bytes, produce: {is_produce}"
        );
    }
}
