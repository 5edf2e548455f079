//! The generator of Kafka's messages: definitions in, formatted Rust files out.
//!
//! `schema` parses the definitions, `model` resolves them for Rust, `emit` and `codec` write the text, `selection`
//! says what is wanted. The text goes through `rustfmt` with the repository's configuration, so that the committed
//! files are as formatted as the rest and `check` can compare bytes.

mod codec;
mod emit;
mod model;
mod schema;
mod selection;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use schema::Definition;

/// File names and their text.
pub(crate) type Files = BTreeMap<String, String>;

/// Generates every file from the definitions in `directory`; `root` is the repository.
pub(crate) fn generate(directory: &Path, root: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut modules = BTreeMap::new();
    let apis = selection::APIS.iter().map(|api| {
        let names = vec![format!("{api}Request"), format!("{api}Response")];
        (model::snake_case(api), format!("The API {api}"), names)
    });
    let others = selection::OTHER_MODULES.iter().map(|(module, about, names)| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        ((*module).to_owned(), (*about).to_owned(), names)
    });
    for (module, about, mut names) in apis.chain(others) {
        names.retain(|name| !selection::HAND_WRITTEN.contains(&name.as_str()));
        let definitions =
            names.iter().map(|name| schema::load(directory, name)).collect::<anyhow::Result<Vec<_>>>()?;
        let messages = model::resolve(&definitions, selection::BORROWED_STRINGS)?;
        files.insert(format!("{module}.rs"), format_rust(&emit::module(&about, &messages), root)?);
        modules.insert(module, names);
    }
    files.insert("api_key.rs".to_owned(), format_rust(&emit::api_keys(&all_requests(directory)?)?, root)?);
    let names = modules.values().flatten().map(String::as_str).chain(selection::HAND_WRITTEN.iter().copied());
    files.insert("all_messages.rs".to_owned(), format_rust(&emit::all_messages(names), root)?);
    files.insert("mod.rs".to_owned(), format_rust(&emit::module_list(&modules), root)?);
    Ok(files)
}

/// The definitions of all requests that Kafka has, by API key.
fn all_requests(directory: &Path) -> anyhow::Result<Vec<Definition>> {
    let mut requests = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".json"))
            && name.ends_with("Request")
        {
            requests.push(schema::load(directory, name)?);
        }
    }
    requests.sort_by_key(|request| request.api_key);
    Ok(requests)
}

fn format_rust(text: &str, root: &Path) -> anyhow::Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--config-path"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start rustfmt")?;
    rustfmt.stdin.take().context("rustfmt has no input")?.write_all(text.as_bytes())?;
    let output = rustfmt.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refused the generated text:\n{text}");
    Ok(String::from_utf8(output.stdout)?)
}

/// Replaces the files in `target`.
pub(crate) fn write(target: &Path, files: &Files) -> anyhow::Result<()> {
    if target.exists() {
        std::fs::remove_dir_all(target)?;
    }
    std::fs::create_dir_all(target)?;
    for (name, text) in files {
        std::fs::write(target.join(name), text)?;
    }
    Ok(())
}

/// Fails when `target` does not hold exactly these files.
pub(crate) fn check(target: &Path, files: &Files) -> anyhow::Result<()> {
    let mut committed = Files::new();
    for entry in std::fs::read_dir(target)? {
        let path = entry?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).context("a file name that is not UTF-8")?;
        committed.insert(name.to_owned(), std::fs::read_to_string(&path)?);
    }
    let differing: Vec<_> = files
        .keys()
        .chain(committed.keys().filter(|name| !files.contains_key(*name)))
        .filter(|name| files.get(*name) != committed.get(*name))
        .map(String::as_str)
        .collect();
    if !differing.is_empty() {
        bail!("differs from what the definitions give: {}; run generate-messages", differing.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
