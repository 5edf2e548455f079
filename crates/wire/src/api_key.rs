//! The APIs of Kafka's protocol, and which headers their versions have.
//!
//! Which APIs a server offers, and in which versions, is the server's to say; here stands what Kafka 4.3 defines.

pub use crate::messages::generated::api_key::ApiKey;
use crate::messages::generated::api_key::{ApiSpecification, SPECIFICATIONS};
use crate::protocol::VersionRange;

impl ApiKey {
    /// The API with this key.
    pub fn from_code(code: i16) -> Option<Self> {
        SPECIFICATIONS
            .binary_search_by_key(&code, |row| row.key.code())
            .ok()
            .map(|place| SPECIFICATIONS[place].key)
    }

    /// The key on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name: `ApiVersions`.
    pub fn name(self) -> &'static str {
        self.specification().name
    }

    /// The stable versions of Kafka 4.3; none where it has removed the API.
    pub fn versions(self) -> Option<VersionRange> {
        self.specification().versions
    }

    /// The version of the header that requests of `version` begin with: 2 since flexible versions, before that 1.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header that responses of `version` begin with: 1 since flexible versions, before that 0.
    ///
    /// A response to ApiVersions always has version 0 (KIP-511): a client that asked in a version which the broker
    /// does not know must be able to read it.
    pub fn response_header_version(self, version: i16) -> i16 {
        if self != Self::ApiVersions && self.is_flexible(version) { 1 } else { 0 }
    }

    fn is_flexible(self, version: i16) -> bool {
        self.specification().flexible_since.is_some_and(|since| version >= since)
    }

    /// All APIs, ordered by key.
    pub fn all() -> impl Iterator<Item = Self> {
        SPECIFICATIONS.iter().map(|row| row.key)
    }

    fn specification(self) -> &'static ApiSpecification {
        // The keys from 0 on have no gaps, as a test makes sure.
        &SPECIFICATIONS[self as usize]
    }
}

#[cfg(test)]
mod tests;
