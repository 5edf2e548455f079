//! What the floor receives is what was sent, and it sends it back.

use std::net::Shutdown;

use super::*;

/// Both ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn bytes_go_to_the_file_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chunks");
    let sent: Vec<u8> = (0..3 * CHUNK_BYTES).map(|at| (at % 253) as u8).collect();

    let (mut near, far) = pair();
    std::thread::scope(|scope| {
        scope.spawn(|| receive(far, &path).unwrap());
        near.write_all(&sent).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut checksum = [0; 4];
        near.read_exact(&mut checksum).unwrap();
        let expected = sent.chunks(CHUNK_BYTES).map(crc32c).fold(0, |all, one| all ^ one);
        assert_eq!(u32::from_be_bytes(checksum), expected);
    });
    assert_eq!(std::fs::read(&path).unwrap(), sent);

    let (mut near, far) = pair();
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            send(&far, &path).unwrap();
            drop(far);
        });
        near.read_to_end(&mut received).unwrap();
    });
    assert_eq!(received, sent);
}

#[test]
fn each_request_is_answered_and_its_batches_go_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("batches");
    let request: Vec<u8> = (0..REQUEST_BYTES).map(|at| (at % 253) as u8).collect();
    let batches = &request[REQUEST_BYTES - REQUEST_BATCHES * BATCH_BYTES..];
    let (mut near, far) = pair();
    std::thread::scope(|scope| {
        scope.spawn(|| answer(far, &path).unwrap());
        let mut answer = [1; ANSWER_BYTES];
        // Cut anywhere.
        near.write_all(&request[..100]).unwrap();
        near.write_all(&request[100..]).unwrap();
        near.read_exact(&mut answer).unwrap();
        near.write_all(&request.repeat(2)).unwrap();
        near.read_exact(&mut answer).unwrap();
        near.read_exact(&mut answer).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let mut checksum = [0; 4];
        near.read_exact(&mut checksum).unwrap();
        let once = batches.chunks(BATCH_BYTES).map(crc32c).fold(0, |all, one| all ^ one);
        assert_eq!(u32::from_be_bytes(checksum), once);
    });
    assert_eq!(std::fs::read(&path).unwrap(), batches.repeat(3));
}
