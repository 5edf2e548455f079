//! Which quota a client has, of all that are set: the most special one, in Kafka's order.
//!
//! ```text
//!  1 user and client id      4 any user, client id       7 client id
//!  2 user, any client id     5 any user, any client id   8 any client id
//!  3 user                    6 any user
//! ```
//!
//! Whoever has a quota by the same entity shares it: with 1, 2, 4 and 5 every client id of a user has one of its own, with 3 and 6
//! all clients of a user share one, with 7 and 8 all users of a client id do.

use std::collections::{BTreeMap, HashMap};

use millstream_log::config::ConfigMap;
use millstream_log::metadata::{QuotaEntity, QuotaName};

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum QuotaKind {
    /// Bytes of produce requests a second.
    Produce,
    /// Bytes of records fetched a second.
    Fetch,
    /// Time of threads that work on requests, in percent of one.
    Request,
    /// Partitions created and deleted a second.
    Mutation,
}

impl QuotaKind {
    pub(crate) const ALL: [Self; 4] = [Self::Produce, Self::Fetch, Self::Request, Self::Mutation];

    /// Its name in requests.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Produce => "producer_byte_rate",
            Self::Fetch => "consumer_byte_rate",
            Self::Request => "request_percentage",
            Self::Mutation => "controller_mutation_rate",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// Whether values have to be whole numbers.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Produce | Self::Fetch)
    }

    /// Kafka's name for the metrics of it.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Produce => "Produce",
            Self::Fetch => "Fetch",
            Self::Request => "Request",
            Self::Mutation => "ControllerMutation",
        }
    }

    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Who shares a quota: all clients of a user, all users of a client id, or a client id of a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sharers {
    /// None where users do not matter.
    pub(crate) user: Option<String>,
    /// None where client ids do not matter.
    pub(crate) client_id: Option<String>,
}

/// Every quota that is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    by_kind: [HashMap<QuotaEntity, f64>; QuotaKind::ALL.len()],
}

impl Limits {
    pub(super) fn new(quotas: &BTreeMap<QuotaEntity, ConfigMap>) -> Self {
        let mut limits = Self::default();
        for (entity, values) in quotas {
            for (key, value) in values {
                // Only valid ones are stored.
                if let (Some(kind), Ok(value)) = (QuotaKind::from_key(key), value.parse::<f64>()) {
                    limits.by_kind[kind as usize].insert(entity.clone(), value);
                }
            }
        }
        limits
    }

    /// The kinds that anybody has a quota of, as [`QuotaKind::bit`]s.
    pub(super) fn kinds(&self) -> u8 {
        let set = QuotaKind::ALL.into_iter().filter(|kind| !self.by_kind[*kind as usize].is_empty());
        set.fold(0, |bits, kind| bits | kind.bit())
    }

    /// A client's quota, and with whom it shares it.
    pub(super) fn of(&self, kind: QuotaKind, user: &str, client_id: &str) -> Option<(f64, Sharers)> {
        let set = &self.by_kind[kind as usize];
        if set.is_empty() {
            return None;
        }
        let named_user = || Some(QuotaName::Named(user.to_owned()));
        let named_client = || Some(QuotaName::Named(client_id.to_owned()));
        let any = || Some(QuotaName::Default);
        let in_order = [
            (named_user(), named_client()),
            (named_user(), any()),
            (named_user(), None),
            (any(), named_client()),
            (any(), any()),
            (any(), None),
            (None, named_client()),
            (None, any()),
        ];
        in_order.into_iter().find_map(|(of_user, of_client)| {
            let sharers = Sharers {
                user: of_user.is_some().then(|| user.to_owned()),
                client_id: of_client.is_some().then(|| client_id.to_owned()),
            };
            let limit = set.get(&QuotaEntity { user: of_user, client_id: of_client })?;
            Some((*limit, sharers))
        })
    }
}

#[cfg(test)]
mod tests;
