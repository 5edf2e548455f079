//! A change is there as a whole or not at all, whatever strikes; damage is told from an unfinished write.

use super::*;
use crate::LogError;
use crate::config::ConfigMap;
use crate::fs::sim::{Fault, SimFileSystem, SplitMix};
use uuid::Uuid;

fn open(fs: &SimFileSystem, create: bool) -> Result<MetadataLog> {
    fs.create_dir_all(Path::new("data")).unwrap();
    MetadataLog::open(Arc::new(fs.clone()), Path::new("data"), create)
}

fn put(log: &MetadataLog, records: Vec<MetadataRecord>) -> Result<()> {
    log.change(|_| Ok((records, ())))
}

fn topic(name: &str, id: u128, partitions: i32) -> MetadataRecord {
    let configs = ConfigMap::from([("retention.ms".to_owned(), "5".to_owned())]);
    MetadataRecord::Topic(TopicMetadata {
        name: name.to_owned(),
        id: Uuid::from_u128(id),
        partitions,
        configs,
    })
}

fn every_record() -> Vec<MetadataRecord> {
    let id = Uuid::from_u128(7);
    let left_over = DeletedTopic { name: "gone".to_owned(), partitions: 2 };
    vec![
        MetadataRecord::ClusterId { id: "MkU3OEVBNTcwNTJENDM2Qg".to_owned() },
        MetadataRecord::BrokerEpoch { epoch: 3 },
        topic("a", 1, 3),
        topic("b", 2, 1),
        MetadataRecord::LogStart { topic_id: Uuid::from_u128(1), partition: 2, offset: 9 },
        MetadataRecord::LogStart { topic_id: Uuid::from_u128(2), partition: 0, offset: 9 },
        MetadataRecord::TopicDeleted { id: Uuid::from_u128(2) },
        MetadataRecord::TopicLeftOver { id, topic: left_over.clone() },
        MetadataRecord::TopicLeftOver { id: Uuid::from_u128(8), topic: left_over },
        MetadataRecord::TopicFilesRemoved { id },
        MetadataRecord::ProducerIds { next: 5000 },
        MetadataRecord::Feature { name: "transaction.version".to_owned(), level: 2 },
        MetadataRecord::ResourceConfigs {
            resource: ConfigResource { kind: 4, name: String::new() },
            configs: ConfigMap::from([("a".to_owned(), "b".to_owned())]),
        },
        MetadataRecord::ClientQuotas {
            entity: QuotaEntity {
                user: Some(QuotaName::Default),
                client_id: Some(QuotaName::Named("c".into())),
            },
            quotas: ConfigMap::from([("producer_byte_rate".to_owned(), "1024".to_owned())]),
        },
        MetadataRecord::ClientQuotas {
            entity: QuotaEntity { user: None, client_id: Some(QuotaName::Default) },
            quotas: ConfigMap::from([("request_percentage".to_owned(), "0.5".to_owned())]),
        },
    ]
}

#[test]
fn every_record_comes_back_from_changes_and_from_a_compacted_file() {
    let fs = SimFileSystem::new(0);
    let log = open(&fs, true).unwrap();
    put(&log, every_record()).unwrap();
    let state = log.state().clone();
    assert_eq!((state.topics.len(), state.deleted_topics.len(), state.broker_epoch), (1, 2, 3));
    assert_eq!(state.log_starts.values().collect::<Vec<_>>(), [&9], "a deleted topic has none");
    assert_eq!(state.topic_by_id(Uuid::from_u128(1)).unwrap().name, "a");
    drop(log);
    let log = open(&fs, false).unwrap();
    assert_eq!(*log.state(), state);
    log.file.lock().file.compact(&state).unwrap();
    put(&log, vec![MetadataRecord::BrokerEpoch { epoch: 4 }]).unwrap();
    drop(log);
    fs.power_cut();
    let log = open(&fs, false).unwrap();
    assert_eq!(*log.state(), MetadataState { broker_epoch: 4, ..state });
    assert!(log.path().ends_with("millstream.metadata.0000000001"));
    assert_eq!(fs.read_dir(Path::new("data")).unwrap().len(), 1);
}

#[test]
fn producer_ids_are_never_given_twice() {
    let fs = SimFileSystem::new(0);
    let mut last = -1;
    for _ in 0..3 {
        let log = open(&fs, true).unwrap();
        for _ in 0..1500 {
            let next = log.next_producer_id().unwrap();
            assert!(next > last, "{next} after {last}");
            last = next;
        }
        fs.power_cut();
    }
}

#[test]
fn a_damaged_change_before_the_last_is_corruption_and_the_file_stays() {
    let fs = SimFileSystem::new(0);
    let log = open(&fs, true).unwrap();
    for epoch in 0..5 {
        put(&log, vec![MetadataRecord::BrokerEpoch { epoch }]).unwrap();
    }
    let path = log.path();
    let size = fs.open(&path, crate::fs::OpenMode::Existing).unwrap().size().unwrap();
    drop(log);
    for position in [0, size / 2, size - 40] {
        fs.damage(&path, position).unwrap();
        let error = open(&fs, false).unwrap_err();
        assert!(matches!(error, LogError::Corrupt { what: "metadata log", .. }), "{error}");
        fs.damage(&path, position).unwrap();
    }
    assert_eq!(open(&fs, false).unwrap().state().broker_epoch, 4);
}

#[test]
fn a_missing_log_is_not_an_empty_one() {
    let fs = SimFileSystem::new(0);
    assert!(matches!(open(&fs, false), Err(LogError::Corrupt { .. })));
}

#[test]
fn an_unknown_record_is_refused_with_its_type() {
    let fs = SimFileSystem::new(0);
    let log = open(&fs, true).unwrap();
    let path = log.path();
    let size = fs.open(&path, crate::fs::OpenMode::Existing).unwrap().size().unwrap();
    // Type 999, version 0, empty body.
    let records = [0x03, 0xe7, 0, 0, 0, 0, 0, 0];
    let mut checked = 1_u64.to_be_bytes().to_vec();
    checked.extend(records);
    let mut frame = b"MSMD".to_vec();
    frame.extend((records.len() as u32).to_be_bytes());
    frame.extend(millstream_wire::crc32c(&checked).to_be_bytes());
    frame.extend(checked);
    let file = fs.open(&path, crate::fs::OpenMode::Existing).unwrap();
    crate::fs::write_all_at(&*file, &mut [std::io::IoSlice::new(&frame)], size).unwrap();
    let error = open(&fs, false).unwrap_err();
    assert!(matches!(error, LogError::UnknownMetadataRecord { record_type: 999, version: 0, .. }), "{error}");
    assert_eq!(error.kind(), crate::ErrorKind::Refused);
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    let fs = SimFileSystem::new(0);
    let log = open(&fs, true).unwrap();
    fs.inject(1, Fault::Device);
    assert!(put(&log, vec![MetadataRecord::BrokerEpoch { epoch: 1 }]).is_err());
    assert_eq!(log.state().broker_epoch, 0);
    assert!(matches!(log.next_producer_id(), Err(LogError::MetadataOffline)));
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let fs = SimFileSystem::new(0);
    let log = open(&fs, true).unwrap();
    fs.set_full(true);
    let error = put(&log, vec![MetadataRecord::BrokerEpoch { epoch: 1 }]).unwrap_err();
    assert!(error.is_disk_full());
    fs.set_full(false);
    put(&log, vec![MetadataRecord::BrokerEpoch { epoch: 2 }]).unwrap();
    fs.power_cut();
    assert_eq!(open(&fs, false).unwrap().state().broker_epoch, 2);
}

/// Runs a history with a stop of the machine at its n-th operation, for every n: what was answered is there, and what
/// was not is there as a whole or not at all.
#[test]
fn a_stop_at_any_operation_leaves_the_old_or_the_new_state() {
    for seed in 0..10 {
        for stop_at in 0.. {
            let fs = SimFileSystem::new(seed * 1000 + stop_at);
            fs.create_dir_all(Path::new("data")).unwrap();
            fs.sync_dir(Path::new("")).unwrap();
            fs.inject(stop_at, Fault::Stop);
            let mut random = SplitMix::new(seed);
            let mut states = vec![MetadataState::default()];
            let answered = play(&fs, &mut random, &mut states).unwrap_or_else(|answered| answered);
            let stopped = fs.is_stopped();
            if random.flip() {
                fs.power_cut()
            } else {
                fs.kill()
            }
            let found = open(&fs, true).unwrap().state().clone();
            let possible = &states[answered..];
            assert!(possible.contains(&found), "seed {seed} stop {stop_at}: {found:?} not in {possible:?}");
            if !stopped {
                break;
            }
        }
    }
}

/// Creates, deletes and recreates a topic and compacts now and then. `states` gets every state that was begun; the answer is the
/// index of the last that was answered, as an error when the machine stopped.
fn play(fs: &SimFileSystem, random: &mut SplitMix, states: &mut Vec<MetadataState>) -> Result<usize, usize> {
    let log = open(fs, true).map_err(|_| 0_usize)?;
    for step in 0..12 {
        let answered = states.len() - 1;
        let mut records = vec![topic("a", 100 + step, 1)];
        if let Some(old) = log.state().topics.get("a") {
            records.insert(0, MetadataRecord::TopicDeleted { id: old.id });
        }
        let mut next = log.state().clone();
        records.iter().cloned().for_each(|record| next.apply(record));
        states.push(next);
        put(&log, records).map_err(|_| answered)?;
        if random.below(3) == 0 {
            let state = log.state().clone();
            log.file.lock().file.compact(&state).map_err(|_| answered + 1)?;
        }
    }
    Ok(states.len() - 1)
}
