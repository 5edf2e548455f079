//! AlterPartitionReassignments (45), versions 0 to 1: moving replicas to other brokers (KIP-455). Version 1 can forbid other
//! numbers of replicas (KIP-860).
//!
//! There is one broker: a partition is where it is asked to be, or is asked to be where no broker is. Nothing ever moves, so
//! that there is nothing to cancel.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};

use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;

pub(super) const API: Api =
    Api::whole::<AlterPartitionReassignmentsRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: AlterPartitionReassignmentsRequest,
) -> Reply<AlterPartitionReassignmentsResponse> {
    let responses = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let outcome = reassign(core, &topic.name, &partition);
            let (error_code, error_message) = outcome.err().map_or((0, None), Refusal::into_parts);
            let partition_index = partition.partition_index;
            ReassignablePartitionResponse { partition_index, error_code, error_message }
        });
        ReassignableTopicResponse { partitions: partitions.collect(), name: topic.name.clone() }
    });
    Reply::Now(AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: responses.collect(),
        ..AlterPartitionReassignmentsResponse::default()
    })
}

fn reassign(core: &Core, topic: &str, wanted: &ReassignablePartition) -> Result<(), Refusal> {
    let unknown = |message| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
    let table = core.topics();
    let found = table.by_name(topic);
    let found = found.ok_or_else(|| unknown(format!("Unable to find a topic named {topic}.")))?;
    if found.partition(wanted.partition_index).is_none() {
        return Err(unknown(format!("Unable to find partition {topic}:{}.", wanted.partition_index)));
    }
    let Some(replicas) = &wanted.replicas else { return Err(ErrorCode::NoReassignmentInProgress.into()) };
    check_replicas(core.config.node_id, replicas)
}

fn check_replicas(node: i32, replicas: &[i32]) -> Result<(), Refusal> {
    let refused = |what: String| {
        let message = format!("The manual partition assignment includes {what}");
        Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message))
    };
    match replicas {
        [] => refused("an empty replica list.".to_owned()),
        [only] if *only == node => Ok(()),
        _ => match replicas.iter().find(|replica| **replica != node) {
            Some(other) => refused(format!("broker {other}, but no such broker is registered.")),
            None => refused(format!("the broker {node} more than once.")),
        },
    }
}
