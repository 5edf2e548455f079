//! Writes the bodies of `read` and `write` of a struct.
//!
//! `read` is one struct literal in the order of the wire, so that no field is set twice; tagged fields follow in a
//! loop. `write` mirrors it, and refuses what a version cannot carry, as Kafka's own generated code does: a field
//! that is set but not part of the version is an error unless the definition calls it ignorable.

use super::emit::is_number;
use super::model::{Member, Message, Struct, Type};
use super::schema::Versions;

/// Adds `impl Element for ITEM`.
pub(super) fn implementation(out: &mut String, message: &Message, item: &Struct) {
    let mut read = String::new();
    read_body(&mut read, message, item);
    let mut write = String::new();
    write_body(&mut write, message, item);
    let name = |text: &str, parameter: &'static str| {
        if mentions(text, parameter) { parameter.to_owned() } else { format!("_{parameter}") }
    };
    out.push_str(&format!(
        "impl Element for {} {{\n\
         fn read({}: &mut Reader, {}: i16, {}: bool) -> Result<Self> {{\n{read}}}\n\n\
         fn write(&self, {}: &mut Writer, {}: i16, {}: bool) -> Result<()> {{\n{write}}}\n}}\n\n",
        item.name,
        name(&read, "r"),
        name(&read, "version"),
        name(&read, "flexible"),
        name(&write, "w"),
        name(&write, "version"),
        name(&write, "flexible"),
    ));
}

/// Whether `text` uses the identifier `word`.
fn mentions(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The condition on `version` that a struct of `reach` needs for something of `versions`; none if it always holds.
fn condition(versions: Versions, reach: Versions) -> Option<String> {
    match (versions.min > reach.min, versions.max < reach.max) {
        (false, false) => None,
        (true, false) => Some(format!("version >= {}", versions.min)),
        (false, true) => Some(format!("version <= {}", versions.max)),
        (true, true) if versions.min == versions.max => Some(format!("version == {}", versions.min)),
        (true, true) => Some(format!("({}..={}).contains(&version)", versions.min, versions.max)),
    }
}

/// The opposite of [`condition`].
fn negated(versions: Versions, reach: Versions) -> Option<String> {
    condition(versions, reach).map(|condition| match (versions.min > reach.min, versions.max < reach.max) {
        (true, false) => format!("version < {}", versions.min),
        (false, true) => format!("version > {}", versions.max),
        _ => format!("!({condition})"),
    })
}

/// How the message's versions treat tagged fields.
enum Flexibility {
    Never,
    Always,
    Since,
}

fn flexibility(message: &Message, reach: Versions) -> Flexibility {
    match message.flexible_since {
        None => Flexibility::Never,
        Some(since) if since <= reach.min => Flexibility::Always,
        Some(since) if since > reach.max => Flexibility::Never,
        Some(_) => Flexibility::Since,
    }
}

fn read_body(out: &mut String, message: &Message, item: &Struct) {
    let tagged = tagged_members(item);
    let flexibility = flexibility(message, item.versions);
    out.push_str(if flexibility_is_never(&flexibility) {
        "Ok(Self {\n"
    } else if tagged.is_empty() {
        "let value = Self {\n"
    } else {
        "let mut value = Self {\n"
    });
    for member in &item.fields {
        let value = if member.tag.is_some() {
            member.default.clone()
        } else {
            let read = read_expression(member, item, message);
            match condition(member.versions, item.versions) {
                None => read,
                Some(condition) => format!("if {condition} {{ {read} }} else {{ {} }}", member.default),
            }
        };
        out.push_str(&format!("{}: {value},\n", member.name));
    }
    let tags = if tagged.is_empty() {
        "r.skip_tagged_fields()?;\n".to_owned()
    } else {
        let mut arms = String::new();
        for member in &tagged {
            let guard = condition(member.versions, item.versions);
            let guard = guard.map(|guard| format!(" if {guard}")).unwrap_or_default();
            let read = read_expression(member, item, message);
            arms.push_str(&format!(
                "{}{guard} => value.{} = {read},\n",
                member.tag.unwrap_or_default(),
                member.name
            ));
        }
        format!(
            "r.tagged_fields(&mut |tag, r| {{ match tag {{\n{arms}_ => return Ok(false),\n}}\nOk(true)\n}})?;\n"
        )
    };
    match flexibility {
        Flexibility::Never => out.push_str("})\n"),
        Flexibility::Always => out.push_str(&format!("}};\n{tags}Ok(value)\n")),
        Flexibility::Since => out.push_str(&format!("}};\nif flexible {{\n{tags}}}\nOk(value)\n")),
    }
}

fn flexibility_is_never(flexibility: &Flexibility) -> bool {
    matches!(flexibility, Flexibility::Never)
}

fn tagged_members(item: &Struct) -> Vec<&Member> {
    let mut tagged: Vec<_> = item.fields.iter().filter(|member| member.tag.is_some()).collect();
    tagged.sort_by_key(|member| member.tag);
    tagged
}

/// The argument that says whether lengths are compact.
fn compact(member: &Member) -> &'static str {
    if member.never_compact { "false" } else { "flexible" }
}

fn read_expression(member: &Member, item: &Struct, message: &Message) -> String {
    let compact = compact(member);
    if let Some(nullable) = member.nullable {
        let read = match &member.kind {
            Type::String => format!("r.nullable_string({compact})?"),
            Type::ByteString => format!("r.nullable_byte_string({compact})?"),
            Type::Bytes => format!("r.nullable_bytes({compact})?"),
            Type::Array(_) => format!("r.nullable_array(version, {compact})?"),
            _ => format!("r.nullable_struct(version, {compact})?"),
        };
        return match condition(nullable, member.versions) {
            None => read,
            Some(condition) => {
                format!("non_null({read}, {condition}, \"{}\")?", path(member, item, message))
            }
        };
    }
    match &member.kind {
        Type::Bool => "r.bool()?".to_owned(),
        Type::I8 => "r.i8()?".to_owned(),
        Type::I16 => "r.i16()?".to_owned(),
        Type::U16 => "r.u16()?".to_owned(),
        Type::I32 => "r.i32()?".to_owned(),
        Type::I64 => "r.i64()?".to_owned(),
        Type::F64 => "r.f64()?".to_owned(),
        Type::Uuid => "r.uuid()?".to_owned(),
        Type::String => format!("r.string({compact})?"),
        Type::ByteString => format!("r.byte_string({compact})?"),
        Type::Bytes => format!("r.bytes({compact})?"),
        Type::Array(_) => format!("r.array(version, {compact})?"),
        Type::Struct(name) => format!("{name}::read(r, version, {compact})?"),
    }
}

/// How errors name a field: `MetadataRequest.Topics`, `OffsetCommitRequest.Topics.Name`.
fn path(member: &Member, item: &Struct, message: &Message) -> String {
    if item.kafka_name == message.name {
        format!("{}.{}", message.name, member.kafka_name)
    } else {
        format!("{}.{}.{}", message.name, item.kafka_name, member.kafka_name)
    }
}

fn write_body(out: &mut String, message: &Message, item: &Struct) {
    for member in &item.fields {
        let condition = condition(member.versions, item.versions);
        let refuse = format!(
            "if {} {{ return Err(unsupported_field(\"{}\", version)); }}",
            is_set(member),
            path(member, item, message)
        );
        if member.tag.is_some() {
            if let (Some(condition), false) = (negated(member.versions, item.versions), member.ignorable) {
                out.push_str(&format!("if {condition} && {}\n", &refuse[3..]));
            }
            continue;
        }
        let mut statement = String::new();
        if let Some(nullable) = member.nullable
            && let Some(condition) = self::condition(nullable, member.versions)
        {
            statement = format!(
                "check_null(self.{}.is_none(), {condition}, \"{}\")?;\n",
                member.name,
                path(member, item, message)
            );
        }
        statement.push_str(&write_statement(member));
        match (condition, member.ignorable) {
            (None, _) => out.push_str(&statement),
            (Some(condition), true) => out.push_str(&format!("if {condition} {{\n{statement}\n}}")),
            (Some(condition), false) => {
                out.push_str(&format!("if {condition} {{\n{statement}\n}} else {refuse}"));
            }
        }
        out.push('\n');
    }
    let mut tags = String::new();
    write_tagged(&mut tags, item);
    match flexibility(message, item.versions) {
        Flexibility::Never => {}
        Flexibility::Always => out.push_str(&tags),
        Flexibility::Since => out.push_str(&format!("if flexible {{\n{tags}}}\n")),
    }
    out.push_str("Ok(())\n");
}

fn write_tagged(out: &mut String, item: &Struct) {
    let tagged = tagged_members(item);
    if tagged.is_empty() {
        out.push_str("w.no_tagged_fields();\n");
        return;
    }
    for member in &tagged {
        let condition = condition(member.versions, item.versions);
        let condition = condition.map(|condition| format!("{condition} && ")).unwrap_or_default();
        out.push_str(&format!("let has_{} = {condition}{};\n", member.name, is_set(member)));
    }
    let sum: Vec<_> = tagged.iter().map(|member| format!("u32::from(has_{})", member.name)).collect();
    out.push_str(&format!("w.unsigned_varint({});\n", sum.join(" + ")));
    for member in &tagged {
        let statement = write_statement(member);
        // The statement's own `?` or value ends the closure.
        let body = match statement.trim_end_matches(';').strip_suffix('?') {
            Some(fallible) => fallible.to_owned(),
            None => format!("{{ {statement} Ok(()) }}"),
        };
        out.push_str(&format!(
            "if has_{} {{\nw.tagged_field({}, |w| {body})?;\n}}\n",
            member.name,
            member.tag.unwrap_or_default()
        ));
    }
}

/// The condition under which a field differs from its default.
fn is_set(member: &Member) -> String {
    let field = format!("self.{}", member.name);
    match (&member.kind, member.default.as_str()) {
        (_, "None") => format!("{field}.is_some()"),
        (Type::Bool, "false") => field,
        (Type::Bool, _) => format!("!{field}"),
        (Type::Uuid, _) => format!("!{field}.is_nil()"),
        (Type::String | Type::ByteString | Type::Bytes | Type::Array(_), _) if member.nullable.is_some() => {
            format!("{field}.as_ref().is_none_or(|value| !value.is_empty())")
        }
        (Type::String | Type::ByteString | Type::Bytes | Type::Array(_), _) => format!("!{field}.is_empty()"),
        (_, default) => format!("{field} != {default}"),
    }
}

fn write_statement(member: &Member) -> String {
    let field = format!("self.{}", member.name);
    let compact = compact(member);
    if member.nullable.is_some() {
        return match &member.kind {
            Type::String | Type::ByteString => format!("w.nullable_string({field}.as_deref(), {compact})?;"),
            Type::Bytes => format!("w.nullable_bytes({field}.as_deref(), {compact})?;"),
            Type::Array(_) => format!("w.nullable_array({field}.as_deref(), version, {compact})?;"),
            _ => format!("w.nullable_struct({field}.as_ref(), version, {compact})?;"),
        };
    }
    match &member.kind {
        kind if is_number(kind) => format!("w.{}({field});", kind.rust().to_lowercase()),
        Type::String | Type::ByteString => format!("w.string(&{field}, {compact})?;"),
        Type::Bytes => format!("w.bytes(&{field}, {compact})?;"),
        Type::Array(_) => format!("w.array(&{field}, version, {compact})?;"),
        _ => format!("{field}.write(w, version, {compact})?;"),
    }
}
