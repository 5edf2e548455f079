//! A definition resolved for Rust: structs flattened, names chosen, every range of versions cut to those in which
//! its struct can occur, defaults as Rust expressions.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use super::schema::{CommonStruct, Definition, Field, Kind, Versions};

/// A message with all its structs, the message's own struct first.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) api_key: Option<i16>,
    pub(super) versions: Versions,
    /// The first version with compact lengths and tagged fields, if any valid one has them.
    pub(super) flexible_since: Option<i16>,
    pub(super) structs: Vec<Struct>,
}

/// A struct of a message.
#[derive(Debug)]
pub(super) struct Struct {
    /// Name in Kafka's definition.
    pub(super) kafka_name: String,
    /// Name in Rust: Kafka's, unless another struct of the module has it.
    pub(super) name: String,
    pub(super) about: Option<String>,
    /// The message's versions in which it can occur.
    pub(super) versions: Versions,
    pub(super) fields: Vec<Member>,
}

/// A field of a struct.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) kafka_name: String,
    pub(super) name: String,
    pub(super) about: Option<String>,
    pub(super) kind: Type,
    pub(super) versions: Versions,
    pub(super) nullable: Option<Versions>,
    pub(super) tag: Option<u32>,
    pub(super) ignorable: bool,
    /// Strings keep the two-byte length even in flexible versions.
    pub(super) never_compact: bool,
    /// The Rust expression of the default.
    pub(super) default: String,
    /// Whether that is what `Default::default()` gives for the Rust type.
    pub(super) default_is_natural: bool,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    I8,
    I16,
    U16,
    I32,
    I64,
    F64,
    Uuid,
    String,
    ByteString,
    Bytes,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str, borrowed_strings: bool) -> Self {
        if let Some(element) = text.strip_prefix("[]") {
            return Self::Array(Box::new(Self::parse(element, borrowed_strings)));
        }
        match text {
            "bool" => Self::Bool,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "uint16" => Self::U16,
            "int32" => Self::I32,
            "int64" => Self::I64,
            "float64" => Self::F64,
            "uuid" => Self::Uuid,
            "string" if borrowed_strings => Self::ByteString,
            "string" => Self::String,
            "bytes" | "records" => Self::Bytes,
            name => Self::Struct(name.to_owned()),
        }
    }

    /// The type in Rust, without `Option`.
    pub(super) fn rust(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::I8 => "i8".to_owned(),
            Self::I16 => "i16".to_owned(),
            Self::U16 => "u16".to_owned(),
            Self::I32 => "i32".to_owned(),
            Self::I64 => "i64".to_owned(),
            Self::F64 => "f64".to_owned(),
            Self::Uuid => "Uuid".to_owned(),
            Self::String => "String".to_owned(),
            Self::ByteString => "ByteString".to_owned(),
            Self::Bytes => "Bytes".to_owned(),
            Self::Struct(name) => name.clone(),
            Self::Array(element) => format!("Vec<{}>", element.rust()),
        }
    }
}

/// Resolves the definitions of one module; struct names that collide get their message's name in front.
pub(super) fn resolve(definitions: &[Definition], borrowed: &[&str]) -> anyhow::Result<Vec<Message>> {
    let mut messages = definitions
        .iter()
        .map(|definition| {
            resolve_one(definition, borrowed.contains(&definition.name.as_str()))
                .with_context(|| definition.name.clone())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for found in messages.iter().flat_map(|message| &message.structs) {
        *uses.entry(found.kafka_name.clone()).or_default() += 1;
    }
    for message in &mut messages {
        for renamed in &mut message.structs[1..] {
            if uses.get(&renamed.kafka_name).is_some_and(|count| *count > 1) {
                renamed.name = format!("{}{}", message.name, renamed.kafka_name);
            }
        }
        let names: BTreeMap<_, _> =
            message.structs.iter().map(|item| (item.kafka_name.clone(), item.name.clone())).collect();
        for member in message.structs.iter_mut().flat_map(|item| &mut item.fields) {
            rename(&mut member.kind, &names)?;
            member.set_default_of_struct();
        }
    }
    Ok(messages)
}

fn rename(kind: &mut Type, names: &BTreeMap<String, String>) -> anyhow::Result<()> {
    match kind {
        Type::Struct(name) => {
            *name = names.get(name).with_context(|| format!("no struct `{name}`"))?.clone();
            Ok(())
        }
        Type::Array(element) => rename(element, names),
        _ => Ok(()),
    }
}

fn resolve_one(definition: &Definition, borrowed_strings: bool) -> anyhow::Result<Message> {
    let versions = definition.valid_versions.context("has no valid version")?;
    let mut resolver = Resolver { common: &definition.common_structs, borrowed_strings, structs: Vec::new() };
    resolver.add(&definition.name, None, &definition.fields, versions)?;
    let flexible_since =
        definition.flexible_versions.and_then(|range| range.intersect(versions)).map(|range| range.min);
    Ok(Message {
        name: definition.name.clone(),
        kind: definition.kind,
        api_key: definition.api_key,
        versions,
        flexible_since,
        structs: resolver.structs,
    })
}

struct Resolver<'a> {
    common: &'a [CommonStruct],
    borrowed_strings: bool,
    structs: Vec<Struct>,
}

impl Resolver<'_> {
    fn add(
        &mut self,
        name: &str,
        about: Option<&str>,
        fields: &[Field],
        versions: Versions,
    ) -> anyhow::Result<()> {
        let place = self.structs.len();
        self.structs.push(Struct {
            kafka_name: name.to_owned(),
            name: name.to_owned(),
            about: about.map(str::to_owned),
            versions,
            fields: Vec::new(),
        });
        for field in fields {
            let own = field.versions.or(field.tagged_versions).context("a field without versions")?;
            // A field of versions that no longer exist is left out.
            let Some(member_versions) = own.intersect(versions) else { continue };
            let member = Member::new(field, member_versions, self.borrowed_strings)
                .with_context(|| format!("{name}.{}", field.name))?;
            let mut innermost = &member.kind;
            if let Type::Array(element) = innermost {
                innermost = element;
            }
            if let Type::Struct(inner) = innermost
                && !self.structs.iter().any(|known| known.kafka_name == *inner)
            {
                match self.common.iter().find(|common| common.name == *inner) {
                    // Several fields may use it, in different versions: it must work in all that it is defined for.
                    Some(common) => {
                        let root = self.structs[0].versions;
                        let reach = common.versions.and_then(|range| range.intersect(root));
                        self.add(inner, None, &common.fields, reach.context("unused common struct")?)?;
                    }
                    None => self.add(inner, field.about.as_deref(), &field.fields, member_versions)?,
                }
            }
            self.structs[place].fields.push(member);
        }
        Ok(())
    }
}

impl Member {
    fn new(field: &Field, versions: Versions, borrowed_strings: bool) -> anyhow::Result<Self> {
        let kind = Type::parse(&field.kind, borrowed_strings);
        let nullable = field.nullable_versions.and_then(|range| range.intersect(versions));
        if let Some(tagged) = field.tagged_versions {
            ensure!(tagged.intersect(versions) == Some(versions), "tagged in some of its versions only");
        }
        if matches!(kind, Type::Struct(_)) {
            ensure!(
                nullable.is_none_or(|range| range == versions),
                "a struct nullable in some versions only"
            );
        }
        let (default, default_is_natural) = default_of(&kind, nullable.is_some(), field.default.as_ref())?;
        Ok(Self {
            kafka_name: field.name.clone(),
            name: snake_case(&field.name),
            about: field.about.clone(),
            kind,
            versions,
            nullable,
            tag: field.tag,
            ignorable: field.ignorable,
            never_compact: field.flexible_versions.as_deref() == Some("none"),
            default,
            default_is_natural,
        })
    }

    /// Puts the struct's final name into the default.
    fn set_default_of_struct(&mut self) {
        if let Type::Struct(name) = &self.kind
            && self.default != "None"
        {
            let value = format!("{name}::default()");
            self.default = if self.nullable.is_some() { format!("Some({value})") } else { value };
        }
    }
}

/// The Rust expression of a default, and whether it is `Default::default()`.
///
/// As in Kafka, a nullable field is null by default only where the definition says so.
fn default_of(
    kind: &Type,
    nullable: bool,
    default: Option<&serde_json::Value>,
) -> anyhow::Result<(String, bool)> {
    let text = match default {
        // A bare `null` counts as absent: Kafka reads only the string "null" as one.
        None => None,
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    if text.as_deref() == Some("null") {
        ensure!(nullable, "null is the default of what is not nullable");
        return Ok(("None".to_owned(), true));
    }
    let text = text.unwrap_or_default();
    let (value, natural) = match kind {
        Type::Bool => (if text == "true" { "true" } else { "false" }.to_owned(), text != "true"),
        Type::I8 | Type::I16 | Type::U16 | Type::I32 | Type::I64 => {
            let number = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16)?,
                None if text.is_empty() => 0,
                None => text.parse()?,
            };
            (literal(kind, number), number == 0)
        }
        Type::F64 => {
            ensure!(text.is_empty() || text == "0.0", "float default `{text}`");
            ("0.0".to_owned(), true)
        }
        Type::Uuid => ("Uuid::nil()".to_owned(), true),
        Type::String | Type::ByteString | Type::Bytes | Type::Array(_) => {
            ensure!(text.is_empty(), "default `{text}`");
            let name = if matches!(kind, Type::Array(_)) { "Vec".to_owned() } else { kind.rust() };
            (format!("{name}::new()"), true)
        }
        // Filled in once the final name is known.
        Type::Struct(_) => (String::new(), true),
    };
    if nullable { Ok((format!("Some({value})"), false)) } else { Ok((value, natural)) }
}

fn literal(kind: &Type, number: i64) -> String {
    match (kind, number) {
        (Type::I64, i64::MAX) => "i64::MAX".to_owned(),
        (Type::I32, 0x7fff_ffff) => "i32::MAX".to_owned(),
        (Type::I32, -0x8000_0000) => "i32::MIN".to_owned(),
        _ => number.to_string(),
    }
}

/// `ThrottleTimeMs` → `throttle_time_ms`, with `r#` where Rust has the word for itself.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (position, character) in name.char_indices() {
        if character.is_ascii_uppercase() && position > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    if matches!(snake.as_str(), "type" | "match" | "ref" | "move" | "in" | "use") {
        snake.insert_str(0, "r#");
    }
    snake
}
