//! GetTelemetrySubscriptions (71), version 0: which metrics a client shall push, and how often (KIP-714).
//!
//! Kafka offers this API and PushTelemetry only where a plugin receives what clients push; here `/metrics` shows it.
//!
//! Deviation: clients are asked for sums since their start rather than since their last push, as a metrics page wants them; a push that is
//! lost then loses nothing. Kafka leaves the adding up to its plugin.

use std::sync::Arc;

use millstream_wire::messages::get_telemetry_subscriptions::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::telemetry::COMPRESSIONS;

pub(super) const API: Api =
    Api::whole::<GetTelemetrySubscriptionsRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: GetTelemetrySubscriptionsRequest,
) -> Reply<GetTelemetrySubscriptionsResponse> {
    Reply::Now(match core.telemetry.granted(request.client_instance_id, call.client()) {
        Ok(granted) => GetTelemetrySubscriptionsResponse {
            client_instance_id: granted.instance_id,
            subscription_id: granted.subscription_id,
            accepted_compression_types: COMPRESSIONS.map(|codec| codec.code().cast_signed()).to_vec(),
            push_interval_ms: granted.interval_ms,
            telemetry_max_bytes: i32::try_from(core.telemetry.push_bytes_max()).unwrap_or(i32::MAX),
            delta_temporality: false,
            requested_metrics: granted.metrics,
            ..GetTelemetrySubscriptionsResponse::default()
        },
        Err(error) => GetTelemetrySubscriptionsResponse {
            error_code: error.code(),
            ..GetTelemetrySubscriptionsResponse::default()
        },
    })
}
