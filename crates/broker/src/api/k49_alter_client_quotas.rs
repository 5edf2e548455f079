//! AlterClientQuotas (49), versions 0 and 1: sets and removes quotas of users and clients (KIP-546). They are durable and hold at
//! once when they are answered.
//!
//! Deviation: quotas of addresses (`connection_creation_rate`) are refused: they would have no effect.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use millstream_log::config::ConfigMap;
use millstream_log::metadata::{QuotaEntity, QuotaName};
use millstream_wire::ErrorCode;
use millstream_wire::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData,
    AlterClientQuotasResponse, AlterClientQuotasResponseEntityData, AlterClientQuotasResponseEntryData,
    OpData,
};

use super::k48_describe_client_quotas::{CLIENT_ID, IP, USER};
use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;
use crate::quotas::QuotaKind;

pub(super) const API: Api = Api::whole::<AlterClientQuotasRequest>(|core, call| serve(core, call, handle));

/// By how much a number may differ from a whole one and pass for it.
const EPSILON: f64 = 1e-6;

fn handle(core: &Arc<Core>, _: &Call, request: AlterClientQuotasRequest) -> Reply<AlterClientQuotasResponse> {
    let core = Arc::clone(core);
    Reply::later(async move {
        let mut entries = Vec::with_capacity(request.entries.len());
        let mut wanted: Vec<(QuotaEntity, Changes)> = Vec::new();
        let mut places: HashMap<QuotaEntity, usize> = HashMap::new();
        for entry in request.entries {
            let checked = read_entity(&entry.entity).and_then(|entity| {
                let changes = changes(&entry.ops)?;
                if places.contains_key(&entity) {
                    return Err(invalid("The request names an entity more than once."));
                }
                places.insert(entity.clone(), wanted.len());
                Ok((entity, changes))
            });
            match checked {
                Ok(change) => {
                    entries.push(answered(entry, Ok(())));
                    wanted.push(change);
                }
                Err(refusal) => entries.push(answered(entry, Err(refusal))),
            }
        }
        if !request.validate_only
            && !wanted.is_empty()
            && let Err(refusal) = core.change_quotas(move |current| apply(current, wanted)).await
        {
            let (code, message) = refusal.into_parts();
            for entry in entries.iter_mut().filter(|entry| entry.error_code == 0) {
                (entry.error_code, entry.error_message) = (code, message.clone());
            }
        }
        AlterClientQuotasResponse { entries, ..AlterClientQuotasResponse::default() }
    })
}

/// A quota's new value, or none to remove it.
type Changes = BTreeMap<QuotaKind, Option<f64>>;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, message)
}

fn read_entity(parts: &[AlterClientQuotasRequestEntityData]) -> Result<QuotaEntity, Refusal> {
    let mut entity = QuotaEntity::default();
    for part in parts {
        let place = match part.entity_type.as_str() {
            USER => &mut entity.user,
            CLIENT_ID => &mut entity.client_id,
            IP => return Err(invalid("This broker has no quotas of addresses.")),
            other => return Err(invalid(format!("Unhandled client quota entity type: {other}"))),
        };
        *place = Some(match &part.entity_name {
            None => QuotaName::Default,
            Some(name) if name.is_empty() => {
                return Err(invalid(format!("Empty {} not supported", part.entity_type)));
            }
            Some(name) => QuotaName::Named(name.clone()),
        });
    }
    if entity == QuotaEntity::default() {
        return Err(invalid("Invalid empty client quota entity"));
    }
    Ok(entity)
}

fn changes(operations: &[OpData]) -> Result<Changes, Refusal> {
    let mut changes = Changes::new();
    for operation in operations {
        let key = &operation.key;
        let Some(kind) = QuotaKind::from_key(key) else {
            // What is not there cannot be removed, as in Kafka.
            if operation.remove {
                continue;
            }
            return Err(invalid(format!("Invalid configuration key {key}")));
        };
        let value = if operation.remove { None } else { Some(check(kind, operation.value)?) };
        if changes.insert(kind, value).is_some() {
            return Err(invalid(format!("Duplicate quota key {key}")));
        }
    }
    Ok(changes)
}

fn check(kind: QuotaKind, value: f64) -> Result<f64, Refusal> {
    let key = kind.key();
    if !value.is_finite() || value <= 0.0 {
        return Err(invalid(format!("Quota {key} must be greater than 0")));
    }
    if kind.is_whole() && (value.round() - value).abs() > EPSILON {
        return Err(invalid(format!("{key} cannot be a fractional value.")));
    }
    if kind.is_whole() && value > i64::MAX as f64 {
        return Err(invalid(format!("Proposed value for {key} is too large for a LONG.")));
    }
    Ok(value)
}

/// The quotas of the entities that change, as they are to be.
fn apply(
    current: &BTreeMap<QuotaEntity, ConfigMap>,
    wanted: Vec<(QuotaEntity, Changes)>,
) -> Vec<(QuotaEntity, ConfigMap)> {
    let changed = wanted.into_iter().filter_map(|(entity, changes)| {
        let before = current.get(&entity).cloned().unwrap_or_default();
        let mut after = before.clone();
        for (kind, value) in changes {
            match value {
                Some(value) => _ = after.insert(kind.key().to_owned(), value.to_string()),
                None => _ = after.remove(kind.key()),
            }
        }
        (after != before).then_some((entity, after))
    });
    changed.collect()
}

fn answered(
    entry: AlterClientQuotasRequestEntryData,
    outcome: Result<(), Refusal>,
) -> AlterClientQuotasResponseEntryData {
    let (error_code, error_message) = outcome.err().map_or((0, None), Refusal::into_parts);
    let entity = entry.entity.into_iter().map(|part| AlterClientQuotasResponseEntityData {
        entity_type: part.entity_type,
        entity_name: part.entity_name,
    });
    AlterClientQuotasResponseEntryData { error_code, error_message, entity: entity.collect() }
}
