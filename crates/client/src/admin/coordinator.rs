//! FindCoordinator: which broker looks after a consumer group or a transactional id.

use millstream_wire::messages::FindCoordinatorRequest;
use millstream_wire::{ApiKey, ErrorCode};

use super::unanswered;
use crate::client::Client;
use crate::error::{ClientError, Result, Subject};
use crate::transport::BrokerAddress;

/// Key type of consumer groups.
const GROUP: i8 = 0;
/// Key type of transactional ids.
const TRANSACTION: i8 = 1;
/// The version since which several keys are asked for at once.
const BATCHED_SINCE: i16 = 4;

/// Asks any broker once for the coordinator of a group.
pub(crate) async fn find(client: &Client, group: &str) -> Result<(i32, BrokerAddress)> {
    find_of(client, GROUP, group, &|| Subject::Group(group.to_owned())).await
}

/// Asks any broker once for the coordinator of a transactional id.
pub(crate) async fn find_of_transaction(client: &Client, id: &str) -> Result<(i32, BrokerAddress)> {
    find_of(client, TRANSACTION, id, &|| Subject::Resource(format!("transactional id {id}"))).await
}

async fn find_of(
    client: &Client,
    key_type: i8,
    key: &str,
    subject: &(dyn Fn() -> Subject + Sync),
) -> Result<(i32, BrokerAddress)> {
    let connection = client.any_connection().await?;
    let mut request = FindCoordinatorRequest { key_type, ..Default::default() };
    let batched = connection.version::<FindCoordinatorRequest>()? >= BATCHED_SINCE;
    if batched {
        request.coordinator_keys = vec![key.to_owned()];
    } else {
        request.key = key.to_owned();
    }
    let response = connection.call(&request, client.config().request_timeout).await?;
    let (code, message, node, host, port) = if batched {
        let found = response.coordinators.into_iter().find(|found| found.key == key);
        let found = found.ok_or_else(|| unanswered(ApiKey::FindCoordinator, subject()))?;
        (found.error_code, found.error_message, found.node_id, found.host, found.port)
    } else {
        (response.error_code, response.error_message, response.node_id, response.host, response.port)
    };
    if code != 0 {
        return Err(ClientError::broker(ApiKey::FindCoordinator, subject(), code, message.as_deref()));
    }
    let port = u16::try_from(port).map_err(|_| {
        let code = ErrorCode::CoordinatorNotAvailable.code();
        ClientError::broker(ApiKey::FindCoordinator, subject(), code, Some("it has no valid port"))
    })?;
    Ok((node, BrokerAddress::new(&host, port)))
}
