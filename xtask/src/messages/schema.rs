//! Kafka's message definitions as they stand in the JSON files: parsing only, no judgement about Rust.
//!
//! The format is described in Kafka's `clients/src/main/resources/common/message/README.md`. The files are JSON with
//! `//` comments, which `serde_json` does not know, so comments are blanked first.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// An inclusive range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) min: i16,
    /// `i16::MAX` where the definition says `N+`.
    pub(crate) max: i16,
}

impl Versions {
    /// The versions in both ranges, if any.
    pub(crate) fn intersect(self, other: Self) -> Option<Self> {
        let both = Self { min: self.min.max(other.min), max: self.max.min(other.max) };
        (both.min <= both.max).then_some(both)
    }

    /// Reads `"none"`, `"3"`, `"3-5"` or `"3+"`; `none` is `None`.
    fn parse(text: &str) -> anyhow::Result<Option<Self>> {
        let number = |part: &str| part.parse::<i16>().with_context(|| format!("versions `{text}`"));
        if text == "none" {
            return Ok(None);
        }
        let range = if let Some(min) = text.strip_suffix('+') {
            Self { min: number(min)?, max: i16::MAX }
        } else if let Some((min, max)) = text.split_once('-') {
            Self { min: number(min)?, max: number(max)? }
        } else {
            Self { min: number(text)?, max: number(text)? }
        };
        Ok(Some(range))
    }
}

/// One definition file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) api_key: Option<i16>,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(deserialize_with = "versions")]
    pub(crate) valid_versions: Option<Versions>,
    #[serde(default, deserialize_with = "versions")]
    pub(crate) flexible_versions: Option<Versions>,
    #[serde(default)]
    pub(crate) latest_version_unstable: bool,
    /// Which listeners offer the API; the generator does not care.
    #[serde(default, rename = "listeners")]
    _listeners: Vec<String>,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    #[serde(default)]
    pub(crate) common_structs: Vec<CommonStruct>,
}

/// What a definition describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Request,
    Response,
    Header,
    Data,
    CoordinatorKey,
    CoordinatorValue,
}

/// A struct that several fields of a definition share.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CommonStruct {
    pub(crate) name: String,
    #[serde(deserialize_with = "versions")]
    pub(crate) versions: Option<Versions>,
    pub(crate) fields: Vec<Field>,
}

/// A field, with the fields of the struct that it introduces.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "versions")]
    pub(crate) versions: Option<Versions>,
    #[serde(default, deserialize_with = "versions")]
    pub(crate) nullable_versions: Option<Versions>,
    #[serde(default, deserialize_with = "versions")]
    pub(crate) tagged_versions: Option<Versions>,
    /// Present (and `"none"`) where a field stays non-compact in flexible versions.
    pub(crate) flexible_versions: Option<String>,
    pub(crate) tag: Option<u32>,
    #[serde(default)]
    pub(crate) ignorable: bool,
    /// A string, a number or a boolean.
    pub(crate) default: Option<serde_json::Value>,
    pub(crate) about: Option<String>,
    #[serde(default)]
    pub(crate) fields: Vec<Field>,
    #[serde(default, rename = "mapKey")]
    _map_key: bool,
    #[serde(default, rename = "zeroCopy")]
    _zero_copy: bool,
    #[serde(default, rename = "entityType")]
    _entity_type: Option<String>,
}

fn versions<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Versions>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Versions::parse(&text).map_err(serde::de::Error::custom)
}

/// Reads the definition called `name` from `directory`.
pub(crate) fn load(directory: &Path, name: &str) -> anyhow::Result<Definition> {
    let path = directory.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&without_comments(&text)).with_context(|| path.display().to_string())
}

/// Removes `//` comments; `//` inside a string (an address, say) stays.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let mut in_string = false;
        let mut escaped = false;
        let mut previous = ' ';
        let mut end = line.len();
        for (position, character) in line.char_indices() {
            if character == '"' && !escaped {
                in_string = !in_string;
            }
            if character == '/' && previous == '/' && !in_string {
                end = position - 1;
                break;
            }
            escaped = in_string && character == '\\' && !escaped;
            previous = character;
        }
        kept.push_str(&line[..end]);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests;
