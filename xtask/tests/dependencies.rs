//! What the product may depend on: permissive licences, no C++ and no library of the system, and each large crate once.
//!
//! Only what a release build of `millstream` links or runs on Linux is looked at; benches and tests may use more.

#[cfg(test)]
mod dependencies {
    use std::collections::{BTreeMap, BTreeSet};
    use std::process::Command;

    use serde_json::Value;

    /// Licences that ask for no more than a notice. Of an expression one alternative has to be made of these.
    const LICENCES: &[&str] = &[
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ];

    /// Crates that build C++, bring a library of the system, or do in C what is ours to do.
    const BANNED: &[&str] = &[
        "aws-lc-sys",
        "bindgen",
        "cmake",
        "cxx",
        "librocksdb-sys",
        "native-tls",
        "openssl",
        "openssl-sys",
        "rdkafka",
        "rdkafka-sys",
        "rocksdb",
    ];

    /// Crates so large, or so much a part of interfaces, that two versions of one are a mistake.
    const ONCE: &[&str] = &[
        "arrow-array",
        "arrow-buffer",
        "arrow-schema",
        "axum",
        "bytes",
        "chrono",
        "clap",
        "futures-util",
        "hashbrown",
        "http",
        "hyper",
        "parking_lot",
        "rand",
        "regex",
        "rustix",
        "serde",
        "serde_json",
        "thiserror",
        "tokio",
        "tracing",
        "zstd",
    ];

    /// The packages that the binary needs, by their ids.
    fn packages() -> Vec<Value> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let all: BTreeMap<String, Value> = metadata["packages"]
            .as_array_mut()
            .unwrap()
            .drain(..)
            .map(|package| (package["id"].as_str().unwrap().to_owned(), package))
            .collect();
        let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (node["id"].as_str().unwrap(), node))
            .collect();
        let binary = all.iter().find(|(_, package)| package["name"] == "millstream").unwrap().0.as_str();
        let (mut found, mut open) = (BTreeSet::new(), vec![binary]);
        while let Some(id) = open.pop() {
            if !found.insert(id) {
                continue;
            }
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                let kinds = dependency["dep_kinds"].as_array().unwrap();
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    open.push(dependency["pkg"].as_str().unwrap());
                }
            }
        }
        found.into_iter().map(|id| all[id].clone()).collect()
    }

    fn text<'a>(package: &'a Value, field: &str) -> &'a str {
        package[field].as_str().unwrap_or_default()
    }

    /// Whether one alternative of an SPDX expression is made of allowed licences. Parentheses only group alternatives.
    fn is_allowed(expression: &str) -> bool {
        let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
        let is_known =
            |licence: &str| LICENCES.contains(&licence.split(" WITH ").next().unwrap_or_default().trim());
        expression.split(" OR ").any(|one| one.split(" AND ").all(is_known))
    }

    #[test]
    fn licences_are_permissive() {
        let refused: Vec<String> = packages()
            .iter()
            .filter(|package| !is_allowed(text(package, "license")))
            .map(|package| format!("{}: {:?}", text(package, "name"), text(package, "license")))
            .collect();
        assert!(refused.is_empty(), "{refused:?}");
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("GPL-2.0 OR MIT", true),
            ("MIT AND GPL-2.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression), expected, "{expression}");
        }
    }

    #[test]
    fn nothing_needs_cpp_or_a_library_of_the_system() {
        let packages = packages();
        assert!(packages.len() > 50, "the graph was not followed");
        let found: Vec<&str> = packages
            .iter()
            .map(|package| text(package, "name"))
            .filter(|name| BANNED.contains(name))
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn large_crates_are_there_once() {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let packages = packages();
        for package in packages.iter().filter(|package| ONCE.contains(&text(package, "name"))) {
            versions.entry(text(package, "name")).or_default().push(text(package, "version"));
        }
        versions.retain(|_, versions| versions.len() > 1);
        assert!(versions.is_empty(), "{versions:?}");
    }
}
