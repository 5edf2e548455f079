//! PushTelemetry (72), version 0: metrics of a client, in OpenTelemetry's format (KIP-714). They are shown at `/metrics`, as
//! `docs/reference/client-metrics.md` says.

use std::sync::Arc;

use millstream_wire::messages::push_telemetry::{PushTelemetryRequest, PushTelemetryResponse};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::telemetry::Push;

pub(super) const API: Api = Api::whole::<PushTelemetryRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, call: &Call, request: PushTelemetryRequest) -> Reply<PushTelemetryResponse> {
    let push = Push {
        instance_id: request.client_instance_id,
        subscription_id: request.subscription_id,
        is_terminating: request.terminating,
        compression_type: request.compression_type,
        metrics: &request.metrics,
    };
    let outcome = core.telemetry.push(&push, call.client());
    let error_code = outcome.err().map_or(0, |error| error.code());
    Reply::Now(PushTelemetryResponse { throttle_time_ms: 0, error_code })
}
