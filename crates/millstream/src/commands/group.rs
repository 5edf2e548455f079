//! `group list`, `describe`, `lag`, `seek`, `delete` and `offset-delete`.

mod position;
mod seek;

use std::time::Duration;

use millstream_client::admin::GroupDescription;
use millstream_client::{Admin, ClientError, ErrorKind, TopicPartition};
use serde_json::{Value, json};

use self::position::{Position, positions};
use super::{print, report};
use crate::cli::{GroupDelete, GroupDescribe, GroupLag, GroupList, GroupOffsetDelete, Output};
use crate::cluster::runtime;
use crate::exit::{Failure, FailureKind};
use crate::listing::Listing;
use crate::signals::Signals;

pub(super) use seek::seek;

/// `group list`.
pub(crate) fn list(command: &GroupList) -> anyhow::Result<()> {
    let groups =
        runtime()?.block_on(async { anyhow::Ok(command.on.cluster.admin().await?.list_groups().await?) })?;
    let is_among = |wanted: &[String], it: &str| {
        wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(it))
    };
    let mut listing = Listing::new(&["broker", "group", "type", "state"]);
    for group in groups {
        if is_among(&command.states, &group.state) && is_among(&command.types, &group.group_type) {
            let row = vec![
                group.coordinator.into(),
                group.group_id.into(),
                group.group_type.into(),
                group.state.into(),
            ];
            listing.push(row);
        }
    }
    print(|out| listing.write(command.on.output, out))
}

/// Describes a group that exists: brokers before 4.0 describe the others as dead.
async fn describe_existing(admin: &Admin, group: &str) -> anyhow::Result<GroupDescription> {
    match admin.describe_group(group).await {
        Ok(described) if described.state == "Dead" => Err(missing(group)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing(group)),
        described => Ok(described?),
    }
}

fn missing(group: &str) -> anyhow::Error {
    let message = format!("there is no group `{group}`: `millstream group list` shows those there are");
    Failure::new(FailureKind::NotFound, message).into()
}

/// `group describe`.
pub(crate) fn describe(command: &GroupDescribe) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        for (number, group) in groups(&admin, command).await?.iter().enumerate() {
            let described = describe_existing(&admin, group).await?;
            let positions = positions(&admin, &described).await?;
            if number > 0 && command.on.output == Output::Table {
                print(|out| writeln!(out))?;
            }
            match command.on.output {
                Output::Table => describe_as_table(command, &described, &positions)?,
                Output::Json => describe_as_json(&described, &positions)?,
            }
        }
        Ok(())
    })
}

/// The groups to describe: those that are named, or those whose names an expression matches.
async fn groups(admin: &Admin, command: &GroupDescribe) -> anyhow::Result<Vec<String>> {
    if !command.regex {
        return Ok(command.groups.clone());
    }
    let compile = |pattern: &String| {
        regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            Failure::new(FailureKind::Usage, format!("`{pattern}` is no regular expression: {error}"))
        })
    };
    let patterns: Vec<_> = command.groups.iter().map(compile).collect::<Result<_, _>>()?;
    let mut groups: Vec<_> = admin.list_groups().await?.into_iter().map(|group| group.group_id).collect();
    groups.retain(|group| patterns.iter().any(|pattern| pattern.is_match(group)));
    groups.sort();
    Ok(groups)
}

fn total_lag(positions: &[Position<'_>]) -> i64 {
    positions.iter().filter_map(Position::lag).sum()
}

fn describe_as_table(
    command: &GroupDescribe,
    group: &GroupDescription,
    positions: &[Position<'_>],
) -> anyhow::Result<()> {
    let some = command.print_summary || command.print_commits || command.print_lag_per_topic;
    if command.print_summary || !some {
        let fields = [
            ("GROUP", group.group_id.clone()),
            ("COORDINATOR", group.coordinator.to_string()),
            ("TYPE", group.group_type.to_owned()),
            ("STATE", group.state.clone()),
            ("BALANCER", group.protocol.clone()),
            ("MEMBERS", group.members.len().to_string()),
            ("TOTAL-LAG", total_lag(positions).to_string()),
        ];
        print(|out| {
            fields
                .iter()
                .try_for_each(|(name, value)| writeln!(out, "{}", format!("{name:<13}{value}").trim_end()))
        })?;
    }
    if !some && !positions.is_empty() {
        print(|out| writeln!(out))?;
    }
    if command.print_commits || (!some && !positions.is_empty()) {
        print(|out| commits(positions, &group.group_id, false).write(Output::Table, out))?;
    }
    if command.print_lag_per_topic {
        let mut listing = topic_lag_listing();
        push_topic_lags(&mut listing, &group.group_id, positions);
        print(|out| listing.write(Output::Table, out))?;
    }
    Ok(())
}

fn describe_as_json(group: &GroupDescription, positions: &[Position<'_>]) -> anyhow::Result<()> {
    let members = group.members.iter().map(|member| {
        json!({
            "member_id": member.member_id,
            "instance_id": member.instance_id,
            "client_id": member.client_id,
            "host": member.client_host,
        })
    });
    let object = json!({
        "group": group.group_id,
        "coordinator": group.coordinator,
        "type": group.group_type,
        "state": group.state,
        "balancer": group.protocol,
        "total_lag": total_lag(positions),
        "members": members.collect::<Vec<_>>(),
        "partitions": commits(positions, &group.group_id, true).to_objects(),
    });
    print(|out| writeln!(out, "{object}"))
}

/// A row per partition. In a table the column of `group.instance.id` is there only if a member has one.
fn commits(positions: &[Position<'_>], group: &str, complete: bool) -> Listing {
    let has_instances =
        complete || positions.iter().any(|it| it.member.is_some_and(|m| m.instance_id.is_some()));
    let mut headings = vec![
        "topic",
        "partition",
        "current_offset",
        "log_start_offset",
        "log_end_offset",
        "lag",
        "member_id",
    ];
    if has_instances {
        headings.push("instance_id");
    }
    headings.extend(["client_id", "host"]);
    if complete {
        headings.extend(["group", "metadata"]);
    }
    let mut listing = Listing::new(&headings);
    for position in positions {
        let member = |field: fn(&millstream_client::admin::GroupMemberDescription) -> &String| -> Value {
            position.member.map(|member| field(member).clone()).into()
        };
        let mut row = vec![
            position.partition.topic.to_string().into(),
            position.partition.partition.into(),
            position.committed_offset().into(),
            position.start.into(),
            position.end.into(),
            position.lag().into(),
            member(|member| &member.member_id),
        ];
        if has_instances {
            row.push(position.member.and_then(|member| member.instance_id.clone()).into());
        }
        row.extend([member(|member| &member.client_id), member(|member| &member.client_host)]);
        if complete {
            let metadata = position.committed.as_ref().map(|committed| committed.metadata.clone());
            row.extend([group.into(), metadata.into()]);
        }
        listing.push(row);
    }
    listing
}

/// `group lag`.
pub(crate) fn lag(command: &GroupLag) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let signals = Signals::install()?;
        let watch = async {
            loop {
                show_lag(command, &admin).await?;
                let Some(seconds) = command.watch else { return Ok(()) };
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                if command.on.output == Output::Table {
                    print(|out| writeln!(out))?;
                }
            }
        };
        tokio::select! {
            shown = watch => shown,
            () = signals.stop_requested() => Ok(()),
        }
    })
}

async fn show_lag(command: &GroupLag, admin: &Admin) -> anyhow::Result<()> {
    let groups = if command.groups.is_empty() {
        let listed = admin.list_groups().await?;
        listed.into_iter().map(|listing| listing.group_id).collect()
    } else {
        command.groups.clone()
    };
    let mut listing = if command.partitions {
        Listing::new(&["group", "topic", "partition", "current_offset", "log_end_offset", "lag"])
    } else {
        topic_lag_listing()
    };
    for group in groups {
        let described = match describe_existing(admin, &group).await {
            Ok(described) => described,
            // It was there a moment ago, or is of a kind that has no offsets.
            Err(_) if command.groups.is_empty() => continue,
            Err(error) => return Err(error),
        };
        let positions = positions(admin, &described).await?;
        if command.partitions {
            for position in &positions {
                listing.push(vec![
                    group.as_str().into(),
                    position.partition.topic.to_string().into(),
                    position.partition.partition.into(),
                    position.committed_offset().into(),
                    position.end.into(),
                    position.lag().into(),
                ]);
            }
        } else {
            push_topic_lags(&mut listing, &group, &positions);
        }
    }
    print(|out| listing.write(command.on.output, out))
}

fn topic_lag_listing() -> Listing {
    Listing::new(&["group", "topic", "partitions", "lag", "max_lag"])
}

/// A row per topic; `positions` are sorted by partition.
fn push_topic_lags(listing: &mut Listing, group: &str, positions: &[Position<'_>]) {
    for of_topic in positions.chunk_by(|one, other| one.partition.topic == other.partition.topic) {
        let lags = || of_topic.iter().filter_map(Position::lag);
        let topic = of_topic.first().map(|position| position.partition.topic.to_string());
        let row = vec![
            group.into(),
            topic.into(),
            of_topic.len().into(),
            lags().sum::<i64>().into(),
            lags().max().into(),
        ];
        listing.push(row);
    }
}

/// `group delete`.
pub(crate) fn delete(command: &GroupDelete) -> anyhow::Result<()> {
    let outcomes = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        let mut outcomes: Vec<(String, Result<(), ClientError>)> = Vec::with_capacity(command.groups.len());
        for group in &command.groups {
            outcomes.push((group.clone(), admin.delete_group(group).await));
        }
        anyhow::Ok(outcomes)
    })?;
    report(command.on.output, "group", outcomes, |_| false)
}

/// `group offset-delete`.
pub(crate) fn delete_offsets(command: &GroupOffsetDelete) -> anyhow::Result<()> {
    let outcomes = runtime()?.block_on(async {
        let admin = command.on.cluster.admin().await?;
        describe_existing(&admin, &command.group).await?;
        let committed = admin.committed_offsets(&command.group, None, false).await?;
        let mut partitions = Vec::new();
        for wanted in &command.topics {
            let committed = committed.keys().filter(|partition| *partition.topic == *wanted.topic);
            match &wanted.partitions {
                None => partitions.extend(committed.cloned()),
                Some(indexes) => partitions
                    .extend(indexes.iter().map(|&index| TopicPartition::new(wanted.topic.as_str(), index))),
            }
        }
        partitions.sort();
        partitions.dedup();
        if partitions.is_empty() {
            let message = format!(
                "group `{}` has no commits for these topics: `millstream group describe` shows those it has",
                command.group
            );
            return Err(Failure::new(FailureKind::NotFound, message).into());
        }
        anyhow::Ok(admin.delete_committed_offsets(&command.group, &partitions).await?)
    })?;
    let outcomes = outcomes.into_iter().map(|(partition, outcome)| (partition.to_string(), outcome));
    report(command.on.output, "partition", outcomes, |_| false)
}
