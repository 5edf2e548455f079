//! `docs/reference/options.md` says what the code says: `UPDATE_GOLDEN=1 cargo test -p millstream --test options_page` writes it anew.

#[cfg(test)]
mod options_page {
    use std::fmt::Write as _;
    use std::path::Path;

    use millstream_broker::broker_properties;
    use millstream_formats::Format;
    use millstream_log::config::TOPIC_CONFIGS;
    use millstream_sql::session::settings;

    /// A table of options: name, values, default, meaning.
    struct Table(String);

    impl Table {
        fn new(name: &str) -> Self {
            Self(format!("| {name} | values | default | meaning |\n|---|---|---|---|\n"))
        }

        fn row(&mut self, name: &str, values: &str, default: &str, meaning: &str) {
            let default = if default.is_empty() { "–" } else { default };
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(self.0, "| `{name}` | {} | {} | {} |", cell(values), cell(default), cell(meaning))
                .unwrap();
        }
    }

    const INTRODUCTION: &str = "# Options

Every option of tables, formats, sessions, topics and brokers: its type or choices, its default, and what it does. Names are Flink's and Kafka's. Unknown ones are
errors that name the nearest; names of Flink's and Kafka's that are known and change nothing here are reported when they are set.

This page is made from the tables that the code validates by (`UPDATE_GOLDEN=1 cargo test -p millstream --test options_page`).

Durations are written as in Flink: a whole number and a unit (`200 ms`, `5 s`, `1 min`, `2 h`, `1 d`), milliseconds without one.
";

    fn connectors(page: &mut String) {
        page.push_str("\n## Connectors\n\nIn the `WITH` clause of `CREATE TABLE`.\n");
        for (heading, options) in millstream_connectors::reference() {
            write!(page, "\n### {heading}\n\n").unwrap();
            if options.is_empty() {
                page.push_str("No options of its own.\n");
                continue;
            }
            let mut table = Table::new("option");
            for option in options {
                table.row(option.key, option.values, option.default, option.meaning);
            }
            page.push_str(&table.0);
        }
    }

    fn formats(page: &mut String) {
        page.push_str("\n## Formats\n\nBehind `format`, `value.format` or `key.format`, whose prefix (none, `value.`, `key.`) stands before these names.\n");
        for name in Format::NAMES {
            write!(page, "\n### `{name}`\n\n").unwrap();
            let mut table = Table::new("option");
            for option in Format::options(name) {
                table.row(&format!("{name}.{}", option.name), option.values, option.default, option.meaning);
            }
            page.push_str(&table.0);
        }
    }

    fn sessions(page: &mut String) {
        page.push_str("\n## Settings\n\n`SET 'key' = 'value'` in a file of SQL holds for the statements behind it; `RESET 'key'` ends it.\n\n");
        let (effective, ignored): (Vec<_>, Vec<_>) =
            settings::reference().into_iter().partition(|setting| !setting.meaning.is_empty());
        let mut table = Table::new("key");
        for setting in effective {
            let default =
                if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
            table.row(setting.key, &setting.values, &default, setting.meaning);
        }
        page.push_str(&table.0);
        let ignored: Vec<String> = ignored.iter().map(|setting| format!("`{}`", setting.key)).collect();
        write!(page, "\nKnown, checked, and without effect here: {}.\n", ignored.join(", ")).unwrap();
        page.push_str("Of Flink's other keys, those that begin with `pipeline.` are errors, and the rest is reported as having no effect.\n");
    }

    fn topics(page: &mut String) {
        page.push_str("\n## Topics\n\n`topic create -c name=value`, `topic alter`, and Kafka's own tools. A topic without a value takes the broker's.\n\n");
        page.push_str(
            "| configuration | values | default | broker's name | meaning |\n|---|---|---|---|---|\n",
        );
        for definition in TOPIC_CONFIGS {
            let default = if definition.default.is_empty() {
                "–".to_owned()
            } else {
                format!("`{}`", definition.default)
            };
            let server = definition.server_property.map_or("–".to_owned(), |name| format!("`{name}`"));
            let values = definition.valid.expectation(definition.kind);
            let (name, meaning) = (definition.name, definition.documentation);
            writeln!(page, "| `{name}` | {values} | {default} | {server} | {meaning} |").unwrap();
        }
    }

    fn brokers(page: &mut String) {
        page.push_str(
            "\n## Brokers\n\n`-X name=value` and `--config FILE` of `start` and `run`, and the environment (`KAFKA_LOG_RETENTION_MS`), read at the \
             start. The broker's names in the table of topics are settings too, the defaults of topics; those change while the broker runs.\n\n",
        );
        let mut table = Table::new("configuration");
        let of_topics: Vec<&str> =
            TOPIC_CONFIGS.iter().filter_map(|definition| definition.server_property).collect();
        for property in broker_properties().iter().filter(|property| !of_topics.contains(&property.name)) {
            let default = match property.name {
                "num.io.threads" => "half of the cores, at most `8`".to_owned(),
                _ if property.default.is_empty() => String::new(),
                _ => format!("`{}`", property.default),
            };
            let changes = if property.is_dynamic { " It changes while the broker runs." } else { "" };
            let kind = format!("{:?}", property.kind).to_lowercase();
            table.row(property.name, &kind, &default, &format!("{}{changes}", property.documentation));
        }
        page.push_str(&table.0);
    }

    #[test]
    fn the_page_is_what_the_code_says() {
        let mut page = INTRODUCTION.to_owned();
        connectors(&mut page);
        formats(&mut page);
        sessions(&mut page);
        topics(&mut page);
        brokers(&mut page);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/options.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = committed.lines().zip(page.lines()).find(|(committed, made)| committed != made);
        assert!(
            committed == page,
            "docs/reference/options.md is not what the code says: {differs:?}\n\
             run UPDATE_GOLDEN=1 cargo test -p millstream --test options_page"
        );
    }
}
