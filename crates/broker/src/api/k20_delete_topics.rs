//! DeleteTopics (20), versions 1 to 6: deletes topics. Version 5 brings messages, 6 ids (KIP-516).
//!
//! What groups have committed for the topic is taken back as well. Deviation: the broker's own topics cannot be deleted.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;
use crate::quotas::Mutations;
use crate::storage::Topic;

pub(super) const API: Api = Api::whole::<DeleteTopicsRequest>(|core, call| serve(core, call, handle));

/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 6;

/// The first version that is refused what exceeds `controller_mutation_rate` (KIP-599); with others the client is put off.
const REFUSED_SINCE: i16 = 5;

fn handle(core: &Arc<Core>, call: &Call, request: DeleteTopicsRequest) -> Reply<DeleteTopicsResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    let mutations = Mutations::new(call.metered.clone(), version >= REFUSED_SINCE);
    Reply::later(async move {
        let wanted: Vec<DeleteTopicState> = if version >= TOPIC_IDS_SINCE {
            request.topics
        } else {
            let named = request.topic_names.into_iter();
            named.map(|name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() }).collect()
        };
        let mut responses = Vec::with_capacity(wanted.len());
        for (index, topic) in wanted.iter().enumerate() {
            let is_same =
                |other: &&DeleteTopicState| other.name == topic.name && other.topic_id == topic.topic_id;
            if wanted[..index].iter().any(|other| is_same(&other)) {
                continue;
            }
            let is_asked_twice = wanted[index + 1..].iter().any(|other| is_same(&other));
            responses.push(delete(&core, &mutations, topic.clone(), is_asked_twice).await);
        }
        DeleteTopicsResponse { throttle_time_ms: 0, responses }
    })
}

async fn delete(
    core: &Arc<Core>,
    mutations: &Mutations,
    wanted: DeleteTopicState,
    is_asked_twice: bool,
) -> DeletableTopicResult {
    let found = if is_asked_twice {
        Err(Refusal::new(ErrorCode::InvalidRequest, "The topic is named more than once."))
    } else {
        find(core, &wanted)
    };
    let mut result = DeletableTopicResult {
        name: wanted.name,
        topic_id: wanted.topic_id,
        ..DeletableTopicResult::default()
    };
    let outcome = match found {
        Ok(topic) => {
            result.name = Some(topic.name.to_string());
            result.topic_id = topic.id;
            match mutations.take(topic.partitions.len()) {
                Ok(()) => core.delete_topic(topic.id).await,
                Err(error) => Err(error.into()),
            }
        }
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = outcome {
        (result.error_code, result.error_message) = refusal.into_parts();
    }
    result
}

fn find(core: &Core, wanted: &DeleteTopicState) -> Result<Arc<Topic>, Refusal> {
    let table = core.topics();
    let topic = match (&wanted.name, wanted.topic_id.is_nil()) {
        (Some(_), false) => {
            let message = "You may not specify both topic name and topic id.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        (None, true) => {
            let message = "Neither topic name nor id were specified.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        (Some(name), true) => table.by_name(name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
        (None, false) => table.by_id(wanted.topic_id).ok_or(ErrorCode::UnknownTopicId)?,
    };
    if topic.is_internal() {
        let message = format!("{} belongs to the broker and cannot be deleted.", topic.name);
        return Err(Refusal::new(ErrorCode::PolicyViolation, message));
    }
    Ok(Arc::clone(topic))
}
