//! What the walk wants of each object, and what it expects the object to look like.
//!
//! A [`Step`] is the text from the end of one value to the beginning of the next (`,"price":`), as it stood in the
//! previous row at this place, and what the schema wants of the value. Finding it again is one masked comparison of
//! 32 bytes. Values are never predicted, so rows of changing shapes (Nexmark's three kinds of event) share one layout.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Fields};

use crate::error::FormatError;
use crate::types::map_entry;

/// What the schema wants of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The schema has no such field.
    Unknown,
    /// A column that the query does not read.
    Unread,
    /// The field, and column, of this index.
    Field(usize),
}

/// How to decode an object.
#[derive(Debug)]
pub(super) struct ObjectPlan {
    pub(super) fields: Vec<FieldPlan>,
    names: HashMap<Box<[u8]>, Target>,
    /// How many fields the table declares here, read or not.
    pub(super) declared: usize,
    /// After how many matching keys the rest of the object is skipped; see "repeated keys" in `docs/formats/json.md`.
    pub(super) matches_max: usize,
    pub(super) layout: Vec<Step>,
}

/// How to decode a field.
#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) name: Box<str>,
    pub(super) nullable: bool,
    pub(super) value: ValuePlan,
}

/// How to decode a value.
#[derive(Debug)]
pub(super) enum ValuePlan {
    Leaf,
    Object(Box<ObjectPlan>),
    Array(Box<ValuePlan>),
    Map(Box<ValuePlan>),
}

impl ObjectPlan {
    /// The plan for an object that the table declares as `declared` and of which `read` is wanted.
    pub(super) fn new(
        declared: &Fields,
        read: &Fields,
        path: &str,
        stop_when_complete: bool,
    ) -> Result<Self, FormatError> {
        let mut names: HashMap<Box<[u8]>, Target> =
            declared.iter().map(|field| (field.name().as_bytes().into(), Target::Unread)).collect();
        let mut fields = Vec::with_capacity(read.len());
        for (index, field) in read.iter().enumerate() {
            let path = format!("{path}{}", field.name());
            let whole = declared.iter().find(|d| d.name() == field.name()).unwrap_or(field);
            let value = ValuePlan::new(whole.data_type(), field.data_type(), &path, stop_when_complete)?;
            fields.push(FieldPlan {
                name: field.name().as_str().into(),
                nullable: field.is_nullable(),
                value,
            });
            names.insert(field.name().as_bytes().into(), Target::Field(index));
        }
        let matches_max = if stop_when_complete { declared.len() } else { usize::MAX };
        Ok(ObjectPlan { fields, names, declared: declared.len(), matches_max, layout: Vec::new() })
    }

    /// What the schema wants of the value under `key`.
    pub(super) fn target(&self, key: &[u8]) -> Target {
        self.names.get(key).copied().unwrap_or(Target::Unknown)
    }

    /// Expects `text` at place `step` from now on.
    #[cold]
    pub(super) fn learn(&mut self, step: usize, text: &[u8], target: Target) {
        let learned = Step::new(text, target);
        match self.layout.get_mut(step) {
            Some(place) => *place = learned,
            // Objects without end do not make layouts without end.
            None if step < LAYOUT_STEPS_MAX => self.layout.push(learned),
            None => {}
        }
    }
}

#[cfg(test)]
impl ObjectPlan {
    /// Expects nothing any more, at any depth.
    pub(super) fn forget(&mut self) {
        self.layout.clear();
        self.fields.iter_mut().for_each(|field| field.value.forget());
    }
}

#[cfg(test)]
impl ValuePlan {
    fn forget(&mut self) {
        match self {
            ValuePlan::Leaf => {}
            ValuePlan::Object(plan) => plan.forget(),
            ValuePlan::Array(plan) | ValuePlan::Map(plan) => plan.forget(),
        }
    }
}

/// The longest layout that is remembered, in keys.
const LAYOUT_STEPS_MAX: usize = 1_024;

impl ValuePlan {
    fn new(declared: &DataType, read: &DataType, path: &str, stop: bool) -> Result<Self, FormatError> {
        Ok(match (declared, read) {
            (DataType::Struct(declared), DataType::Struct(read)) => {
                ValuePlan::Object(Box::new(ObjectPlan::new(declared, read, &format!("{path}."), stop)?))
            }
            (_, DataType::List(item)) => ValuePlan::Array(Box::new(ValuePlan::whole(item, path, stop)?)),
            (_, DataType::Map(entries, _)) => match map_entry(entries) {
                Some((key, value)) if *key.data_type() == DataType::Utf8View => {
                    ValuePlan::Map(Box::new(ValuePlan::whole(value, path, stop)?))
                }
                _ => {
                    return Err(FormatError::UnsupportedType {
                        column: path.to_owned(),
                        format: "json",
                        data_type: Box::new(read.clone()),
                        hint: "a MAP's keys must be STRING",
                    });
                }
            },
            _ => ValuePlan::Leaf,
        })
    }

    fn whole(field: &Field, path: &str, stop: bool) -> Result<Self, FormatError> {
        ValuePlan::new(field.data_type(), field.data_type(), path, stop)
    }
}

/// The longest text that a step holds, in bytes.
const STEP_BYTES_MAX: usize = 32;

/// A key as it stood in the previous row, with the punctuation and space around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    text: [u8; STEP_BYTES_MAX],
    masks: [u64; 4],
    /// 0 when the text is too long to be held: it matches nothing then.
    length: usize,
    pub(super) target: Target,
}

impl Step {
    fn new(text: &[u8], target: Target) -> Self {
        let mut held = [0u8; STEP_BYTES_MAX];
        let mut mask = [0u8; STEP_BYTES_MAX];
        let length = if text.len() <= STEP_BYTES_MAX { text.len() } else { 0 };
        held[..length].copy_from_slice(&text[..length]);
        mask[..length].fill(0xff);
        Step { text: held, masks: words(&mask), length, target }
    }

    /// The length of the step when `rest` begins with it.
    #[inline(always)]
    pub(super) fn matches(&self, rest: &[u8]) -> Option<usize> {
        let Some(window) = rest.first_chunk::<STEP_BYTES_MAX>() else { return self.matches_short(rest) };
        let found = words(window);
        let mut difference = 0;
        for (found, (word, mask)) in found.iter().zip(words(&self.text).iter().zip(&self.masks)) {
            difference |= (found ^ word) & mask;
        }
        (difference == 0 && self.length > 0).then_some(self.length)
    }

    #[inline(never)]
    fn matches_short(&self, rest: &[u8]) -> Option<usize> {
        let text = self.text.get(..self.length).unwrap_or_default();
        (self.length > 0 && rest.starts_with(text)).then_some(self.length)
    }
}

#[inline(always)]
fn words(bytes: &[u8; STEP_BYTES_MAX]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}
