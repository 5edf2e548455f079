//! The syntax tree: what the parser read, with spans, before any name has a meaning.

use std::sync::Arc;

use crate::diagnostics::{SourceText, Span};
use crate::types::SqlType;

/// A name as written, quotes removed. Names keep their case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A table's name, with catalog and database where they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The parts; the last is the table.
    pub parts: Vec<Name>,
    /// All of it.
    pub span: Span,
}

/// A statement and the text that it stands in.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where, without the semicolon.
    pub span: Span,
    /// The text.
    pub source: Arc<SourceText>,
}

impl Statement {
    /// The statement as it was written.
    pub fn text(&self) -> &str {
        self.source.slice(self.span)
    }
}

/// What a statement says.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `CREATE TABLE`
    CreateTable(CreateTable),
    /// `CREATE VIEW`
    CreateView(CreateView),
    /// `DROP TABLE` or `DROP VIEW`
    Drop {
        /// Whether a view is meant.
        view: bool,
        /// `IF EXISTS`
        if_exists: bool,
        /// Which.
        name: TableName,
    },
    /// `INSERT INTO`
    Insert(Insert),
    /// `EXECUTE STATEMENT SET BEGIN … END`
    StatementSet(Vec<Insert>),
    /// A query.
    Query(Query),
    /// `EXPLAIN`
    Explain(Box<StatementKind>),
    /// `SET`, with nothing to show all, with a key to show one.
    Set {
        /// The key, and where it stands.
        key: Option<(String, Span)>,
        /// The value, and where it stands.
        value: Option<(String, Span)>,
    },
    /// `RESET`, of one key or of all.
    Reset(Option<(String, Span)>),
    /// `SHOW TABLES`
    ShowTables,
    /// `SHOW VIEWS`
    ShowViews,
    /// `SHOW CREATE TABLE` or `VIEW`
    ShowCreate(TableName),
    /// `DESCRIBE`
    Describe(TableName),
    /// `BEGIN STATEMENT SET`, `END` and the like are folded by the parser; `QUIT` and `EXIT` end a script.
    Quit,
}

/// `CREATE TABLE`
#[derive(Debug, Clone)]
pub struct CreateTable {
    pub(crate) name: TableName,
    pub(crate) temporary: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) watermark: Option<WatermarkDefinition>,
    pub(crate) primary_key: Option<(Vec<Name>, Span)>,
    pub(crate) comment: Option<String>,
    pub(crate) options: Vec<TableOption>,
}

/// `'key' = 'value'` of a WITH clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableOption {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: String,
    pub(crate) value_span: Span,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: Name,
    pub(crate) kind: ColumnDefinitionKind,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum ColumnDefinitionKind {
    Physical(SqlType),
    Computed(Expr),
    Metadata { data_type: SqlType, key: Option<(String, Span)>, is_virtual: bool },
}

/// `WATERMARK FOR column AS expression`
#[derive(Debug, Clone)]
pub(crate) struct WatermarkDefinition {
    pub(crate) column: Name,
    pub(crate) expression: Expr,
    pub(crate) span: Span,
}

/// `CREATE VIEW`
#[derive(Debug, Clone)]
pub struct CreateView {
    pub(crate) name: TableName,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<Name>,
    pub(crate) query: Query,
}

/// `INSERT INTO`
#[derive(Debug, Clone)]
pub struct Insert {
    pub(crate) table: TableName,
    pub(crate) columns: Vec<Name>,
    pub(crate) query: Query,
    /// All of it.
    pub span: Span,
}

/// A query with what stands around it.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) with: Vec<CommonTable>,
    pub(crate) body: QueryBody,
    pub(crate) limit: Option<(u64, Span)>,
    pub(crate) span: Span,
}

/// `name [(columns)] AS (query)` of a WITH clause.
#[derive(Debug, Clone)]
pub(crate) struct CommonTable {
    pub(crate) name: Name,
    pub(crate) columns: Vec<Name>,
    pub(crate) query: Query,
}

#[derive(Debug, Clone)]
pub(crate) enum QueryBody {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Nested(Box<Query>),
}

/// `SELECT …`
#[derive(Debug, Clone)]
pub(crate) struct Select {
    pub(crate) items: Vec<SelectItem>,
    pub(crate) from: Option<TableReference>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group_by: Vec<Expr>,
    pub(crate) having: Option<Expr>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum SelectItem {
    /// `*` or `t.*`
    All { qualifier: Option<Name>, span: Span },
    /// `expression [AS name]`
    Expression { expression: Expr, alias: Option<Name> },
}

/// One relation of FROM.
#[derive(Debug, Clone)]
pub(crate) struct TableReference {
    pub(crate) kind: TableReferenceKind,
    pub(crate) alias: Option<Name>,
    pub(crate) columns: Vec<Name>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum TableReferenceKind {
    Table(TableName),
    Query(Box<Query>),
    Tumble(Box<Tumble>),
}

/// `TABLE(TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => …, OFFSET => …))`
#[derive(Debug, Clone)]
pub(crate) struct Tumble {
    pub(crate) data: TableReference,
    pub(crate) time_column: Name,
    pub(crate) size: Expr,
    pub(crate) offset: Option<Expr>,
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    /// `a.b.c`
    Name(Vec<Name>),
    Literal(Literal),
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    /// `AND` and `OR`: as many operands as were chained, so that a long chain is no deep tree.
    Logical {
        operator: LogicalOperator,
        operands: Vec<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `IS [NOT] NULL | TRUE | FALSE | UNKNOWN`
    Is {
        operand: Box<Expr>,
        test: IsTest,
        negated: bool,
    },
    IsDistinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    Between {
        operand: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    Like {
        operand: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        operand: Box<Expr>,
        target: SqlType,
        safe: bool,
    },
    Call(Box<Call>),
    /// `(row).field`
    Field {
        operand: Box<Expr>,
        name: Name,
    },
    /// `array[1]`, `map['key']`
    Item {
        operand: Box<Expr>,
        index: Box<Expr>,
    },
    Row(Vec<Expr>),
    Array(Vec<Expr>),
    Map(Vec<Expr>),
}

/// A function's call; syntax such as `EXTRACT(YEAR FROM x)` becomes arguments in the order of writing, with a
/// [`Literal::Symbol`] for the keyword.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: Name,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) distinct: bool,
    pub(crate) star: bool,
    pub(crate) filter: Option<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// Digits without a sign.
    Integer(String),
    /// Digits with a point.
    Decimal(String),
    /// With an exponent.
    Approximate(String),
    String(String),
    Binary(Vec<u8>),
    Date(String),
    Time(String),
    Timestamp(String),
    Interval {
        text: String,
        from: TimeUnit,
        to: Option<TimeUnit>,
        negative: bool,
    },
    /// A unit of time or a keyword, as an argument.
    Symbol(String),
}

/// Units of intervals, EXTRACT, FLOOR and TIMESTAMPADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimeUnit {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Epoch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Not,
    Minus,
    Plus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogicalOperator {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
    Minus,
    Multiply,
    Divide,
    Modulo,
    Concat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsTest {
    Null,
    True,
    False,
    Unknown,
}
