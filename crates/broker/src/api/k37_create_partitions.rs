//! CreatePartitions (37), versions 0 to 3: gives topics more partitions.

use std::collections::HashSet;
use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;
use crate::quotas::Mutations;

pub(super) const API: Api = Api::whole::<CreatePartitionsRequest>(|core, call| serve(core, call, handle));

/// The first version that is refused what exceeds `controller_mutation_rate` (KIP-599); with others the client is put off.
const REFUSED_SINCE: i16 = 3;

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: CreatePartitionsRequest,
) -> Reply<CreatePartitionsResponse> {
    let core = Arc::clone(core);
    let mutations = Mutations::new(call.metered.clone(), call.version() >= REFUSED_SINCE);
    Reply::later(async move {
        let mut seen = HashSet::new();
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let name = topic.name.clone();
            let outcome = if seen.insert(name.clone()) {
                create(&core, &mutations, topic, request.validate_only).await
            } else {
                Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            };
            let (error_code, error_message) =
                outcome.err().map_or((ErrorCode::None.code(), None), Refusal::into_parts);
            results.push(CreatePartitionsTopicResult { name, error_code, error_message });
        }
        CreatePartitionsResponse { throttle_time_ms: 0, results }
    })
}

async fn create(
    core: &Arc<Core>,
    mutations: &Mutations,
    wanted: CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refusal> {
    let table = core.topics();
    let topic = table.by_name(&wanted.name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.is_internal() {
        let message = format!("{} belongs to the broker: its partitions are where groups are.", topic.name);
        return Err(Refusal::new(ErrorCode::PolicyViolation, message));
    }
    let current = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let count = wanted.count;
    if count <= current {
        let message = if count == current {
            format!("Topic already has {current} partition(s).")
        } else {
            format!(
                "The topic {} currently has {current} partition(s); {count} would not be an increase.",
                topic.name
            )
        };
        return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
    }
    if let Some(assignments) = &wanted.assignments {
        check_assignments(core, assignments.iter().map(|assigned| &*assigned.broker_ids), count - current)?;
    }
    mutations.take(usize::try_from(count - current).unwrap_or(0))?;
    if !validate_only {
        core.create_partitions(topic, count).await?;
    }
    Ok(())
}

fn check_assignments<'a>(
    core: &Core,
    assignments: impl ExactSizeIterator<Item = &'a [i32]>,
    added: i32,
) -> Result<(), Refusal> {
    let given = assignments.len();
    if i32::try_from(given) != Ok(added) {
        let message = format!(
            "Attempted to add {added} additional partition(s), but only {given} assignment(s) were specified."
        );
        return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    let mut assignments = assignments;
    if assignments.any(|brokers| brokers != [core.config.node_id]) {
        let message = "The manual partition assignment includes brokers that are not registered.";
        return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    Ok(())
}
