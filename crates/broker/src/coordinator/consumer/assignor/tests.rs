//! What both assignors promise, for random groups, and what each promises beyond.

use proptest::prelude::*;

use super::*;

type Group = Vec<(BTreeSet<Uuid>, Assignment)>;

fn topic(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn run(assignor: ServerAssignor, group: &Group, counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let ids: Vec<String> = (0..group.len()).map(|index| format!("m{index:02}")).collect();
    let specs: Vec<MemberSpec<'_>> = group
        .iter()
        .zip(&ids)
        .map(|((topics, previous), member_id)| MemberSpec {
            member_id,
            instance_id: None,
            topics: topics.clone(),
            previous,
        })
        .collect();
    assign(assignor, &specs, counts)
}

fn load(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

/// Groups of one to eight members over up to four topics, with any previous assignment, contradictory ones too.
fn groups() -> impl Strategy<Value = (Group, BTreeMap<Uuid, i32>)> {
    let counts = proptest::collection::vec(0..12_i32, 4);
    let member = (
        proptest::collection::btree_set(0..4_u8, 0..=4),
        proptest::collection::btree_map(0..5_u8, proptest::collection::btree_set(0..14_i32, 1..6), 0..4),
    );
    (proptest::collection::vec(member, 1..8), counts).prop_map(|(members, counts)| {
        let members = members.into_iter().map(|(topics, previous)| {
            let previous = previous.into_iter().map(|(number, partitions)| (topic(number), partitions));
            (topics.into_iter().map(topic).collect(), previous.collect())
        });
        let counts = counts.into_iter().enumerate();
        let counts = counts.map(|(number, count)| (topic(u8::try_from(number).unwrap()), count));
        (members.collect(), counts.collect())
    })
}

proptest! {
    #[test]
    fn every_partition_has_one_owner_who_wants_it((group, counts) in groups()) {
        for assignor in [ServerAssignor::Range, ServerAssignor::Uniform] {
            let assignments = run(assignor, &group, &counts);
            for (topic, count) in &counts {
                let is_wanted = group.iter().any(|(topics, _)| topics.contains(topic));
                for partition in 0..*count {
                    let has = |own: &&Assignment| own.get(topic).is_some_and(|set| set.contains(&partition));
                    prop_assert_eq!(assignments.iter().filter(has).count(), usize::from(is_wanted));
                }
            }
            for (assignment, (topics, _)) in assignments.iter().zip(&group) {
                for (topic, partitions) in assignment {
                    prop_assert!(topics.contains(topic) && !partitions.is_empty());
                    prop_assert!(partitions.iter().all(|partition| (0..counts[topic]).contains(partition)));
                }
            }
        }
    }

    #[test]
    fn uniform_is_as_even_as_can_be_and_then_stays((group, counts) in groups()) {
        let assignments = run(ServerAssignor::Uniform, &group, &counts);
        // Nobody could hand a partition directly to somebody with two less.
        for (own, giver) in assignments.iter().zip(0..) {
            for (other, (topics, _)) in assignments.iter().zip(&group) {
                let can_take = own.keys().any(|topic| topics.contains(topic));
                prop_assert!(!can_take || load(own) <= load(other) + 1, "member {} in {:?}", giver, assignments);
            }
        }
        let topics = group.iter().map(|(topics, _)| topics.clone());
        let settled: Group = topics.zip(assignments.iter().cloned()).collect();
        prop_assert_eq!(run(ServerAssignor::Uniform, &settled, &counts), assignments);
    }
}

#[test]
fn uniform_moves_only_what_it_must() {
    let topics = BTreeSet::from([topic(0)]);
    let all = Assignment::from([(topic(0), (0..9).collect())]);
    let group = vec![(topics.clone(), Assignment::new()), (topics.clone(), all), (topics, Assignment::new())];
    let counts = BTreeMap::from([(topic(0), 10)]);
    let assignments = run(ServerAssignor::Uniform, &group, &counts);
    assert_eq!(assignments[1], Assignment::from([(topic(0), (0..4).collect())]));
    assert_eq!((load(&assignments[0]), load(&assignments[2])), (3, 3));
}

#[test]
fn uniform_finds_chains_of_members() {
    // The first can only give to the second, and only the second to the third.
    let set = |numbers: &[u8]| numbers.iter().map(|&number| topic(number)).collect::<BTreeSet<_>>();
    let held =
        |number, partitions: std::ops::Range<i32>| Assignment::from([(topic(number), partitions.collect())]);
    let group = vec![(set(&[0]), held(0, 0..3)), (set(&[0, 1]), held(1, 0..2)), (set(&[1]), held(1, 2..3))];
    let counts = BTreeMap::from([(topic(0), 3), (topic(1), 3)]);
    let loads: Vec<usize> = run(ServerAssignor::Uniform, &group, &counts).iter().map(load).collect();
    assert_eq!(loads, [2, 2, 2]);
}

#[test]
fn range_gives_runs_that_lie_side_by_side_in_all_topics() {
    let topics = BTreeSet::from([topic(0), topic(1)]);
    let none = Assignment::new();
    let spec = |member_id, instance_id| MemberSpec {
        member_id,
        instance_id,
        topics: topics.clone(),
        previous: &none,
    };
    let specs = [spec("b", None), spec("a", None), spec("c", Some("static"))];
    let counts = BTreeMap::from([(topic(0), 7), (topic(1), 7)]);
    let assignments = assign(ServerAssignor::Range, &specs, &counts);
    let runs = |run: std::ops::Range<i32>| {
        Assignment::from([(topic(0), run.clone().collect()), (topic(1), run.collect())])
    };
    assert_eq!(assignments, [runs(5..7), runs(3..5), runs(0..3)]);
}
