//! Quotas of clients: what is set, what is found, and what the first requests beyond them are told.

use millstream_wire::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData, OpData,
};
use millstream_wire::messages::create_topics::CreateTopicsRequest;
use millstream_wire::messages::delete_topics::DeleteTopicsRequest;
use millstream_wire::messages::describe_client_quotas::{ComponentData, DescribeClientQuotasRequest};
use millstream_wire::records::FinishOptions;

use crate::admin::{make, topic};
use crate::connection::{Connection, until};
use crate::records::{batch, now_ms, producing};

const USER: &str = "user";
const CLIENT: &str = "client-id";
/// Who everybody is that has not said so.
const NOBODY: &str = "ANONYMOUS";

type Part<'a> = (&'a str, Option<&'a str>);
type Operation<'a> = (&'a str, Option<f64>);

fn altering(entities: &[(&[Part<'_>], &[Operation<'_>])]) -> AlterClientQuotasRequest {
    let part = |(entity_type, name): &Part<'_>| AlterClientQuotasRequestEntityData {
        entity_type: (*entity_type).into(),
        entity_name: name.map(Into::into),
    };
    let operation = |(key, value): &Operation<'_>| OpData {
        key: (*key).into(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    };
    let entry = |(parts, operations): &(&[Part<'_>], &[Operation<'_>])| AlterClientQuotasRequestEntryData {
        entity: parts.iter().map(part).collect(),
        ops: operations.iter().map(operation).collect(),
    };
    AlterClientQuotasRequest { entries: entities.iter().map(entry).collect(), validate_only: false }
}

fn alter(connection: &mut Connection, what: &str, entities: &[(&[Part<'_>], &[Operation<'_>])]) {
    for version in [0, 1] {
        connection.ask_sorted(what, version, &altering(entities), |answer| {
            for entry in &mut answer.entries {
                entry.entity.sort_by(|one, other| one.entity_type.cmp(&other.entity_type));
            }
            answer.entries.sort_by_key(|entry| format!("{:?}", entry.entity));
        });
    }
}

fn finding(components: &[(&str, i8, Option<&str>)], strict: bool) -> DescribeClientQuotasRequest {
    let component = |(entity_type, match_type, name): &(&str, i8, Option<&str>)| ComponentData {
        entity_type: (*entity_type).into(),
        match_type: *match_type,
        r#match: name.map(Into::into),
    };
    DescribeClientQuotasRequest { components: components.iter().map(component).collect(), strict }
}

fn find(connection: &mut Connection, what: &str, components: &[(&str, i8, Option<&str>)], strict: bool) {
    connection.ask_sorted(what, 1, &finding(components, strict), |answer| {
        for entry in answer.entries.iter_mut().flatten() {
            entry.entity.sort_by(|one, other| one.entity_type.cmp(&other.entity_type));
            entry.values.sort_by(|one, other| one.key.cmp(&other.key));
        }
        if let Some(entries) = &mut answer.entries {
            entries.sort_by_key(|entry| format!("{:?}", entry.entity));
        }
    });
}

/// Sets a quota and waits until it holds: quotas are published in order, so once the second is seen the first is in force.
fn set(connection: &mut Connection, entity: &[Part<'_>], operation: Operation<'_>) {
    connection.quiet(1, &altering(&[(entity, &[operation])])).unwrap();
    let (probe, key): (&[Part<'_>], _) = (&[(CLIENT, Some("probe"))], "producer_byte_rate");
    for value in [Some(1e12), None] {
        connection.quiet(1, &altering(&[(probe, &[(key, value)])])).unwrap();
        let wanted = finding(&[(CLIENT, 0, Some("probe"))], true);
        until(|| {
            let entries = connection.quiet(1, &wanted).unwrap().entries.unwrap();
            entries.is_empty() == value.is_none()
        });
    }
}

/// Setting and finding quotas.
pub(crate) fn quotas(connection: &mut Connection) {
    let (ann, anybody) = ((USER, Some("ann")), (USER, None));
    let (app, any_client) = ((CLIENT, Some("app")), (CLIENT, None));
    let rate = "producer_byte_rate";
    alter(connection, "a user", &[(&[ann], &[(rate, Some(1024.0)), ("consumer_byte_rate", Some(2048.0))])]);
    alter(connection, "a client", &[(&[app], &[("request_percentage", Some(12.5))])]);
    alter(connection, "both", &[(&[ann, app], &[("controller_mutation_rate", Some(0.5))])]);
    alter(
        connection,
        "defaults",
        &[(&[anybody], &[(rate, Some(1.0))]), (&[anybody, any_client], &[(rate, Some(2.0))])],
    );
    for (what, entity, operation) in [
        ("zero", ann, (rate, Some(0.0))),
        ("less", ann, (rate, Some(-1.0))),
        ("a fraction", ann, (rate, Some(1.5))),
        ("nearly whole", ann, (rate, Some(7.000_000_1))),
        ("too much", ann, (rate, Some(1e300))),
        ("a fraction of a percent", ann, ("request_percentage", Some(0.25))),
        ("an unknown one", ann, ("no_such_rate", Some(1.0))),
        ("no unknown one", ann, ("no_such_rate", None)),
        ("none where none is", (USER, Some("bob")), (rate, None)),
        ("an empty name", (USER, Some("")), (rate, Some(1.0))),
        ("an unknown entity", ("planet", Some("x")), (rate, Some(1.0))),
        ("a rate of addresses for a user", ann, ("connection_creation_rate", Some(1.0))),
    ] {
        alter(connection, what, &[(&[entity], &[operation])]);
    }
    alter(connection, "nobody", &[(&[], &[(rate, Some(1.0))])]);
    alter(connection, "nothing", &[]);
    alter(connection, "no change", &[(&[ann], &[])]);
    alter(connection, "a key twice", &[(&[ann], &[(rate, Some(1.0)), (rate, Some(2.0))])]);
    alter(connection, "remove", &[(&[anybody], &[(rate, None)])]);
    let check =
        AlterClientQuotasRequest { validate_only: true, ..altering(&[(&[app], &[(rate, Some(3.0))])]) };
    connection.ask("check", 1, &check);
    let (exact, default, any) = (0, 1, 2);
    until(|| {
        let of_default = finding(&[(USER, default, None)], true);
        connection.quiet(1, &of_default).unwrap().entries.unwrap().is_empty()
    });
    for strict in [false, true] {
        let how = if strict { "strictly" } else { "loosely" };
        let mut look = |what: &str, components: &[(&str, i8, Option<&str>)]| {
            find(connection, &format!("{what}, {how}"), components, strict);
        };
        look("everything", &[]);
        look("of ann", &[(USER, exact, Some("ann"))]);
        look("of app", &[(CLIENT, exact, Some("app"))]);
        look("of ann and app", &[(USER, exact, Some("ann")), (CLIENT, exact, Some("app"))]);
        look("of any user", &[(USER, any, None)]);
        look("of the default user", &[(USER, default, None)]);
        look("of the default client of any user", &[(USER, any, None), (CLIENT, default, None)]);
        look("of addresses", &[("ip", any, None)]);
        look("of addresses and users", &[("ip", any, None), (USER, any, None)]);
        look("of an unknown kind", &[("planet", any, None)]);
        look("of no kind", &[("", any, None)]);
        look("of ann twice", &[(USER, exact, Some("ann")), (USER, any, None)]);
        look("an exact one without a name", &[(USER, exact, None)]);
        look("the default with a name", &[(USER, default, Some("ann"))]);
        look("an unknown match", &[(USER, 9, None)]);
    }
    let all: [&[Part<'_>]; 4] = [&[ann], &[app], &[ann, app], &[anybody, any_client]];
    for entity in all {
        let keys = [rate, "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
        connection.quiet(1, &altering(&[(entity, &keys.map(|key| (key, None)))])).unwrap();
    }
}

/// What requests are told that exceed a quota. The first one's time to wait can be reckoned to the millisecond.
pub(crate) fn throttles(connection: &mut Connection) {
    make(connection, "throttled", 1, &[]);
    let nobody: &[Part<'_>] = &[(USER, Some(NOBODY))];
    // The whole of it is the request's body, 100 bytes a second, and ten seconds are there beforehand.
    let records = batch(&vec![Some("key-of-a-record"); 60], now_ms(), &FinishOptions::default());
    set(connection, nobody, ("producer_byte_rate", Some(100.0)));
    connection.ask("produce beyond the quota", 9, &producing("throttled", 0, records));
    set(connection, nobody, ("producer_byte_rate", None));
    set(connection, nobody, ("controller_mutation_rate", Some(2.0)));
    let creating = |name: &str, partitions, validate_only| CreateTopicsRequest {
        topics: vec![topic(name, partitions)],
        timeout_ms: 10_000,
        validate_only,
    };
    for (what, validate_only) in [("check more than the quota", true), ("create more than the quota", false)]
    {
        connection.ask_sorted(what, 7, &creating("many", 12, validate_only), |answer| {
            answer.topics.iter_mut().for_each(|topic| topic.configs = None);
        });
    }
    for version in [6, 7] {
        let mut refused = connection.quiet(version, &creating("one", 1, false)).unwrap();
        assert!(refused.throttle_time_ms > 0, "{refused:?}");
        refused.throttle_time_ms = 1;
        connection.note("create beyond the quota", &refused);
        connection.quiet(version, &creating("more", 3, false)).unwrap();
    }
    set(connection, nobody, ("controller_mutation_rate", None));
    let names = ["throttled", "many", "one", "more"];
    let deleting = DeleteTopicsRequest {
        topic_names: names.map(Into::into).to_vec(),
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    connection.quiet(5, &deleting).unwrap();
}
