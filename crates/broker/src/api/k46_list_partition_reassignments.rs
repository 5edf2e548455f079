//! ListPartitionReassignments (46), version 0: replicas on their way to other brokers (KIP-455). There is one broker, so there
//! are none.

use std::sync::Arc;

use millstream_wire::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api =
    Api::whole::<ListPartitionReassignmentsRequest>(|core, call| serve(core, call, handle));

fn handle(
    _: &Arc<Core>,
    _: &Call,
    _: ListPartitionReassignmentsRequest,
) -> Reply<ListPartitionReassignmentsResponse> {
    Reply::Now(ListPartitionReassignmentsResponse::default())
}
