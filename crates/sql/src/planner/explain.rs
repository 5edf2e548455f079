//! Plans as text: a tree per sink, inputs below their consumers.

use std::fmt::Write as _;
use std::time::Duration;

use arrow_schema::{DataType, Fields};
use millstream_engine::plan::{
    AggregateCall, AggregateFunction, NodeId, Operator, Plan, WindowKind, WindowProperty, WindowTime,
};

/// Draws a plan. A node that several consumers share is drawn once and named afterwards.
pub fn explain(plan: &Plan) -> String {
    let mut consumers = vec![0_usize; plan.nodes.len()];
    for node in &plan.nodes {
        if let Some(input) = input_of(&node.operator) {
            consumers[input.0] += 1;
        }
    }
    let mut drawing =
        Drawing { plan, shared: consumers.iter().map(|&count| count > 1).collect(), drawn: Vec::new() };
    let mut text = String::new();
    for (index, count) in consumers.iter().enumerate() {
        if *count == 0 {
            drawing.draw(NodeId(index), 0, &mut text);
        }
    }
    text
}

struct Drawing<'a> {
    plan: &'a Plan,
    shared: Vec<bool>,
    drawn: Vec<NodeId>,
}

impl Drawing<'_> {
    fn draw(&mut self, node: NodeId, depth: usize, text: &mut String) {
        let mut next = Some(node);
        let mut depth = depth;
        while let Some(node) = next {
            let indent = if depth == 0 { String::new() } else { format!("{}+- ", "   ".repeat(depth - 1)) };
            text.push_str(&indent);
            let shared = self.shared[node.0];
            if shared && self.drawn.contains(&node) {
                let _ = writeln!(text, "#{} (above)", node.0);
                return;
            }
            self.describe(node, text);
            if shared {
                let _ = write!(text, " #{}", node.0);
            }
            text.push('\n');
            self.drawn.push(node);
            next = input_of(&self.plan.nodes[node.0].operator);
            depth += 1;
        }
    }

    /// The names of a node's columns.
    fn names(&self, node: NodeId) -> Vec<String> {
        self.plan.nodes[node.0].schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn describe(&self, id: NodeId, text: &mut String) {
        let node = &self.plan.nodes[id.0];
        // Writing to a String cannot fail.
        let _ = match &node.operator {
            Operator::Source { name, .. } => {
                let mut paths = Vec::new();
                field_paths(node.schema.fields(), "", &mut paths);
                write!(text, "Source(table={name}, fields=[{}])", paths.join(", "))
            }
            Operator::Watermark { input, expression, time_column, idle_timeout } => {
                let names = self.names(*input);
                let name = names.get(*time_column).map_or("?", String::as_str);
                let idle = idle_timeout
                    .map_or(String::new(), |timeout| format!(", idle-timeout={}", duration(timeout)));
                write!(text, "Watermark(time={name}, watermark={expression:?}{idle})")
            }
            Operator::Filter { predicate, .. } => write!(text, "Filter({predicate:?})"),
            Operator::Project { expressions, .. } => {
                let columns: Vec<String> = expressions
                    .iter()
                    .zip(self.names(id))
                    .map(|(expression, name)| {
                        let expression = format!("{expression:?}");
                        if expression == name { name } else { format!("{expression} AS {name}") }
                    })
                    .collect();
                write!(text, "Project({})", columns.join(", "))
            }
            Operator::WindowAggregate { input, window, keys, aggregates, properties } => {
                let names = self.names(*input);
                let name = |index: usize| names.get(index).map_or("?", String::as_str);
                let WindowKind::Tumble { size_ms, offset_ms } = window.kind;
                let time = match window.time {
                    WindowTime::Event { column } => name(column),
                    WindowTime::Processing => "PROCTIME()",
                };
                let offset = if offset_ms == 0 {
                    String::new()
                } else {
                    format!(", offset={}", milliseconds(offset_ms))
                };
                let keys: Vec<&str> = keys.iter().map(|&key| name(key)).collect();
                let calls: Vec<String> = aggregates.iter().map(|call| aggregate(call, &name)).collect();
                let properties: Vec<&str> =
                    properties.iter().map(|&property| property_name(property)).collect();
                write!(
                    text,
                    "WindowAggregate(window=TUMBLE({time}, {}{offset}), keys=[{}], aggregates=[{}], properties=[{}])",
                    milliseconds(size_ms),
                    keys.join(", "),
                    calls.join(", "),
                    properties.join(", ")
                )
            }
            Operator::Sink { name, .. } => {
                write!(text, "Sink(table={name}, fields=[{}])", self.names(id).join(", "))
            }
        };
    }
}

fn input_of(operator: &Operator) -> Option<NodeId> {
    match operator {
        Operator::Source { .. } => None,
        Operator::Watermark { input, .. }
        | Operator::Filter { input, .. }
        | Operator::Project { input, .. }
        | Operator::WindowAggregate { input, .. }
        | Operator::Sink { input, .. } => Some(*input),
    }
}

fn field_paths(fields: &Fields, prefix: &str, paths: &mut Vec<String>) {
    for field in fields {
        match field.data_type() {
            DataType::Struct(inner) => field_paths(inner, &format!("{prefix}{}.", field.name()), paths),
            _ => paths.push(format!("{prefix}{}", field.name())),
        }
    }
}

fn aggregate<'a>(call: &AggregateCall, name: &impl Fn(usize) -> &'a str) -> String {
    let function = match call.function {
        AggregateFunction::Count => "COUNT",
        AggregateFunction::Sum => "SUM",
        AggregateFunction::Avg => "AVG",
        AggregateFunction::Min => "MIN",
        AggregateFunction::Max => "MAX",
    };
    let filter = call.filter.map_or(String::new(), |filter| format!(" FILTER (WHERE {})", name(filter)));
    format!("{function}({}){filter}", call.input.map_or("*", name))
}

fn property_name(property: WindowProperty) -> &'static str {
    match property {
        WindowProperty::Start => "window_start",
        WindowProperty::End => "window_end",
        WindowProperty::Time => "window_time",
    }
}

fn milliseconds(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", duration(Duration::from_millis(value.unsigned_abs())))
}

/// A duration in the largest unit that divides it.
fn duration(value: Duration) -> String {
    let millis = value.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    for (size, unit) in units {
        if millis >= size && millis.is_multiple_of(size) {
            return format!("{} {unit}", millis / size);
        }
    }
    format!("{millis} ms")
}
