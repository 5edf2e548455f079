//! Writes the Rust of a module: documentation, structs, defaults, the `Message` implementations and the table of
//! APIs. The bodies of the codecs are `codec`'s.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::codec;
use super::model::{Member, Message, Struct, Type};
use super::schema::{Definition, Kind, Versions};
use super::selection;

/// Columns that a line of documentation may take, `///` and indentation included.
const DOC_COLUMNS: usize = 108;

const GENERATED: &str = "//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the\n\
                         //! generator, never this file.\n";

/// The text of the module that holds `messages`.
pub(super) fn module(about: &str, messages: &[Message]) -> String {
    let mut body = String::new();
    for message in messages {
        for (position, item) in message.structs.iter().enumerate() {
            struct_definition(&mut body, message, item, position == 0);
            debug_implementation(&mut body, item);
            default_implementation(&mut body, item);
            codec::implementation(&mut body, message, item);
            if position == 0 {
                message_implementation(&mut body, message);
            }
        }
    }
    let mut text = format!("//! {about}.\n//!\n{GENERATED}\n");
    for (path, used) in [
        ("bytes::Bytes", body.contains("Bytes>") || body.contains(": Bytes")),
        ("bytestring::ByteString", body.contains("ByteString")),
        ("uuid::Uuid", body.contains("Uuid")),
    ] {
        if used {
            text.push_str(&format!("use {path};\n"));
        }
    }
    text.push_str("\nuse crate::error::Result;\n");
    let mut protocol = vec!["Element", "Message", "Reader", "VersionRange", "Writer"];
    for (name, used) in [
        ("check_null", body.contains("check_null(")),
        ("non_null", body.contains("non_null(")),
        ("unsupported_field", body.contains("unsupported_field(")),
        ("CoordinatorKey", body.contains("CoordinatorKey for")),
        ("Request", body.contains("Request for")),
    ] {
        if used {
            protocol.push(name);
        }
    }
    text.push_str(&format!("use crate::protocol::{{{}}};\n", protocol.join(", ")));
    if body.contains("ApiKey::") {
        text.push_str("use crate::api_key::ApiKey;\n");
    }
    for hand_written in ["ProduceRequest", "FetchResponse"] {
        if body.contains(&format!("= {hand_written}")) {
            let module = super::model::snake_case(hand_written);
            text.push_str(&format!("use crate::messages::{module}::{hand_written};\n"));
        }
    }
    text.push('\n');
    text.push_str(&body);
    text
}

/// The list of generated modules, each with the names of its messages.
pub(super) fn module_list(modules: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = format!(
        "//! Kafka 4.3's messages, one module per API.\n//!\n{GENERATED}\n#[cfg(any(test, feature = \"fuzzing\"))]\npub(crate) mod all_messages;\npub(crate) mod api_key;\n"
    );
    for module in modules.keys() {
        text.push_str(&format!("pub mod {module};\n"));
    }
    text.push('\n');
    for (module, messages) in modules {
        text.push_str(&format!("pub use {module}::{{{}}};\n", messages.join(", ")));
    }
    text
}

/// A macro over the names of all messages, for the tests that walk them.
pub(super) fn all_messages<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!("//! A list of all messages, for tests that walk them.\n//!\n{GENERATED}\n");
    text.push_str("/// Calls a macro with the names of all messages.\nmacro_rules! with_all_messages {\n($callback:ident) => {\n");
    text.push_str("        $callback! {\n");
    for name in names {
        text.push_str(&format!("            {name},\n"));
    }
    text.push_str("        }\n};\n}\n\npub(crate) use with_all_messages;\n");
    text
}

/// The enum of API keys and the table of their versions.
pub(super) fn api_keys(requests: &[Definition]) -> anyhow::Result<String> {
    let mut text =
        format!("//! The keys of Kafka's APIs.\n//!\n{GENERATED}\nuse crate::protocol::VersionRange;\n\n");
    text.push_str("/// An API of Kafka's protocol; the discriminant is its key on the wire.\n");
    text.push_str("#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\npub enum ApiKey {\n");
    let mut rows = String::new();
    for request in requests {
        let name = request.name.strip_suffix("Request").unwrap_or(&request.name);
        let key = request.api_key.with_context(|| request.name.clone())?;
        text.push_str(&format!("/// {name}, key {key}.\n{name} = {key},\n"));
        let stable = request.valid_versions.and_then(|range| {
            let max = if request.latest_version_unstable { range.max - 1 } else { range.max };
            (max >= range.min).then_some(Versions { min: range.min, max })
        });
        let versions = match stable {
            Some(range) => format!("Some(({}, {}))", range.min, range.max),
            None => "None".to_owned(),
        };
        let flexible = match request.flexible_versions {
            Some(range) => format!("Some({})", range.min),
            None => "None".to_owned(),
        };
        rows.push_str(&format!("specification(ApiKey::{name}, \"{name}\", {versions}, {flexible}),\n"));
    }
    text.push_str("}\n\n");
    text.push_str("/// What Kafka 4.3 says about an API.\n#[derive(Debug, Clone, Copy, PartialEq, Eq)]\n");
    text.push_str(
        "pub(crate) struct ApiSpecification {\npub(crate) key: ApiKey,\npub(crate) name: &'static str,\n",
    );
    text.push_str("/// The stable versions; none where Kafka 4 has removed the API or not released it.\n");
    text.push_str(
        "pub(crate) versions: Option<VersionRange>,\npub(crate) flexible_since: Option<i16>,\n}\n\n",
    );
    text.push_str(
        "/// All APIs, ordered by key.\npub(crate) const SPECIFICATIONS: &[ApiSpecification] = &[\n",
    );
    text.push_str(&rows);
    text.push_str("];\n\n");
    text.push_str(
        "const fn specification(key: ApiKey, name: &'static str, versions: Option<(i16, i16)>, flexible_since: Option<i16>) \
         -> ApiSpecification {\nlet versions = match versions {\nSome((min, max)) => Some(VersionRange::new(min, max)),\n\
         None => None,\n};\nApiSpecification { key, name, versions, flexible_since }\n}\n",
    );
    Ok(text)
}

fn struct_definition(out: &mut String, message: &Message, item: &Struct, is_message: bool) {
    if is_message {
        let what = match (message.kind, message.api_key) {
            (Kind::Request | Kind::Response, Some(key)) => format!("`{}`, API key {key}", item.kafka_name),
            (Kind::CoordinatorKey | Kind::CoordinatorValue, Some(key)) => {
                format!("`{}`, record type {key}", item.kafka_name)
            }
            _ => format!("`{}`", item.kafka_name),
        };
        doc(out, &format!("{what}, {}.", in_words(message.versions, None)), 0);
    } else {
        match &item.about {
            Some(about) => doc(out, &format!("`{}`: {about}", item.kafka_name), 0),
            None => doc(out, &format!("`{}` of `{}`.", item.kafka_name, message.name), 0),
        }
    }
    let mut derive = vec!["Clone", "PartialEq"];
    if item.fields.iter().all(|member| member.default_is_natural) {
        derive.push("Default");
    }
    if !has_secret(item) {
        derive.insert(0, "Debug");
    }
    out.push_str(&format!("#[derive({})]\npub struct {} {{\n", derive.join(", "), item.name));
    for member in &item.fields {
        let mut about = member.about.clone().unwrap_or_else(|| format!("Kafka's `{}`", member.kafka_name));
        if member.versions != item.versions {
            about = format!(
                "{} ({})",
                about.trim_end_matches('.'),
                in_words(cut(member.versions, message), Some(message.versions))
            );
        }
        doc(out, &about, 4);
        out.push_str(&format!("pub {}: {},\n", member.name, rust_type(member)));
    }
    out.push_str("}\n\n");
}

fn is_secret(item: &Struct, member: &Member) -> bool {
    selection::SECRETS.contains(&(item.kafka_name.as_str(), member.kafka_name.as_str()))
}

fn has_secret(item: &Struct) -> bool {
    item.fields.iter().any(|member| is_secret(item, member))
}

/// A `Debug` that leaves out what no log may hold.
fn debug_implementation(out: &mut String, item: &Struct) {
    if !has_secret(item) {
        return;
    }
    out.push_str(&format!(
        "impl std::fmt::Debug for {} {{\nfn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n\
         f.debug_struct(\"{}\")\n",
        item.name, item.name
    ));
    for member in item.fields.iter().filter(|member| !is_secret(item, member)) {
        out.push_str(&format!(".field(\"{}\", &self.{})\n", member.name, member.name));
    }
    out.push_str(".finish_non_exhaustive()\n}\n}\n\n");
}

fn rust_type(member: &Member) -> String {
    if member.nullable.is_some() { format!("Option<{}>", member.kind.rust()) } else { member.kind.rust() }
}

fn cut(versions: Versions, message: &Message) -> Versions {
    versions.intersect(message.versions).unwrap_or(versions)
}

/// Names versions, shortly where they reach to the first or last version of `whole`.
fn in_words(versions: Versions, whole: Option<Versions>) -> String {
    match whole {
        _ if versions.min == versions.max => format!("version {}", versions.min),
        Some(whole) if whole.max == versions.max => format!("since version {}", versions.min),
        Some(whole) if whole.min == versions.min => format!("up to version {}", versions.max),
        _ => format!("versions {} to {}", versions.min, versions.max),
    }
}

/// Adds a documentation comment, wrapped, with what rustdoc would misread escaped.
fn doc(out: &mut String, text: &str, indentation: usize) {
    let text = text.trim().replace('[', "\\[").replace(']', "\\]").replace('<', "\\<");
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    let mut column = DOC_COLUMNS;
    for word in format!("{text}{stop}").split_whitespace() {
        if column + word.len() + 1 > DOC_COLUMNS {
            if !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str("///");
            column = indentation + 3;
        }
        out.push(' ');
        out.push_str(word);
        column += word.len() + 1;
    }
    out.push('\n');
}

fn default_implementation(out: &mut String, item: &Struct) {
    if item.fields.iter().all(|member| member.default_is_natural) {
        return;
    }
    out.push_str(&format!("impl Default for {} {{\nfn default() -> Self {{\nSelf {{\n", item.name));
    for member in &item.fields {
        out.push_str(&format!("{}: {},\n", member.name, member.default));
    }
    out.push_str("}\n}\n}\n\n");
}

fn message_implementation(out: &mut String, message: &Message) {
    let name = &message.name;
    let versions = message.versions;
    let flexible = match message.flexible_since {
        None => "None".to_owned(),
        Some(since) => format!("Some({since})"),
    };
    out.push_str(&format!(
        "impl Message for {name} {{\n\
         const NAME: &'static str = \"{name}\";\n\
         const VERSIONS: VersionRange = VersionRange::new({}, {});\n\
         const FLEXIBLE_SINCE: Option<i16> = {flexible};\n",
        versions.min, versions.max,
    ));
    let root = message.structs.iter().find(|item| item.name == *name);
    if root.is_some_and(|root| root.fields.iter().any(|member| member.name == "throttle_time_ms")) {
        out.push_str(
            "\nfn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {\n\
             self.throttle_time_ms = throttle_time_ms;\n}\n",
        );
    }
    out.push_str("}\n\n");
    let base = name.strip_suffix("Request").unwrap_or(name);
    match (message.kind, message.api_key) {
        (Kind::Request, Some(_)) => out.push_str(&format!(
            "impl Request for {name} {{\nconst API_KEY: ApiKey = ApiKey::{base};\ntype Response = {base}Response;\n}}\n\n"
        )),
        (Kind::CoordinatorKey, Some(key)) => {
            let base = name.strip_suffix("Key").unwrap_or(name);
            out.push_str(&format!(
                "impl CoordinatorKey for {name} {{\nconst TYPE: i16 = {key};\ntype Value = {base}Value;\n}}\n\n"
            ));
        }
        _ => {}
    }
}

/// Whether a value of this type is passed by value.
pub(super) fn is_number(kind: &Type) -> bool {
    matches!(
        kind,
        Type::Bool | Type::I8 | Type::I16 | Type::U16 | Type::I32 | Type::I64 | Type::F64 | Type::Uuid
    )
}
