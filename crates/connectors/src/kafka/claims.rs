//! Which pipeline of this process commits which topic's offsets under which group.
//!
//! A group has one offset per partition. Two readers that commit to the same one would each resume where the other stood:
//! the one that is ahead would make the other lose records. So the second is refused.

use std::collections::HashMap;
use std::sync::Arc;

use millstream_engine::connector::ConnectorError;
use parking_lot::Mutex;

/// A consumer group and a topic.
type GroupTopic = (String, String);

/// The claims of all pipelines, with the name of the table that reads.
#[derive(Debug, Default)]
pub(super) struct Claims {
    tables: Mutex<HashMap<GroupTopic, String>>,
}

/// The claims of one pipeline; dropping it gives them up.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Arc<Claims>,
    own: Vec<GroupTopic>,
}

impl Claims {
    /// Claims the offsets of topics, each with the table that reads it.
    ///
    /// # Errors
    /// When another pipeline, or another table of this one, has claimed one of them.
    pub(super) fn claim<'a>(
        self: &Arc<Self>,
        group: &str,
        topics: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Claim, ConnectorError> {
        let mut claim = Claim { claims: Arc::clone(self), own: Vec::new() };
        for (table, topic) in topics {
            let key = (group.to_owned(), topic.to_owned());
            let mut tables = self.tables.lock();
            if let Some(other) = tables.get(&key) {
                let other = if other == table {
                    format!("another statement reads it through the table {table} as well")
                } else {
                    format!("the table {other} reads it as well")
                };
                return Err(ConnectorError::Declaration {
                    option: Some("properties.group.id".to_owned()),
                    column: None,
                    message: format!(
                        "the table {table} cannot resume from the group '{group}': it reads the topic {topic}, {other}, and a \
                         group has one offset per partition; give each its own 'properties.group.id' (or, without one, \
                         'pipeline.name'), or put the statements into one EXECUTE STATEMENT SET that reads one table"
                    ),
                });
            }
            tables.insert(key.clone(), table.to_owned());
            drop(tables);
            claim.own.push(key);
        }
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut tables = self.claims.tables.lock();
        for key in &self.own {
            tables.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
