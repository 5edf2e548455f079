//! The HTTP side: `/metrics` for Prometheus and `/healthz` for whoever watches the process.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::exit::{Failure, FailureKind};
use crate::listener::HostPort;

/// Binds the listener and serves until the runtime ends.
///
/// # Errors
/// When the address is taken or cannot be bound.
pub(crate) async fn serve(address: &HostPort, registry: Registry) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((address.host.as_str(), address.port)).await.map_err(|error| {
        let message = format!(
            "cannot listen for HTTP on {address}: {error}; give another address with --http-listener (port 0 picks one)"
        );
        Failure::new(FailureKind::Failure, message)
    })?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(Arc::new(registry));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "http server ended");
        }
    });
    Ok(bound)
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    // A page of many clients' metrics takes a while, which nobody else shall wait for.
    let encoded = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        encode(&mut text, &registry).map(|()| text)
    });
    match encoded.await {
        Ok(Ok(text)) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
