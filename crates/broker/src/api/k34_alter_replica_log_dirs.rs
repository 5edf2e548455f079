//! AlterReplicaLogDirs (34), versions 1 to 2: moving partitions to other disks of a broker (KIP-113).
//!
//! There is one directory: a partition is in it, and any other is not found.

use std::path::Path;
use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<AlterReplicaLogDirsRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: AlterReplicaLogDirsRequest,
) -> Reply<AlterReplicaLogDirsResponse> {
    let own = std::path::absolute(core.store.path()).unwrap_or_else(|_| core.store.path().to_owned());
    let table = core.topics();
    let mut results: Vec<AlterReplicaLogDirTopicResult> = Vec::new();
    for directory in request.dirs {
        let is_own = Path::new(&directory.path) == own;
        for wanted in directory.topics {
            let topic = table.by_name(&wanted.name);
            let result = |&partition_index: &i32| {
                let exists = topic.is_some_and(|topic| topic.partition(partition_index).is_some());
                let error = match (is_own, exists) {
                    (false, _) => ErrorCode::LogDirNotFound,
                    (true, false) => ErrorCode::UnknownTopicOrPartition,
                    (true, true) => ErrorCode::None,
                };
                AlterReplicaLogDirPartitionResult { partition_index, error_code: error.code() }
            };
            let partitions: Vec<_> = wanted.partitions.iter().map(result).collect();
            match results.iter_mut().find(|result| result.topic_name == wanted.name) {
                Some(known) => known.partitions.extend(partitions),
                None => {
                    results.push(AlterReplicaLogDirTopicResult { topic_name: wanted.name, partitions });
                }
            }
        }
    }
    Reply::Now(AlterReplicaLogDirsResponse { results, ..AlterReplicaLogDirsResponse::default() })
}
