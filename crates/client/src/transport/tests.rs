use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

#[test]
fn addresses_are_read_as_users_write_them() {
    let read = |text: &str| text.parse::<BrokerAddress>();
    assert_eq!(read("kafka:19092").unwrap(), BrokerAddress::new("kafka", 19092));
    assert_eq!(read("PLAINTEXT://10.0.0.1:1").unwrap(), BrokerAddress::new("10.0.0.1", 1));
    assert_eq!(read("localhost").unwrap(), BrokerAddress::new("localhost", 9092));
    assert_eq!(read("[::1]:9093").unwrap(), BrokerAddress::new("::1", 9093));
    assert_eq!(read("[::1]:9093").unwrap().to_string(), "[::1]:9093");
    for bad in ["", ":9092", "host:", "host:0", "host:70000", "SSL://host:1", "[::1]9092", "a:b:c"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert_eq!(BrokerAddress::parse_list("a:1, b:2,").unwrap().len(), 2);
    assert!(BrokerAddress::parse_list(" , ").is_err());
}

fn frame(length: usize, fill: u8) -> Vec<u8> {
    let mut bytes = (length as i32).to_be_bytes().to_vec();
    bytes.resize(4 + length, fill);
    bytes
}

async fn tcp_pair() -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = BrokerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let dialer = TcpDialer::default();
    let (dialed, accepted) = tokio::join!(dialer.dial(&address), listener.accept());
    (dialed.unwrap(), accepted.unwrap().0)
}

#[tokio::test]
async fn frames_of_every_size_arrive_whole_and_in_order() {
    let (transport, mut peer) = tcp_pair().await;
    let (mut reader, _writer) = split(transport, 1 << 20);
    let lengths = [4, 100, 16_379, 16_380, 16_381, 5, 300_000, 1 << 20, 70_000, 4];
    let sent = tokio::spawn(async move {
        for (index, length) in lengths.into_iter().enumerate() {
            peer.write_all(&frame(length, index as u8)).await.unwrap();
        }
    });
    for (index, length) in lengths.into_iter().enumerate() {
        let got = reader.next().await.unwrap().unwrap();
        assert_eq!(got.len(), length);
        assert!(got.iter().all(|byte| *byte == index as u8));
    }
    assert!(reader.next().await.unwrap().is_none());
    sent.await.unwrap();
}

#[tokio::test]
async fn a_frame_beyond_the_limit_or_cut_short_is_an_error() {
    for bytes in [frame(1025, 0), frame(3, 0), vec![0xff; 8], frame(100, 0)[..50].to_vec(), vec![0, 0]] {
        let (transport, mut peer) = tcp_pair().await;
        let (mut reader, _writer) = split(transport, 1024);
        peer.write_all(&bytes).await.unwrap();
        drop(peer);
        assert!(reader.next().await.is_err(), "{} bytes", bytes.len());
    }
}

#[tokio::test]
async fn chunks_are_written_in_order_whatever_the_socket_takes_at_once() {
    let (transport, mut peer) = tcp_pair().await;
    let (_reader, mut writer) = split(transport, 1024);
    let mut frames = VecDeque::new();
    let mut expected = Vec::new();
    for index in 0..100usize {
        let chunk = |size: usize| Bytes::from(vec![index as u8; size]);
        let sent = OutgoingFrame { head: chunk(7), rest: vec![chunk(index * 997), chunk(1), chunk(0)] };
        expected.resize(expected.len() + 8 + index * 997, index as u8);
        frames.push_back(sent);
    }
    let length = expected.len();
    let receive = async {
        let mut got = vec![0; length];
        peer.read_exact(&mut got).await.unwrap();
        got
    };
    let (sent, got) = tokio::join!(writer.write(&mut frames), receive);
    sent.unwrap();
    assert!(got == expected);
}

#[tokio::test]
async fn in_process_frames_have_no_length_and_are_in_one_piece() {
    let (requests, mut sent) = mpsc::channel(4);
    let (_responses, received) = mpsc::channel(4);
    let transport = Transport::InProcess(FrameChannel { requests, responses: received });
    let (_reader, mut writer) = split(transport, 1024);
    let head = Bytes::from_static(b"\0\0\0\x06abc");
    let mut frames = VecDeque::from([OutgoingFrame { head, rest: vec![Bytes::from_static(b"def")] }]);
    writer.write(&mut frames).await.unwrap();
    assert_eq!(sent.recv().await.unwrap(), "abcdef");
    drop(sent);
    let mut frames = VecDeque::from([OutgoingFrame::from(Bytes::from_static(b"\0\0\0\x01a"))]);
    assert!(writer.write(&mut frames).await.is_err());
}
