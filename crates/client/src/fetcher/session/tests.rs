use super::*;

fn wanted(offsets: &[(i32, i64)]) -> HashMap<TopicPartition, Wanted> {
    let one = |&(partition, fetch_offset): &(i32, i64)| {
        let wanted =
            Wanted { topic_id: Uuid::from_u128(1), leader_epoch: Some(0), fetch_offset, max_bytes: 10 };
        (TopicPartition::new("t", partition), wanted)
    };
    offsets.iter().map(one).collect()
}

/// Session id, epoch, the offsets asked for, the partitions forgotten.
fn request(session: &mut Session, offsets: &[(i32, i64)]) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
    let mut request = FetchRequest::default();
    session.fill(&mut request, wanted(offsets), true);
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let mut asked: Vec<_> = partitions.map(|p| (p.partition, p.fetch_offset)).collect();
    asked.sort_unstable();
    let mut forgotten: Vec<_> =
        request.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone()).collect();
    forgotten.sort_unstable();
    (request.session_id, request.session_epoch, asked, forgotten)
}

#[test]
fn a_session_says_only_what_changes() {
    let mut session = Session::default();
    assert_eq!(request(&mut session, &[(0, 5), (1, 5)]), (0, 0, vec![(0, 5), (1, 5)], vec![]));
    assert!(session.answered(0, 77));
    assert_eq!(request(&mut session, &[(0, 9), (1, 5), (2, 1)]), (77, 1, vec![(0, 9), (2, 1)], vec![]));
    assert!(session.answered(0, 77));
    assert_eq!(request(&mut session, &[(1, 5)]), (77, 2, vec![], vec![0, 2]));
    assert!(session.answered(0, 77));
    assert_eq!(request(&mut session, &[(0, 9), (1, 5)]), (77, 3, vec![(0, 9)], vec![]));
}

#[test]
fn a_lost_session_is_asked_for_anew_and_none_means_full_requests() {
    let mut session = Session::default();
    request(&mut session, &[(0, 5)]);
    assert!(session.answered(0, 77));
    request(&mut session, &[(0, 5)]);
    assert!(!session.answered(ErrorCode::InvalidFetchSessionEpoch.code(), 0));
    assert_eq!(request(&mut session, &[(0, 5)]), (77, 0, vec![(0, 5)], vec![]));
    assert!(session.answered(0, 78));
    request(&mut session, &[(0, 6)]);
    assert!(!session.answered(ErrorCode::FetchSessionIdNotFound.code(), 0));
    assert_eq!(request(&mut session, &[(0, 6)]), (0, 0, vec![(0, 6)], vec![]));
    assert!(session.answered(0, 0));
    assert_eq!(request(&mut session, &[(0, 6)]), (0, 0, vec![(0, 6)], vec![]));
}

#[test]
fn epochs_wrap_to_one() {
    let mut session = Session { id: 3, epoch: i32::MAX, ..Session::default() };
    assert!(session.answered(0, 3));
    assert_eq!(session.epoch, 1);
}
