//! What clients are put off for, with the clock held still.

use std::sync::atomic::AtomicI64;

use millstream_log::metadata::QuotaName;

use super::*;

#[derive(Debug, Default)]
struct HeldClock(AtomicI64);

impl HeldClock {
    fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for HeldClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

const WINDOWS: Windows = Windows { samples: 11, window_ms: 1000 };

/// Quotas of all clients.
fn quotas(values: &[(&str, &str)]) -> (Arc<Quotas>, Arc<HeldClock>) {
    let clock = Arc::new(HeldClock::default());
    clock.advance(1_000_000);
    let windows = QuotaWindows { clients: WINDOWS, mutations: WINDOWS };
    let quotas = Arc::new(Quotas::new(windows, Arc::clone(&clock) as Arc<dyn Clock>));
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let entity = QuotaEntity { user: None, client_id: Some(QuotaName::Default) };
    quotas.set(&BTreeMap::from([(entity, values.collect())]));
    (quotas, clock)
}

#[test]
fn without_quotas_nothing_is_metered() {
    let (quotas, _) = quotas(&[]);
    assert!(quotas.meter("u", "c", 1).is_none());
    assert!(Mutations::new(None, true).take(1_000_000).is_ok());
}

#[test]
fn clients_share_a_quota_only_where_it_says_so() {
    let (quotas, _) = quotas(&[("producer_byte_rate", "100")]);
    let produce = |user: &str, client: &str| {
        let metered = quotas.meter(user, client, 1500).unwrap();
        metered.produced();
        metered.settle()
    };
    assert_eq!(produce("ann", "a"), 5000);
    assert_eq!(produce("ann", "b"), 5000, "another client id");
    assert_eq!(produce("bob", "a"), 20_000, "the same client id of another user");
    let usages = quotas.usages();
    let of_a = usages.iter().find(|usage| usage.sharers.client_id.as_deref() == Some("a")).unwrap();
    assert_eq!((of_a.rate, of_a.throttle_ms), (300.0, 12_500.0));
}

#[test]
fn what_is_not_sent_is_not_counted() {
    let (quotas, clock) = quotas(&[("consumer_byte_rate", "100")]);
    let fetch = |bytes| quotas.meter("u", "c", 0).unwrap().fetched(bytes);
    assert_eq!(quotas.meter("u", "c", 0).unwrap().fetchable_bytes_max(), 1000);
    assert_eq!(fetch(600), 0);
    assert_eq!(fetch(600), 2000);
    assert_eq!(fetch(600), 2000, "the second was not sent");
    clock.advance(11_000);
    assert_eq!(fetch(600), 0, "the first is forgotten");
}

#[test]
fn the_time_of_requests_counts_and_puts_off_for_a_window_at_most() {
    let (quotas, _) = quotas(&[("request_percentage", "0.000000001")]);
    let metered = quotas.meter("u", "c", 0).unwrap();
    metered.pause();
    assert_eq!(metered.settle(), 1000);
    let (generous, _) = super::tests::quotas(&[("request_percentage", "1000000000")]);
    assert_eq!(generous.meter("u", "c", 0).unwrap().settle(), 0);
}

#[test]
fn mutations_are_refused_or_put_off() {
    let (quotas, clock) = quotas(&[("controller_mutation_rate", "1")]);
    let metered = || quotas.meter("u", "c", 0).unwrap();
    let strict = metered();
    assert_eq!(strict.mutate(14, true), Ok(()), "eleven are saved up, and the last may overdraw");
    assert_eq!(strict.settle(), 0);
    assert_eq!(strict.mutate(1, true), Err(ErrorCode::ThrottlingQuotaExceeded));
    assert_eq!(strict.settle(), 3000);
    let lenient = metered();
    assert_eq!(lenient.mutate(2, false), Ok(()));
    assert_eq!(lenient.settle(), 5000);
    clock.advance(5000);
    assert_eq!(metered().mutate(1, true), Ok(()));
}

#[test]
fn a_quota_that_is_gone_puts_nobody_off() {
    let (quotas, _) = quotas(&[("producer_byte_rate", "1")]);
    let metered = quotas.meter("u", "c", 1_000_000).unwrap();
    quotas.set(&BTreeMap::new());
    metered.produced();
    assert_eq!(metered.settle(), 0);
    assert!(quotas.usages().is_empty());
}

#[test]
fn made_up_client_ids_take_a_bounded_memory() {
    let (quotas, clock) = quotas(&[("producer_byte_rate", "1")]);
    for client in 0..USAGES_MAX + 10 {
        clock.advance(1);
        quotas.meter("u", &client.to_string(), 1).unwrap().produced();
    }
    let kept = quotas.state.lock().usages.len();
    assert!((USAGES_MAX / 2..=USAGES_MAX).contains(&kept), "{kept}");
    let newest = (QuotaKind::Produce, Sharers { user: None, client_id: Some((USAGES_MAX + 9).to_string()) });
    assert!(quotas.state.lock().usages.contains_key(&newest));
    clock.advance(USAGE_EXPIRES_AFTER_MS);
    assert!(quotas.usages().is_empty());
}
