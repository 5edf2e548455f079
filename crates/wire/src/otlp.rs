//! Client metrics as PushTelemetry carries them (KIP-714): `MetricsData` of the OpenTelemetry protocol (OTLP 1.x, Protocol Buffers).
//!
//! Only what Kafka's clients send is read: gauges and sums, whose points are single numbers. Histograms and summaries are passed
//! over, and so are fields that nobody here asks for. Nothing is copied and nothing allocated: a [`Point`] borrows from the bytes, so that
//! hostile ones cost no more than their own length. Nesting is as deep as the format's own messages and no deeper.
//!
//! Layout, by field number: `MetricsData { 1: ResourceMetrics… }`, `ResourceMetrics { 1: Resource, 2: ScopeMetrics… }`, `Resource { 1: KeyValue… }`,
//! `ScopeMetrics { 2: Metric… }`, `Metric { 1: name, 5: Gauge, 7: Sum }`, `Gauge { 1: NumberDataPoint… }`,
//! `Sum { 1: NumberDataPoint…, 2: temporality, 3: is monotonic }`, `NumberDataPoint { 4: double, 6: integer, 7: KeyValue…, 8: flags }`,
//! `KeyValue { 1: key, 2: AnyValue }`, `AnyValue { 1: text, 2: boolean, 3: integer, 4: double }`.

use std::fmt;

use crate::{Result, WireError, varint};

/// The lowest bit of a point's flags: it says that there was nothing to measure.
const FLAG_NO_VALUE: u64 = 1;
/// `AGGREGATION_TEMPORALITY_DELTA`.
const TEMPORALITY_DELTA: u64 = 1;

/// How the points of a metric belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// A value that goes up and down; also a sum that may.
    Gauge,
    /// A sum that only grows, since the client's start.
    Counter,
    /// What has been added to such a sum since the last push.
    Increment,
}

/// One measured value.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// The metric's name (`org.apache.kafka.producer.connection.creation.total`).
    pub name: &'a str,
    /// What the value means.
    pub kind: PointKind,
    /// The value, of either type.
    pub value: f64,
    /// What distinguishes it from other points of the metric.
    pub attributes: Attributes<'a>,
    /// What the client says of itself.
    pub resource: Attributes<'a>,
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AttributeValue<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Double(f64),
    /// True or false.
    Boolean(bool),
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Boolean(flag) => write!(f, "{flag}"),
        }
    }
}

/// Attributes of a message that was checked; those of composite values are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a> {
    message: &'a [u8],
    field: u32,
}

impl<'a> Attributes<'a> {
    /// Those that stand in a field of a message.
    fn check(message: &'a [u8], field: u32) -> Result<Self> {
        for attribute in Fields::messages(message, field) {
            key_value(attribute?)?;
        }
        Ok(Self { message, field })
    }

    /// Whether they are the very same bytes of the same push, which costs no look at them.
    pub fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.message, other.message)
    }

    /// Each with its key.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, AttributeValue<'a>)> {
        let attributes = Fields::messages(self.message, self.field);
        attributes.filter_map(|attribute| key_value(attribute.ok()?).ok().flatten())
    }
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Calls `visit` with every point of a `MetricsData`.
///
/// # Errors
/// What is wrong with the bytes. Points before the fault were visited: who must not take half of them checks first, by a visit that does
/// nothing.
pub fn visit_points<'a>(metrics_data: &'a [u8], visit: &mut impl FnMut(Point<'a>)) -> Result<()> {
    for resource_metrics in Fields::messages(metrics_data, 1) {
        let resource_metrics = resource_metrics?;
        // The last one counts, as for any field that is there more than once.
        let resource = Fields::messages(resource_metrics, 1).last().transpose()?.unwrap_or_default();
        let resource = Attributes::check(resource, 1)?;
        for scope_metrics in Fields::messages(resource_metrics, 2) {
            for metric in Fields::messages(scope_metrics?, 2) {
                visit_metric(metric?, resource, visit)?;
            }
        }
    }
    Ok(())
}

fn visit_metric<'a>(
    metric: &'a [u8],
    resource: Attributes<'a>,
    visit: &mut impl FnMut(Point<'a>),
) -> Result<()> {
    let mut name = "";
    let mut data = None;
    for field in Fields(metric) {
        match field? {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (5, Value::Bytes(gauge)) => data = Some((gauge, PointKind::Gauge)),
            (7, Value::Bytes(sum)) => data = Some((sum, kind_of_sum(sum)?)),
            _ => {}
        }
    }
    let Some((data, kind)) = data else { return Ok(()) };
    for point in Fields::messages(data, 1) {
        let point = point?;
        let attributes = Attributes::check(point, 7)?;
        if let Some(value) = value_of(point)? {
            visit(Point { name, kind, value, attributes, resource });
        }
    }
    Ok(())
}

fn kind_of_sum(sum: &[u8]) -> Result<PointKind> {
    let (mut is_delta, mut is_monotonic) = (false, false);
    for field in Fields(sum) {
        match field? {
            (2, Value::Varint(temporality)) => is_delta = temporality == TEMPORALITY_DELTA,
            (3, Value::Varint(flag)) => is_monotonic = flag != 0,
            _ => {}
        }
    }
    Ok(match (is_monotonic, is_delta) {
        (false, _) => PointKind::Gauge,
        (true, false) => PointKind::Counter,
        (true, true) => PointKind::Increment,
    })
}

/// A point's number, if it has one.
fn value_of(point: &[u8]) -> Result<Option<f64>> {
    let mut value = None;
    let mut flags = 0;
    for field in Fields(point) {
        match field? {
            (4, Value::Fixed64(bits)) => value = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(bits)) => value = Some(bits.cast_signed() as f64),
            (8, Value::Varint(bits)) => flags = bits,
            _ => {}
        }
    }
    Ok(value.filter(|_| flags & FLAG_NO_VALUE == 0))
}

/// An attribute; none if its value is composite or missing.
fn key_value(message: &[u8]) -> Result<Option<(&str, AttributeValue<'_>)>> {
    let (mut key, mut value) = ("", None);
    for field in Fields(message) {
        match field? {
            (1, Value::Bytes(bytes)) => key = text(bytes)?,
            (2, Value::Bytes(any)) => value = any_value(any)?,
            _ => {}
        }
    }
    Ok(value.map(|value| (key, value)))
}

fn any_value(message: &[u8]) -> Result<Option<AttributeValue<'_>>> {
    let mut value = None;
    for field in Fields(message) {
        value = match field? {
            (1, Value::Bytes(bytes)) => Some(AttributeValue::Text(text(bytes)?)),
            (2, Value::Varint(flag)) => Some(AttributeValue::Boolean(flag != 0)),
            (3, Value::Varint(number)) => Some(AttributeValue::Integer(number.cast_signed())),
            (4, Value::Fixed64(bits)) => Some(AttributeValue::Double(f64::from_bits(bits))),
            _ => value,
        };
    }
    Ok(value)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| WireError::InvalidUtf8 { what: "text of a client metric" })
}

/// A field's value, by its wire type.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of a message, with their numbers. Ends after the first error.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The messages (or texts) in the fields of one number.
    fn messages(message: &'a [u8], number: u32) -> impl Iterator<Item = Result<&'a [u8]>> {
        Self(message).filter_map(move |field| match field {
            Ok((found, Value::Bytes(bytes))) if found == number => Some(Ok(bytes)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn field(&mut self) -> Result<(u32, Value<'a>)> {
        const WHAT: &str = "field of client metrics";
        let tag = varint::read_u32(&mut self.0, WHAT)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint::read_u64(&mut self.0, WHAT)?),
            1 => {
                let bytes = self.take(8)?;
                Value::Fixed64(bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
            }
            2 => {
                let length = varint::read_u32(&mut self.0, WHAT)?;
                Value::Bytes(self.take(length as usize)?)
            }
            5 => self.take(4).map(|_| Value::Fixed32)?,
            other => {
                return Err(WireError::InvalidValue {
                    what: "wire type of a client metric's field",
                    found: i64::from(other),
                    expected: 2,
                });
            }
        };
        Ok((tag >> 3, value))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let available = self.0.len();
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated {
            what: "field of client metrics",
            needed: length,
            available,
        })?;
        self.0 = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests;
