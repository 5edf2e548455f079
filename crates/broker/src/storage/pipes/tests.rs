//! What goes in comes out, in order, through a socket that takes little at a time; pipes are few and used again.
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::*;

fn file(length: usize) -> (std::fs::File, Vec<u8>) {
    let content: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    (file, content)
}

fn receive(mut piped: Piped) -> Vec<u8> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (mut received, mut buffer) = (Vec::new(), vec![0; 10_000]);
    while piped.left_bytes() > 0 {
        match piped.send(&ours, true) {
            Ok(sent) => assert!(sent > 0),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                let length = theirs.read(&mut buffer).unwrap();
                received.extend(&buffer[..length]);
            }
        }
    }
    drop(ours);
    theirs.read_to_end(&mut received).unwrap();
    received
}

#[test]
fn bytes_arrive_as_they_lie_in_the_file() {
    let (file, content) = file(700_000);
    let pipes = Pipes::default();
    for (position, length) in [(0, 700_000), (1, 4096), (4095, 300_001), (699_999, 1)] {
        let piped = pipes.fill(file.as_fd(), position as u64, length).unwrap().unwrap();
        assert_eq!(receive(piped), content[position..position + length]);
    }
    assert_eq!(pipes.0.count.load(Ordering::Relaxed), 1, "one pipe was used again and again");
}

#[test]
fn more_than_a_pipe_takes_and_more_than_a_file_has_is_left_to_the_caller() {
    let (file, content) = file(CAPACITY_BYTES + 100_000);
    let pipes = Pipes::default();
    let piped = pipes.fill(file.as_fd(), 10, content.len() - 10).unwrap().unwrap();
    let piped_bytes = piped.left_bytes();
    assert!((CAPACITY_BYTES - 4096..=CAPACITY_BYTES).contains(&piped_bytes), "{piped_bytes}");
    assert_eq!(receive(piped), content[10..10 + piped_bytes]);
    let at_end = pipes.fill(file.as_fd(), content.len() as u64 - 5, 50).unwrap().unwrap();
    assert_eq!(at_end.left_bytes(), 5);
}

#[test]
fn there_are_only_so_many_pipes_and_half_sent_ones_are_closed() {
    let (file, _) = file(10_000);
    let pipes = Pipes::default();
    let fill = || pipes.fill(file.as_fd(), 0, 10_000).unwrap();
    let out: Vec<_> = (0..PIPES_MAX).map(|_| fill().unwrap()).collect();
    assert!(fill().is_none());
    drop(out);
    assert!(pipes.0.idle.lock().is_empty());
    drop(receive(fill().unwrap()));
    assert_eq!(pipes.0.idle.lock().len(), 1);
    pipes.trim();
    assert_eq!(pipes.0.count.load(Ordering::Relaxed), 0);
}
