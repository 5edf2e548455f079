//! DescribeCluster (60), versions 0 to 2: the brokers. Version 1 asks brokers or controllers (KIP-919), 2 for fenced ones.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use super::{Api, Call, OPERATIONS_NOT_ASKED, Reply, operations, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeClusterRequest>(|core, call| serve(core, call, handle));

const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;

fn handle(core: &Arc<Core>, call: &Call, request: DescribeClusterRequest) -> Reply<DescribeClusterResponse> {
    let asks_operations = request.include_cluster_authorized_operations;
    let cluster_authorized_operations =
        if asks_operations { operations::CLUSTER } else { OPERATIONS_NOT_ASKED };
    let error = match request.endpoint_type {
        ENDPOINT_BROKERS => ErrorCode::None,
        ENDPOINT_CONTROLLERS => ErrorCode::MismatchedEndpointType,
        _ => ErrorCode::UnsupportedEndpointType,
    };
    let mut response = DescribeClusterResponse {
        endpoint_type: ENDPOINT_BROKERS,
        controller_id: -1,
        cluster_authorized_operations,
        ..DescribeClusterResponse::default()
    };
    if error != ErrorCode::None {
        response.error_code = error.code();
        response.error_message = Some(error.message().to_owned());
        return Reply::Now(response);
    }
    let (host, port) = core.advertised(call.caller.listener);
    response.cluster_id.clone_from(&core.cluster_id);
    response.controller_id = core.config.node_id;
    response.brokers.push(DescribeClusterBroker {
        broker_id: core.config.node_id,
        host: host.to_owned(),
        port: i32::from(port),
        rack: None,
        is_fenced: false,
    });
    Reply::Now(response)
}
