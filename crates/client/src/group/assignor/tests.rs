use super::*;

fn subscriber(member_id: &str, instance_id: Option<&str>, topics: &[&str]) -> Subscriber {
    Subscriber {
        member_id: member_id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
    }
}

fn assigned(assignor: Assignor, members: &[Subscriber], counts: &[(&str, usize)]) -> Vec<(String, String)> {
    let counts = counts.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect();
    let assignment = assignor.assign(members, &counts).into_iter();
    assignment
        .map(|(member, partitions)| {
            let partitions: Vec<_> = partitions.iter().map(ToString::to_string).collect();
            (member, partitions.join(" "))
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(member, partitions)| ((*member).to_owned(), (*partitions).to_owned())).collect()
}

/// The examples in the documentation of Java's assignors.
#[test]
fn the_examples_of_javas_assignors() {
    let both = [subscriber("C0", None, &["t0", "t1"]), subscriber("C1", None, &["t0", "t1"])];
    let counts = [("t0", 3), ("t1", 3)];
    assert_eq!(
        assigned(Assignor::Range, &both, &counts),
        pairs(&[("C0", "t0-0 t0-1 t1-0 t1-1"), ("C1", "t0-2 t1-2")])
    );
    assert_eq!(
        assigned(Assignor::RoundRobin, &both, &counts),
        pairs(&[("C0", "t0-0 t0-2 t1-1"), ("C1", "t0-1 t1-0 t1-2")])
    );
    let mixed = [
        subscriber("C0", None, &["t0"]),
        subscriber("C1", None, &["t0", "t1"]),
        subscriber("C2", None, &["t0", "t1", "t2"]),
    ];
    assert_eq!(
        assigned(Assignor::RoundRobin, &mixed, &[("t0", 1), ("t1", 2), ("t2", 3)]),
        pairs(&[("C0", "t0-0"), ("C1", "t1-0"), ("C2", "t1-1 t2-0 t2-1 t2-2")])
    );
}

#[test]
fn static_members_keep_their_order_whatever_their_ids() {
    let members = [
        subscriber("a-dynamic", None, &["t"]),
        subscriber("z", Some("i-1"), &["t"]),
        subscriber("b", Some("i-2"), &["t"]),
    ];
    assert_eq!(
        assigned(Assignor::Range, &members, &[("t", 4)]),
        pairs(&[("a-dynamic", "t-3"), ("b", "t-2"), ("z", "t-0 t-1")])
    );
}

#[test]
fn every_partition_goes_to_one_member_that_wants_it() {
    for assignor in [Assignor::Range, Assignor::RoundRobin] {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
        let members: Vec<_> = (0..5)
            .map(|n| {
                subscriber(&format!("m{n}"), None, if n % 2 == 0 { &["a", "b"] } else { &["b", "gone"] })
            })
            .collect();
        let counts = BTreeMap::from([("a".to_owned(), 7), ("b".to_owned(), 2), ("unwanted".to_owned(), 3)]);
        let assignment = assignor.assign(&members, &counts);
        let mut all = BTreeSet::new();
        for member in &members {
            for partition in &assignment[&member.member_id] {
                assert!(member.topics.contains(&*partition.topic));
                assert!(all.insert(partition.clone()), "{partition} twice");
            }
        }
        assert_eq!(all.len(), 9);
    }
}
