//! Who is counted, refused and let in again.

use super::*;

fn limits(configs: &[(&str, &str)]) -> Arc<ConnectionLimits> {
    let limits = Arc::new(ConnectionLimits::default());
    limits.set(&configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    limits
}

#[test]
fn an_address_has_as_many_as_it_may() {
    let limits = limits(&[
        (MAX_CONNECTIONS_PER_IP, "1"),
        (MAX_CONNECTIONS_PER_IP_OVERRIDES, "10.0.0.1:2, [::2]:0,localhost:3"),
    ]);
    let admit = |address: &str| limits.admit(address.parse().unwrap());
    let other = admit("10.0.0.9").unwrap();
    assert!(admit("10.0.0.9").is_none());
    let named = [admit("10.0.0.1").unwrap(), admit("::ffff:10.0.0.1").unwrap()];
    assert!(admit("10.0.0.1").is_none() && admit("::2").is_none());
    let by_name: Vec<_> = (0..3).map(|_| admit("127.0.0.1").unwrap()).collect();
    assert!(admit("127.0.0.1").is_none());
    drop((other, named));
    assert!(admit("10.0.0.9").is_some() && admit("10.0.0.1").is_some());
    drop(by_name);
    assert!(limits.counts.lock().of_address.is_empty(), "nobody is remembered who has gone");
}

#[tokio::test]
async fn whoever_comes_when_it_is_full_waits_for_room() {
    let limits = limits(&[(MAX_CONNECTIONS, "1")]);
    limits.room().await;
    let first = limits.admit("10.0.0.1".parse().unwrap()).unwrap();
    let mut waiting = wait_for_room(&limits);
    assert!(!waiting.is_ready().await);
    drop(first);
    assert!(waiting.is_ready().await);
    let _second = limits.admit("10.0.0.1".parse().unwrap()).unwrap();
    let mut waiting = wait_for_room(&limits);
    assert!(!waiting.is_ready().await);
    limits.set(&BTreeMap::from([(MAX_CONNECTIONS.to_owned(), "2".to_owned())]));
    assert!(waiting.is_ready().await);
}

/// Somebody who waits for room.
struct Waiting(tokio::task::JoinHandle<()>);

fn wait_for_room(limits: &Arc<ConnectionLimits>) -> Waiting {
    let limits = Arc::clone(limits);
    Waiting(tokio::spawn(async move { limits.room().await }))
}

impl Waiting {
    /// Whether it has room, after every task had its turn.
    async fn is_ready(&mut self) -> bool {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.0.is_finished()
    }
}

#[test]
fn overrides_are_hosts_with_numbers() {
    assert_eq!(overrides("a:1, b.c:20,[::1]:3"), Some(vec![("a", 1), ("b.c", 20), ("::1", 3)]));
    assert_eq!(overrides(""), Some(Vec::new()));
    for wrong in ["a", "a:", ":1", "a:-1", "a:x"] {
        assert_eq!(overrides(wrong), None, "{wrong}");
    }
}
