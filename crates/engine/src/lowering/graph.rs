//! A plan with its edges in both directions, checked.

use std::sync::Arc;

use arrow_schema::DataType;

use crate::aggregate::AggregateSpec;
use crate::error::EngineError;
use crate::pipeline::SinkEntry;
use crate::plan::{BadRowPolicy, Node, Operator, PipelineOptions, Plan};
use crate::source::Source;

/// A checked plan. Nodes that no sink depends on are left out.
pub(super) struct Graph<'a> {
    pub(super) plan: &'a Plan,
    /// Per node the consumers that lead to a sink, in the plan's order.
    pub(super) consumers: Vec<Vec<usize>>,
    /// Per node the source that it comes from.
    pub(super) source_of: Vec<usize>,
    /// Per node the root of its stage: a source or a window aggregation, which roots its own output.
    pub(super) stage_of: Vec<usize>,
    /// The source nodes that lead to a sink.
    pub(super) sources: Vec<usize>,
    /// The window aggregations that lead to a sink.
    pub(super) windows: Vec<usize>,
    /// The sinks.
    pub(super) sinks: Vec<usize>,
    /// Per window aggregation of `windows` what it computes.
    pub(super) specs: Vec<Arc<AggregateSpec>>,
}

/// The input of an operator.
fn input_of(operator: &Operator) -> Option<usize> {
    match operator {
        Operator::Source { .. } => None,
        Operator::Watermark { input, .. }
        | Operator::Filter { input, .. }
        | Operator::Project { input, .. }
        | Operator::WindowAggregate { input, .. }
        | Operator::Sink { input, .. } => Some(input.0),
    }
}

fn fault(node: usize, message: impl Into<String>) -> EngineError {
    EngineError::Plan { node, message: message.into() }
}

impl<'a> Graph<'a> {
    pub(super) fn new(plan: &'a Plan) -> Result<Self, EngineError> {
        let count = plan.nodes.len();
        let mut graph = Self {
            plan,
            consumers: vec![Vec::new(); count],
            source_of: vec![0; count],
            stage_of: vec![0; count],
            sources: Vec::new(),
            windows: Vec::new(),
            sinks: Vec::new(),
            specs: Vec::new(),
        };
        for (index, node) in plan.nodes.iter().enumerate() {
            graph.check(index, node)?;
        }
        let mut is_live = vec![false; count];
        for (index, node) in plan.nodes.iter().enumerate().rev() {
            is_live[index] |= matches!(node.operator, Operator::Sink { .. });
            if let Some(input) = input_of(&node.operator).filter(|_| is_live[index]) {
                is_live[input] = true;
                graph.consumers[input].insert(0, index);
            }
        }
        for (index, node) in plan.nodes.iter().enumerate().filter(|(index, _)| is_live[*index]) {
            match &node.operator {
                Operator::Source { .. } => graph.sources.push(index),
                Operator::Sink { .. } => graph.sinks.push(index),
                Operator::WindowAggregate { input, window, keys, aggregates, properties } => {
                    let input = &plan.nodes[input.0].schema;
                    let spec = AggregateSpec::new(window, keys, aggregates, properties, input, &node.schema);
                    graph.windows.push(index);
                    graph.specs.push(Arc::new(spec.map_err(|message| fault(index, message))?));
                }
                _ => {}
            }
        }
        Ok(graph)
    }

    fn check(&mut self, index: usize, node: &Node) -> Result<(), EngineError> {
        let input = input_of(&node.operator);
        let input_schema = match input {
            Some(input) if input >= index => {
                return Err(fault(index, format!("its input {input} does not come before it")));
            }
            Some(input) if matches!(self.plan.nodes[input].operator, Operator::Sink { .. }) => {
                return Err(fault(index, "a sink has no output"));
            }
            Some(input) => &self.plan.nodes[input].schema,
            None => &node.schema,
        };
        self.source_of[index] = input.map_or(index, |input| self.source_of[input]);
        self.stage_of[index] = match (&node.operator, input) {
            (Operator::Source { .. } | Operator::WindowAggregate { .. }, _) | (_, None) => index,
            (_, Some(input)) => self.stage_of[input],
        };
        match &node.operator {
            Operator::Source { name, source } => {
                let same = |other: &&Node| matches!(&other.operator, Operator::Source { name: own, .. } if own == name);
                if self.plan.nodes[..index].iter().any(|other| same(&other)) {
                    return Err(fault(index, format!("there is another source with the name {name}")));
                }
                if source.schema() != node.schema {
                    return Err(fault(index, "its schema is not that of its table"));
                }
            }
            Operator::Watermark { time_column, .. } => {
                let stands_after_window =
                    !matches!(self.plan.nodes[self.stage_of[index]].operator, Operator::Source { .. });
                if stands_after_window {
                    return Err(fault(index, "watermarks are made before the first window"));
                }
                let field = input_schema.fields().get(*time_column);
                if !field.is_some_and(|field| matches!(field.data_type(), DataType::Timestamp(_, _))) {
                    return Err(fault(index, format!("column {time_column} is not a TIMESTAMP")));
                }
            }
            Operator::Project { expressions, .. } if expressions.len() != node.schema.fields().len() => {
                return Err(fault(index, "it has not one expression per column"));
            }
            Operator::Sink { name, .. } if name.len() > usize::from(u16::MAX) => {
                return Err(fault(index, "the sink's name is longer than 65,535 bytes"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses what an epoch cannot bring back.
    pub(super) fn check_restorable(&self) -> Result<(), EngineError> {
        for window in &self.windows {
            let root = input_of(&self.plan.nodes[*window].operator).map(|input| self.stage_of[input]);
            if root.is_some_and(|root| self.windows.contains(&root)) {
                return Err(fault(
                    *window,
                    "a window over the results of a window cannot resume after a restart yet; \
                     write the first window's results to a table and read them from there, or run without resuming",
                ));
            }
        }
        for source in &self.sources {
            let mut watermarks = self.plan.nodes.iter().enumerate().filter(|(index, node)| {
                matches!(node.operator, Operator::Watermark { .. })
                    && self.source_of[*index] == *source
                    && !self.consumers[*index].is_empty()
            });
            if let Some((second, _)) = watermarks.nth(1) {
                return Err(fault(second, "one source with two watermarks cannot resume after a restart"));
            }
        }
        Ok(())
    }

    pub(super) fn source(&self, node: usize) -> Result<(&'a str, &'a Arc<dyn Source>), EngineError> {
        match &self.plan.nodes[node].operator {
            Operator::Source { name, source } => Ok((name, source)),
            _ => Err(fault(node, "it does not come from a source")),
        }
    }

    /// Whether every source ends.
    pub(super) fn is_bounded(&self) -> bool {
        self.sources.iter().all(|node| self.source(*node).is_ok_and(|(_, source)| source.is_bounded()))
    }

    /// The sinks of the plan, then one dead-letter sink per source that has one.
    pub(super) fn sinks(&self, options: &PipelineOptions) -> Vec<SinkEntry> {
        let of_plan = self.sinks.iter().filter_map(|node| match &self.plan.nodes[*node].operator {
            Operator::Sink { name, sink, .. } => {
                Some(SinkEntry { name: name.clone(), sink: Arc::clone(sink) })
            }
            _ => None,
        });
        let dead_letters = self.sources.iter().filter_map(|node| {
            let (name, _) = self.source(*node).ok()?;
            match options.bad_rows.get(name)? {
                BadRowPolicy::DeadLetter(sink) => {
                    Some(SinkEntry { name: dead_letter_name(name), sink: Arc::clone(sink) })
                }
                _ => None,
            }
        });
        of_plan.chain(dead_letters).collect()
    }

    /// The windows, as places in `windows`, that a source feeds.
    pub(super) fn windows_of(&self, source: usize) -> Vec<usize> {
        let fed = self.windows.iter().enumerate().filter(|(_, node)| self.source_of[**node] == source);
        fed.map(|(window, _)| window).collect()
    }
}

/// The name under which a source's dead-letter sink appears.
pub(super) fn dead_letter_name(source: &str) -> String {
    format!("dead letters of {source}")
}
