//! Which parts of columns are needed, so that sources decode nothing else.

use std::collections::BTreeMap;

use millstream_engine::connector::FieldPath;

use crate::binder::Column;
use crate::expression::{Expr, ExprKind};
use crate::types::{Kind, RowField, SqlType};

/// The needed part of a value: all of it, or some fields of a ROW. Also the shape of a value that was pruned to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Need {
    whole: bool,
    fields: BTreeMap<usize, Need>,
}

impl Need {
    pub(super) fn whole() -> Self {
        Self { whole: true, fields: BTreeMap::new() }
    }

    pub(super) fn is_some(&self) -> bool {
        self.whole || !self.fields.is_empty()
    }

    /// Adds the value at a path of field indices.
    fn add_path(&mut self, path: &[usize], need: &Self) {
        if self.whole {
            return;
        }
        match path.split_first() {
            None => self.add(need),
            Some((first, rest)) => self.fields.entry(*first).or_default().add_path(rest, need),
        }
    }

    /// Adds another need of the same value.
    pub(super) fn add(&mut self, other: &Self) {
        if other.whole {
            *self = Self::whole();
        }
        if self.whole {
            return;
        }
        for (field, need) in &other.fields {
            self.fields.entry(*field).or_default().add(need);
        }
    }

    /// The shape of the value at a path, in the numbers of the whole value.
    fn descend(&self, path: &[usize]) -> Self {
        if self.whole {
            return Self::whole();
        }
        match path.split_first() {
            None => self.clone(),
            Some((first, rest)) => {
                self.fields.get(first).map_or_else(Self::default, |field| field.descend(rest))
            }
        }
    }

    /// The type of a value of this shape.
    pub(super) fn prune(&self, data_type: &SqlType) -> SqlType {
        match &data_type.kind {
            Kind::Row(fields) if !self.whole => {
                let kept = self
                    .fields
                    .iter()
                    .filter_map(|(index, need)| {
                        let field = fields.get(*index)?;
                        Some(RowField { name: field.name.clone(), data_type: need.prune(&field.data_type) })
                    })
                    .collect();
                Kind::Row(kept).with_nullability(data_type.nullable)
            }
            _ => data_type.clone(),
        }
    }

    /// The paths of names of a column of this shape.
    pub(super) fn paths(&self, column: &Column) -> Vec<FieldPath> {
        let mut paths = Vec::new();
        self.collect_paths(&column.data_type, &mut vec![column.name.clone()], &mut paths);
        paths
    }

    fn collect_paths(&self, data_type: &SqlType, prefix: &mut Vec<String>, paths: &mut Vec<FieldPath>) {
        match &data_type.kind {
            Kind::Row(fields) if !self.whole => {
                for (index, need) in &self.fields {
                    if let Some(field) = fields.get(*index) {
                        prefix.push(field.name.clone());
                        need.collect_paths(&field.data_type, prefix, paths);
                        prefix.pop();
                    }
                }
            }
            _ => paths.push(FieldPath(prefix.clone())),
        }
    }
}

/// Adds what an expression reads of its input's columns. Of an expression that is a path, only `part` is needed.
pub(super) fn collect(expr: &Expr, part: &Need, needs: &mut [Need]) {
    if let Some((column, path)) = expr.as_path() {
        if let Some(need) = needs.get_mut(column) {
            need.add_path(&path, part);
        }
        return;
    }
    for child in expr.children() {
        collect(child, &Need::whole(), needs);
    }
}

/// Where a relation's columns stand in the engine's node: index and shape, for those that were needed.
#[derive(Debug, Clone)]
pub(super) struct ColumnMap(pub(super) Vec<Option<(usize, Need)>>);

impl ColumnMap {
    /// All columns, whole, in their places.
    pub(super) fn identity(count: usize) -> Self {
        Self((0..count).map(|index| Some((index, Need::whole()))).collect())
    }

    /// The shape of the value that an expression over these columns has.
    pub(super) fn shape(&self, expr: &Expr) -> Need {
        match expr.as_path() {
            Some((column, path)) => match self.0.get(column) {
                Some(Some((_, shape))) => shape.descend(&path),
                _ => Need::default(),
            },
            None => Need::whole(),
        }
    }

    /// The expression over the engine's node.
    pub(super) fn translate(&self, expr: &Expr) -> Expr {
        let shape = |expr: &Expr| self.shape(expr);
        match &expr.kind {
            ExprKind::Column { index, name } => match self.0.get(*index) {
                Some(Some((place, need))) => Expr {
                    kind: ExprKind::Column { index: *place, name: name.clone() },
                    data_type: need.prune(&expr.data_type),
                    span: expr.span,
                },
                _ => expr.clone(),
            },
            ExprKind::Field { operand, index } if operand.as_path().is_some() => {
                let outer = shape(operand);
                let place = if outer.whole { *index } else { outer.fields.range(..index).count() };
                let operand = Box::new(self.translate(operand));
                let data_type = shape(expr).prune(&expr.data_type);
                Expr { kind: ExprKind::Field { operand, index: place }, data_type, span: expr.span }
            }
            _ => expr.clone().map_children(&mut |child| self.translate(&child)),
        }
    }
}
