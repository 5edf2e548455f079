//! The walk through objects, arrays and maps.

use std::collections::HashMap;

use super::plan::{FieldPlan, ObjectPlan, Target, ValuePlan};
use super::scan::{DEPTH_MAX, Scan, StringToken};
use crate::column::{Arena, ArrayColumn, Column, MapColumn, RowColumn};
use crate::error::{BadRowReason, Fault, ValueKind};
use crate::options::TimestampStandard;

/// What the walk needs besides the row: where long texts go, what the options say, and space to work in.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) arena: Arena,
    pub(super) timestamp_standard: TimestampStandard,
    pub(super) fail_on_missing_field: bool,
    pub(super) ignore_parse_errors: bool,
    /// Whether the table has a `DECIMAL` anywhere, which decides how JSON in a `STRING` writes its numbers.
    pub(super) has_decimal: bool,
    /// The text of the last string that had escapes, without them.
    pub(super) unescaped: Vec<u8>,
    /// The names from the fault outwards; reversed in the report.
    pub(super) fault_path: Vec<Box<str>>,
    /// The date of the last timestamp as it stood, and its day. Most rows repeat it.
    pub(super) last_date: ([u8; 10], i64),
}

/// One row being walked.
#[derive(Debug)]
pub(super) struct Walk<'a, 'c> {
    pub(super) scan: Scan<'a>,
    pub(super) context: &'c mut Context,
    /// The row's place in the shared buffer, if it lies there.
    pub(super) shared: Option<u32>,
}

/// Which fields of an object have been met.
struct Met {
    /// Fields 0 to 63.
    bits: u64,
    /// Different fields.
    fields: usize,
    /// Keys of declared fields, repeated ones included.
    matches: usize,
}

impl Met {
    /// Marks a field; whether it was there before.
    #[inline(always)]
    fn repeats(&mut self, index: usize, column: &Column, base: usize) -> bool {
        let repeated = if index < 64 {
            let repeated = self.bits >> index & 1 == 1;
            self.bits |= 1 << index;
            repeated
        } else {
            column.len() > base
        };
        self.fields += usize::from(!repeated);
        repeated
    }
}

impl Walk<'_, '_> {
    /// Decodes an object whose opening brace has been passed. `base` is how many rows the columns held before.
    pub(super) fn object(
        &mut self,
        plan: &mut ObjectPlan,
        columns: &mut [Column],
        base: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        let mut met = Met { bits: 0, fields: 0, matches: 0 };
        let mut step = 0;
        while self.scan.peek() != Some(b'}') {
            let rest = self.scan.bytes.get(self.scan.at..).unwrap_or_default();
            let predicted =
                plan.layout.get(step).and_then(|s| s.matches(rest).map(|length| (length, s.target)));
            let target = match predicted {
                Some((length, target)) => {
                    self.pass_step(length);
                    target
                }
                None => match self.next_key(plan, &mut step)? {
                    Some(target) => target,
                    None => break,
                },
            };
            step += 1;
            if target != Target::Unknown && met.matches < plan.matches_max {
                met.matches += 1;
                if let Target::Field(index) = target {
                    let (Some(field), Some(column)) = (plan.fields.get_mut(index), columns.get_mut(index))
                    else {
                        continue;
                    };
                    if met.repeats(index, column, base) {
                        column.truncate(base);
                    }
                    self.field(field, column, base, depth)?;
                    continue;
                }
            }
            self.scan.skip_value(depth)?;
        }
        self.scan.at += 1;
        if met.fields < columns.len() || (self.context.fail_on_missing_field && met.matches < plan.declared) {
            self.missing(plan, columns, base, met.matches)?;
        }
        Ok(())
    }

    /// Passes a predicted key, and space after it that the previous row did not have.
    #[inline(always)]
    fn pass_step(&mut self, length: usize) {
        self.scan.at += length;
        if self.scan.peek().is_some_and(|byte| byte <= b' ') {
            self.scan.skip_space();
        }
    }

    /// Finds the next key without prediction, and expects it from now on. `None` (with the closing brace next) at
    /// the object's end.
    #[inline(never)]
    fn next_key(&mut self, plan: &mut ObjectPlan, step: &mut usize) -> Result<Option<Target>, Fault> {
        // A field that is sometimes absent: the next key is the one after it. Not at the first key, whose step alone
        // has no comma in it.
        if *step > 0 {
            let rest = self.scan.bytes.get(self.scan.at..).unwrap_or_default();
            if let Some((length, target)) =
                plan.layout.get(*step + 1).and_then(|s| s.matches(rest).map(|length| (length, s.target)))
            {
                self.pass_step(length);
                *step += 1;
                return Ok(Some(target));
            }
        }
        let start = self.scan.at;
        self.scan.skip_space();
        match self.scan.peek() {
            Some(b'}') => return Ok(None),
            Some(b',') if *step > 0 => {
                self.scan.at += 1;
                self.scan.skip_space();
            }
            _ if *step > 0 => return Err(self.scan.unexpected()),
            _ => {}
        }
        let key = self.scan.key()?;
        let target = plan.target(self.text_of(key));
        plan.learn(*step, self.scan.slice(start, self.scan.at), target);
        Ok(Some(target))
    }

    /// Gives null to the fields that the object lacked.
    #[cold]
    fn missing(
        &mut self,
        plan: &ObjectPlan,
        columns: &mut [Column],
        base: usize,
        matches: usize,
    ) -> Result<(), Fault> {
        let at = self.scan.at;
        let fail = self.context.fail_on_missing_field && matches < plan.declared;
        for (field, column) in plan.fields.iter().zip(columns) {
            if column.len() > base {
                continue;
            }
            if fail || !field.nullable {
                self.context.fault_path.push(field.name.clone());
                let reason = if fail { BadRowReason::MissingField } else { BadRowReason::NullNotAllowed };
                return Err(Fault::new(reason, at));
            }
            column.push_null();
        }
        if fail { Err(Fault::new(BadRowReason::MissingField, at)) } else { Ok(()) }
    }

    /// Decodes a field's value, or null in place of one that may be ignored.
    #[inline(always)]
    fn field(
        &mut self,
        field: &mut FieldPlan,
        column: &mut Column,
        base: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        match self.nullable_value(&mut field.value, field.nullable, column, base, depth) {
            Ok(()) => Ok(()),
            Err(fault) => {
                self.context.fault_path.push(field.name.clone());
                Err(fault)
            }
        }
    }

    #[inline(always)]
    fn nullable_value(
        &mut self,
        plan: &mut ValuePlan,
        nullable: bool,
        column: &mut Column,
        base: usize,
        depth: usize,
    ) -> Result<(), Fault> {
        let start = self.scan.at;
        if self.scan.peek() == Some(b'n') {
            self.scan.null()?;
            if !nullable {
                return Err(Fault::new(BadRowReason::NullNotAllowed, start));
            }
            column.push_null();
            return Ok(());
        }
        match self.value(plan, column, depth) {
            Err(fault) if self.context.ignore_parse_errors && nullable && fault.is_conversion() => {
                self.context.fault_path.clear();
                self.scan.at = start;
                self.scan.skip_value(depth)?;
                column.truncate(base);
                column.push_null();
                Ok(())
            }
            // A DECIMAL that its precision does not hold is null.
            Ok(()) if !nullable && column.ends_in_null() => {
                Err(Fault::new(BadRowReason::NullNotAllowed, start))
            }
            result => result,
        }
    }

    #[inline(always)]
    fn value(&mut self, plan: &mut ValuePlan, column: &mut Column, depth: usize) -> Result<(), Fault> {
        match (plan, column) {
            (ValuePlan::Object(plan), Column::Row(column)) => self.row(plan, column, depth),
            (ValuePlan::Array(plan), Column::Array(column)) => self.array(plan, column, depth),
            (ValuePlan::Map(plan), Column::Map(column)) => self.map(plan, column, depth),
            (_, column) => self.leaf(column, depth),
        }
    }

    /// Passes an opening bracket that the column's type asks for.
    fn open(&mut self, bracket: u8, expected: &'static str, depth: usize) -> Result<(), Fault> {
        if self.scan.peek() != Some(bracket) {
            let found = self.scan.kind()?;
            return Err(Fault::new(BadRowReason::WrongKind { found, expected }, self.scan.at));
        }
        if depth >= DEPTH_MAX {
            return Err(Fault::new(BadRowReason::TooDeep, self.scan.at));
        }
        self.scan.at += 1;
        Ok(())
    }

    fn row(&mut self, plan: &mut ObjectPlan, column: &mut RowColumn, depth: usize) -> Result<(), Fault> {
        self.open(b'{', "ROW", depth)?;
        let base = column.len();
        self.object(plan, &mut column.children, base, depth + 1)?;
        column.close();
        Ok(())
    }

    fn array(&mut self, plan: &mut ValuePlan, column: &mut ArrayColumn, depth: usize) -> Result<(), Fault> {
        self.open(b'[', "ARRAY", depth)?;
        self.scan.skip_space();
        let nullable = column.items_nullable();
        while self.scan.peek() != Some(b']') {
            let base = column.items.len();
            self.nullable_value(plan, nullable, &mut column.items, base, depth + 1)?;
            self.scan.skip_space();
            match self.scan.peek() {
                Some(b',') => {
                    self.scan.at += 1;
                    self.scan.skip_space();
                    if self.scan.peek() == Some(b']') {
                        return Err(self.scan.unexpected());
                    }
                }
                Some(b']') => {}
                _ => return Err(self.scan.unexpected()),
            }
        }
        self.scan.at += 1;
        self.full_unless(column.close())
    }

    /// Decodes a map in two passes: the first finds which of its keys count (the last of equal ones), the second
    /// decodes their values.
    fn map(&mut self, plan: &mut ValuePlan, column: &mut MapColumn, depth: usize) -> Result<(), Fault> {
        self.open(b'{', "MAP", depth)?;
        let entries = self.map_entries(depth + 1)?;
        let end = self.scan.at;
        let nullable = column.values_nullable();
        for (key, value_at) in entries {
            let base = column.values.len();
            self.scan.at = value_at;
            self.nullable_value(plan, nullable, &mut column.values, base, depth + 1)?;
            if let Column::Text(keys) = column.keys.as_mut() {
                let place = self.place(key.start);
                let pushed = if key.escaped {
                    self.unescape(key);
                    keys.push(
                        &self.context.unescaped,
                        crate::column::Place::Elsewhere,
                        &mut self.context.arena,
                    )
                } else {
                    keys.push(self.scan.slice(key.start, key.end), place, &mut self.context.arena)
                };
                self.full_unless(pushed)?;
            }
        }
        self.scan.at = end;
        self.full_unless(column.close())
    }

    /// The last of each key with the position of its value, in order of first appearance. Passes the map.
    fn map_entries(&mut self, depth: usize) -> Result<Vec<(StringToken, usize)>, Fault> {
        let mut entries = Vec::new();
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        self.scan.skip_space();
        while self.scan.peek() != Some(b'}') {
            if !entries.is_empty() {
                if self.scan.peek() != Some(b',') {
                    return Err(self.scan.unexpected());
                }
                self.scan.at += 1;
                self.scan.skip_space();
            }
            let key = self.scan.key()?;
            let entry = (key, self.scan.at);
            match places.entry(self.text_of(key).to_vec()) {
                std::collections::hash_map::Entry::Occupied(place) => entries[*place.get()] = entry,
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push(entry);
                }
            }
            self.scan.skip_value(depth)?;
            self.scan.skip_space();
        }
        self.scan.at += 1;
        Ok(entries)
    }

    /// The fault of a full batch, unless `pushed`.
    #[inline(always)]
    pub(super) fn full_unless(&self, pushed: bool) -> Result<(), Fault> {
        if pushed { Ok(()) } else { Err(Fault::new(BadRowReason::BatchFull, self.scan.at)) }
    }

    /// The fault of a value whose kind the column cannot take.
    #[cold]
    pub(super) fn wrong_kind(&self, found: ValueKind, column: &Column, at: usize) -> Fault {
        Fault::new(BadRowReason::WrongKind { found, expected: column.sql_type() }, at)
    }
}
