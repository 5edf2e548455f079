//! `sql` and `explain`: statements from the command line, a file or standard input, and plans.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Read as _};

use millstream_connectors::kafka::Clusters;
use millstream_connectors::{Environment, connectors};
use millstream_sql::syntax::{Statement, StatementKind};
use millstream_sql::{Outcome, Session, parse_script};

use super::run::{addresses, read_script, stop_on_signal};
use super::{broker, print};
use crate::cli::{self, Global};
use crate::exit::{Failure, FailureKind};
use crate::pipelines::Launcher;
use crate::script::{Script, sql_error};
use crate::stop::Stop;

/// `sql`.
pub(crate) fn execute(command: &cli::Sql, global: &Global) -> anyhow::Result<()> {
    let mut statements = command.init.as_deref().map(read_script).transpose()?.unwrap_or_default();
    statements.extend(match (&command.execute, &command.file) {
        (Some(text), _) => parse_script(text, "-e").map_err(sql_error)?,
        (None, Some(file)) => read_script(file)?,
        (None, None) => from_standard_input()?,
    });
    let runtime = broker::runtime()?;
    let clusters = Clusters { bootstrap_servers: addresses(&command.bootstrap_server), embedded: None };
    let (all, kafka) = connectors(&Environment { runtime: runtime.handle().clone(), clusters });
    let stop = Stop::default();
    stop_on_signal(&runtime, &stop)?;
    let launcher =
        Launcher { kafka, follow: false, workers: None, shown: None, stop, started: HashMap::new() };
    let mut script = Script::new(Session::new(all), launcher, global, command.output);
    script.limit = command.limit;
    script.run(&statements)
}

/// The statements that somebody pipes in.
fn from_standard_input() -> anyhow::Result<Vec<Statement>> {
    let mut input = std::io::stdin();
    let mut text = String::new();
    // Nobody is kept waiting who has just forgotten the statements.
    if !input.is_terminal() {
        input.read_to_string(&mut text)?;
    }
    if text.trim().is_empty() {
        let message =
            "no statements: give them with --execute SQL, in a file with --file FILE, or on standard input";
        return Err(Failure::new(FailureKind::Usage, message).into());
    }
    parse_script(&text, "<stdin>").map_err(sql_error)
}

/// `explain`.
pub(crate) fn explain(command: &cli::Explain) -> anyhow::Result<()> {
    let runtime = broker::runtime()?;
    let environment = Environment { runtime: runtime.handle().clone(), clusters: Clusters::default() };
    let (all, _) = connectors(&environment);
    let mut session = Session::new(all);
    for statement in read_script(&command.file)? {
        let is_planned = matches!(
            statement.kind,
            StatementKind::Insert(_) | StatementKind::StatementSet(_) | StatementKind::Query(_)
        );
        let executed = if is_planned { explained(statement) } else { statement };
        match session.execute(&executed).map_err(sql_error)? {
            Outcome::Explain(text) => print(|out| writeln!(out, "{text}"))?,
            Outcome::Quit => break,
            _ => {}
        }
    }
    Ok(())
}

fn explained(statement: Statement) -> Statement {
    Statement {
        span: statement.span,
        source: std::sync::Arc::clone(&statement.source),
        kind: StatementKind::Explain(Box::new(statement.kind)),
    }
}
