//! DescribeLogDirs (35), versions 1 to 5: the data directory and the sizes of partitions. Version 4 brings the sizes of the
//! volume (KIP-827), 5 cordoned directories (KIP-1066), of which there are none.

use std::sync::Arc;

use millstream_wire::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::storage::Partition;

pub(super) const API: Api = Api::whole::<DescribeLogDirsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: DescribeLogDirsRequest) -> Reply<DescribeLogDirsResponse> {
    let core = Arc::clone(core);
    Reply::attempt(async move {
        let context = Arc::clone(&core);
        let described = core.disks.run(move || describe(&context, &request)).await?;
        Ok(DescribeLogDirsResponse { throttle_time_ms: 0, error_code: 0, results: vec![described] })
    })
}

/// Waits for the disk.
fn describe(core: &Core, request: &DescribeLogDirsRequest) -> DescribeLogDirsResult {
    let table = core.topics();
    let topics: Vec<DescribeLogDirsTopic> = match &request.topics {
        None => {
            let topics = table.iter().map(|topic| DescribeLogDirsTopic {
                name: topic.name.to_string(),
                partitions: topic.partitions.iter().map(|partition| size(partition)).collect(),
            });
            topics.collect()
        }
        Some(wanted) => {
            let found = wanted.iter().filter_map(|wanted| {
                let topic = table.by_name(&wanted.topic)?;
                let partitions = wanted.partitions.iter().filter_map(|&index| topic.partition(index));
                let partitions: Vec<_> = partitions.map(|partition| size(partition)).collect();
                let name = topic.name.to_string();
                (!partitions.is_empty()).then_some(DescribeLogDirsTopic { name, partitions })
            });
            found.collect()
        }
    };
    let path = core.store.path();
    let (total_bytes, usable_bytes) = rustix::fs::statvfs(path).map_or((-1, -1), |volume| {
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(volume.f_frsize)).unwrap_or(i64::MAX);
        (bytes(volume.f_blocks), bytes(volume.f_bavail))
    });
    DescribeLogDirsResult {
        log_dir: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
        topics,
        total_bytes,
        usable_bytes,
        ..DescribeLogDirsResult::default()
    }
}

fn size(partition: &Partition) -> DescribeLogDirsPartition {
    let size_bytes = partition.log.size_bytes().unwrap_or_default();
    DescribeLogDirsPartition {
        partition_index: partition.log.index(),
        partition_size: i64::try_from(size_bytes).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    }
}
