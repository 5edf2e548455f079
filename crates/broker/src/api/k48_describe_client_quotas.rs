//! DescribeClientQuotas (48), versions 0 and 1: quotas of users and clients that a filter selects (KIP-546).
//!
//! Deviation: addresses have no quotas here, so a filter for them finds none.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_log::config::ConfigMap;
use millstream_log::metadata::{QuotaEntity, QuotaName};
use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData, EntryData,
    ValueData,
};

use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeClientQuotasRequest>(|core, call| serve(core, call, handle));

/// The parts that an entity can have, by Kafka's names.
pub(super) const USER: &str = "user";
pub(super) const CLIENT_ID: &str = "client-id";
pub(super) const IP: &str = "ip";

const MATCH_EXACT: i8 = 0;
const MATCH_DEFAULT: i8 = 1;
const MATCH_SPECIFIED: i8 = 2;

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: DescribeClientQuotasRequest,
) -> Reply<DescribeClientQuotasResponse> {
    Reply::Now(match Filter::new(&request) {
        Ok(filter) => {
            let state = core.store.metadata().state();
            let entries = filter.select(&state.client_quotas).map(entry);
            DescribeClientQuotasResponse {
                entries: Some(entries.collect()),
                ..DescribeClientQuotasResponse::default()
            }
        }
        Err(refusal) => {
            let (error_code, error_message) = refusal.into_parts();
            DescribeClientQuotasResponse {
                error_code,
                error_message,
                entries: None,
                ..DescribeClientQuotasResponse::default()
            }
        }
    })
}

/// What one part of an entity has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Exactly(QuotaName),
    Anything,
}

impl Wanted {
    fn new(component: &ComponentData) -> Result<Self, Refusal> {
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        match (component.match_type, &component.r#match) {
            (MATCH_EXACT, Some(name)) => Ok(Self::Exactly(QuotaName::Named(name.clone()))),
            (MATCH_EXACT, None) => invalid("The filter wants an exact match and has no name."),
            (MATCH_DEFAULT, None) => Ok(Self::Exactly(QuotaName::Default)),
            (MATCH_SPECIFIED, None) => Ok(Self::Anything),
            (MATCH_DEFAULT | MATCH_SPECIFIED, Some(_)) => {
                invalid("The filter has a name and does not want an exact match.")
            }
            (other, _) => invalid(&format!("Unknown match type {other}.")),
        }
    }

    fn fits(&self, part: Option<&QuotaName>) -> bool {
        match self {
            Self::Exactly(name) => part == Some(name),
            Self::Anything => part.is_some(),
        }
    }
}

/// Which entities are wanted.
#[derive(Debug, Default)]
struct Filter {
    user: Option<Wanted>,
    client_id: Option<Wanted>,
    ip: Option<Wanted>,
    is_strict: bool,
}

impl Filter {
    fn new(request: &DescribeClientQuotasRequest) -> Result<Self, Refusal> {
        let mut filter = Self { is_strict: request.strict, ..Self::default() };
        for component in &request.components {
            let part = match component.entity_type.as_str() {
                USER => &mut filter.user,
                CLIENT_ID => &mut filter.client_id,
                IP => &mut filter.ip,
                "" => {
                    return Err(Refusal::new(ErrorCode::InvalidRequest, "A filter has no entity type."));
                }
                other => {
                    let message = format!("Unsupported entity type {other}.");
                    return Err(Refusal::new(ErrorCode::UnsupportedVersion, message));
                }
            };
            if part.is_some() {
                let message = format!("Entity type {} stands twice in the filter.", component.entity_type);
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
            *part = Some(Wanted::new(component)?);
        }
        if filter.ip.is_some() && (filter.user.is_some() || filter.client_id.is_some()) {
            let message = "A filter for addresses cannot have users or clients as well.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        Ok(filter)
    }

    /// The entities that fit. A strict filter wants no part that it does not name.
    fn select<'a>(
        &self,
        quotas: &'a BTreeMap<QuotaEntity, ConfigMap>,
    ) -> impl Iterator<Item = (&'a QuotaEntity, &'a ConfigMap)> {
        let fits = |wanted: Option<&Wanted>, part: Option<&QuotaName>| match wanted {
            Some(wanted) => wanted.fits(part),
            None => !self.is_strict || part.is_none(),
        };
        quotas.iter().filter(move |(entity, _)| {
            self.ip.is_none()
                && fits(self.user.as_ref(), entity.user.as_ref())
                && fits(self.client_id.as_ref(), entity.client_id.as_ref())
        })
    }
}

fn entry((entity, quotas): (&QuotaEntity, &ConfigMap)) -> EntryData {
    let part = |entity_type: &str, name: &Option<QuotaName>| {
        let entity_name = match name.as_ref()? {
            QuotaName::Default => None,
            QuotaName::Named(name) => Some(name.clone()),
        };
        Some(EntityData { entity_type: entity_type.to_owned(), entity_name })
    };
    let entity = [part(USER, &entity.user), part(CLIENT_ID, &entity.client_id)];
    // Only numbers are stored.
    let values = quotas
        .iter()
        .filter_map(|(key, value)| Some(ValueData { key: key.clone(), value: value.parse().ok()? }));
    EntryData { entity: entity.into_iter().flatten().collect(), values: values.collect() }
}
