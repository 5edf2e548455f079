//! Settings in the environment, as Kafka's container images have them: `KAFKA_` and the name in capitals with `_` for a dot,
//! `__` for `_` and `___` for `-`.

/// Variables behind `KAFKA_` that are for Kafka's start scripts and for its JVM.
const OF_KAFKAS_SCRIPTS: &[&str] = &[
    "CLUSTER_ID",
    "GC_LOG_OPTS",
    "HEAP_OPTS",
    "HOME",
    "JMX_HOSTNAME",
    "JMX_OPTS",
    "JMX_PORT",
    "JVM_PERFORMANCE_OPTS",
    "LOG4J_CMD_OPTS",
    "LOG4J_LOGGERS",
    "LOG4J_OPTS",
    "LOG4J_ROOT_LOGLEVEL",
    "MODE",
    "OPTS",
    "TOOLS_LOG4J_LOGLEVEL",
    "VERSION",
];
/// Variables behind `MILLSTREAM_` that belong to the command line, or to the project's own checks.
const NOT_OF_A_BROKER: &[&str] =
    &["BOOTSTRAP_SERVER", "CI_TARGET", "CONFIG", "LOG_FORMAT", "LOG_LEVEL", "PEERS", "TEST_KAFKA"];

/// Name, value and variable of every setting; later ones have precedence.
pub(super) fn settings(
    variables: impl Iterator<Item = (String, String)>,
) -> impl Iterator<Item = (String, String, String)> {
    let mut found = Vec::new();
    for (variable, value) in variables {
        let (rank, rest, reserved) = if let Some(rest) = variable.strip_prefix("MILLSTREAM_") {
            (1, rest, NOT_OF_A_BROKER)
        } else if let Some(rest) = variable.strip_prefix("KAFKA_") {
            (0, rest, OF_KAFKAS_SCRIPTS)
        } else {
            continue;
        };
        if !rest.is_empty() && !reserved.contains(&rest) && !is_service_link(rest) {
            found.push((rank, name_of(rest), value, variable));
        }
    }
    found.sort();
    found.into_iter().map(|(_, name, value, variable)| (name, value, variable))
}

/// What Kubernetes and Docker put into the environment of whoever lives beside a service called `kafka`.
fn is_service_link(rest: &str) -> bool {
    rest == "PORT" || rest.starts_with("PORT_") || rest == "SERVICE_HOST" || rest.starts_with("SERVICE_PORT")
}

fn name_of(rest: &str) -> String {
    let mut name = String::with_capacity(rest.len());
    let mut run = 0;
    for letter in rest.chars().chain([' ']) {
        if letter == '_' {
            run += 1;
            continue;
        }
        match run {
            0 => {}
            1 => name.push('.'),
            2 => name.push('_'),
            _ => name.push('-'),
        }
        run = 0;
        if letter != ' ' {
            name.extend(letter.to_lowercase());
        }
    }
    name
}
