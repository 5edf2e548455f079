//! Sides measured in turn, so that what the machine does meanwhile hits all of them alike, and the ratio of each round.
//!
//! A round runs every side once; every other round runs them in the opposite order. The figure of the whole is the median of the rounds'
//! ratios, beside which the least and the largest are shown. Warm-up rounds come first and are not counted (a Java process
//! needs them; what a cold one costs is said in `docs/benchmarks.md`).

use std::fmt::Write as _;

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};

/// How often to measure.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rounds {
    /// Rounds that count; each runs every side once
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Rounds before them that do not
    #[arg(long, default_value_t = 1)]
    pub(crate) warm_ups: usize,
}

/// Something that is measured on every side.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The ratio to a side that is aimed at.
    pub(crate) goals: Vec<(&'static str, f64)>,
}

impl Metric {
    pub(crate) fn higher(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, better: Better::Higher, goals: Vec::new() }
    }

    pub(crate) fn lower(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, better: Better::Lower, goals: Vec::new() }
    }

    pub(crate) fn goal(mut self, side: &'static str, ratio: f64) -> Self {
        self.goals.push((side, ratio));
        self
    }
}

/// Which of two figures is the better one. Ratios above 1 always mean that the first side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

impl Better {
    fn ratio(self, ours: f64, other: f64) -> f64 {
        match self {
            Self::Higher => ours / other,
            Self::Lower => other / ours,
        }
    }
}

/// One that is compared: its name, and what measures all metrics once, in their order.
pub(crate) struct Side<'a> {
    name: &'static str,
    measure: Box<dyn FnMut() -> anyhow::Result<Vec<f64>> + 'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(name: &'static str, measure: impl FnMut() -> anyhow::Result<Vec<f64>> + 'a) -> Self {
        Self { name, measure: Box::new(measure) }
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Comparison {
    title: String,
    metrics: Vec<Metric>,
    sides: Vec<&'static str>,
    /// By round, side and metric.
    figures: Vec<Vec<Vec<f64>>>,
}

/// Measures the sides in turn and prints each round as it ends, then the summary and a line of JSON. Ratios are those of the first side.
pub(crate) fn compare(
    title: &str,
    rounds: Rounds,
    metrics: Vec<Metric>,
    sides: Vec<Side<'_>>,
) -> anyhow::Result<()> {
    compare_to_rows("", title, rounds, metrics, sides).map(drop)
}

/// As [`compare`]; returns rows of a Markdown table with the label, for a table of several comparisons.
pub(crate) fn compare_to_rows(
    label: &str,
    title: &str,
    rounds: Rounds,
    metrics: Vec<Metric>,
    sides: Vec<Side<'_>>,
) -> anyhow::Result<String> {
    let comparison = alternate(title, rounds, metrics, sides)?;
    print!("{}", comparison.table());
    println!("{}", comparison.json());
    Ok(comparison.rows(label))
}

/// Measures the sides in turn by one metric; prints each round, and gives each side's median.
pub(crate) fn medians(
    title: &str,
    rounds: Rounds,
    metric: Metric,
    sides: Vec<Side<'_>>,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let comparison = alternate(title, rounds, vec![metric], sides)?;
    println!("\n{title}, medians of {}", rounds.rounds);
    let median = |side: usize| Spread::of(&comparison.figures_of(side, 0)).median;
    Ok(comparison.sides.iter().enumerate().map(|(side, name)| (*name, median(side))).collect())
}

fn alternate(
    title: &str,
    rounds: Rounds,
    metrics: Vec<Metric>,
    mut sides: Vec<Side<'_>>,
) -> anyhow::Result<Comparison> {
    ensure!(rounds.rounds > 0, "nothing is measured in no rounds");
    let names = sides.iter().map(|side| side.name).collect();
    let mut comparison = Comparison { title: title.to_owned(), metrics, sides: names, figures: Vec::new() };
    for round in 0..rounds.warm_ups + rounds.rounds {
        let mut figures = vec![Vec::new(); sides.len()];
        for turn in 0..sides.len() {
            let index = if round % 2 == 0 { turn } else { sides.len() - 1 - turn };
            figures[index] = (sides[index].measure)()?;
            let (name, measured) = (sides[index].name, &figures[index]);
            ensure!(measured.len() == comparison.metrics.len(), "{name} lacks figures");
            // CPU time comes in steps of 10 ms.
            ensure!(
                measured.iter().all(|figure| figure.is_finite()),
                "{name} did too little to be measured: raise the amount"
            );
        }
        let label = match round.checked_sub(rounds.warm_ups) {
            None => "warm-up".to_owned(),
            Some(counted) => format!("round {}", counted + 1),
        };
        print!("{}", comparison.round(&label, &figures));
        if round >= rounds.warm_ups {
            comparison.figures.push(figures);
        }
    }
    Ok(comparison)
}

impl Comparison {
    fn round(&self, label: &str, figures: &[Vec<f64>]) -> String {
        let mut text = String::new();
        for (at, metric) in self.metrics.iter().enumerate() {
            let _ = write!(text, "{label}, {}:", metric.name);
            for (name, figures) in self.sides.iter().zip(figures) {
                let _ = write!(text, " {name} {}", number(figures[at]));
            }
            let _ = writeln!(text, " {}", metric.unit);
        }
        text
    }

    fn figures_of(&self, side: usize, metric: usize) -> Vec<f64> {
        self.figures.iter().map(|round| round[side][metric]).collect()
    }

    fn ratios_to(&self, side: usize, metric: usize) -> Vec<f64> {
        let better = self.metrics[metric].better;
        self.figures.iter().map(|round| better.ratio(round[0][metric], round[side][metric])).collect()
    }

    /// A row per metric and side: the median, the range, the ratio.
    fn table(&self) -> String {
        let mut text = format!("\n{}, median (range) of {}\n", self.title, self.figures.len());
        for (at, metric) in self.metrics.iter().enumerate() {
            let _ = writeln!(text, "{} in {}", metric.name, metric.unit);
            for (side, name) in self.sides.iter().enumerate() {
                let figures = Spread::of(&self.figures_of(side, at));
                let _ = write!(
                    text,
                    "  {name:<12} {:>9} ({}–{})",
                    number(figures.median),
                    number(figures.least),
                    number(figures.largest)
                );
                if side > 0 {
                    let ratios = Spread::of(&self.ratios_to(side, at));
                    let _ = write!(
                        text,
                        "   {} is {:.2}× as good ({:.2}–{:.2})",
                        self.sides[0], ratios.median, ratios.least, ratios.largest
                    );
                    if let Some((_, goal)) = metric.goals.iter().find(|(side, _)| side == name) {
                        let _ = write!(text, ", goal {goal}×");
                    }
                }
                text.push('\n');
            }
        }
        text
    }

    /// A row of a Markdown table for each metric: every side's median and range, then the ratios to each of the others.
    fn rows(&self, label: &str) -> String {
        let spread = |spread: Spread| {
            format!("{} ({}–{})", number(spread.median), number(spread.least), number(spread.largest))
        };
        let mut text = String::new();
        for (at, metric) in self.metrics.iter().enumerate() {
            let sides = (0..self.sides.len()).map(|side| Spread::of(&self.figures_of(side, at)));
            let ratios = (1..self.sides.len()).map(|side| Spread::of(&self.ratios_to(side, at)));
            let cells: Vec<String> = sides.chain(ratios).map(spread).collect();
            let _ = writeln!(text, "| {label} | {} | {} |", metric.name, cells.join(" | "));
        }
        text
    }

    /// Everything on one line, for programs.
    fn json(&self) -> Value {
        let metric = |at: usize, metric: &Metric| {
            let sides: serde_json::Map<String, Value> = self
                .sides
                .iter()
                .enumerate()
                .map(|(side, name)| ((*name).to_owned(), self.side_json(side, name, at, metric)))
                .collect();
            json!({ "metric": metric.name, "unit": metric.unit, "sides": sides })
        };
        let metrics: Vec<Value> = self.metrics.iter().enumerate().map(|(at, it)| metric(at, it)).collect();
        json!({ "benchmark": self.title, "metrics": metrics })
    }

    fn side_json(&self, side: usize, name: &str, at: usize, metric: &Metric) -> Value {
        let figures = self.figures_of(side, at);
        let mut value = json!({ "figures": figures, "median": Spread::of(&figures).median });
        if side > 0 {
            let ratios = self.ratios_to(side, at);
            value["ratio_median"] = json!(Spread::of(&ratios).median);
            value["ratios"] = json!(ratios);
            if let Some((_, goal)) = metric.goals.iter().find(|(goal_side, _)| *goal_side == name) {
                value["ratio_goal"] = json!(goal);
            }
        }
        value
    }
}

/// The median and the range of at least one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    least: f64,
    median: f64,
    largest: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        } else {
            sorted[middle]
        };
        Self { least: sorted[0], median, largest: sorted[sorted.len() - 1] }
    }
}

/// Three digits at least, thousands apart: 2,710, 34.2, 0.81.
pub(crate) fn number(figure: f64) -> String {
    if figure.abs() < 100.0 {
        return format!("{figure:.*}", if figure.abs() < 10.0 { 2 } else { 1 });
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
