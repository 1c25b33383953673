//! The configurations of a data set, as the card in its README.md lists them.
//!
//! ```yaml
//! ---
//! configs:
//! - config_name: en
//!   default: true
//!   data_files:
//!   - split: train
//!     path: en/train-*
//! ---
//! ```
//! `data_files` may also be one path or a list of paths, which are the split `train`; `data_dir` is the folder of it all,
//! and alone means that splits are told by the names of its files.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// One configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// Its name.
    pub name: String,
    /// Whether it is meant where none is named.
    pub is_default: bool,
    /// The folder of its files.
    pub folder: String,
    /// Its splits with their patterns of paths in the repository; none to tell them by the names of the files.
    pub splits: Vec<(String, Vec<String>)>,
}

/// The configurations in the card `readme`, in its order.
///
/// # Errors
/// If its list of configurations cannot be understood.
pub(super) fn configs(readme: &str) -> Result<Vec<Config>> {
    let Some(block) = block(readme) else { return Ok(Vec::new()) };
    let read = || -> Result<Vec<Config>> {
        let yaml: Value = serde_saphyr::from_str(&block).map_err(|error| anyhow!("{error}"))?;
        list(&yaml["configs"])?.iter().map(config).collect()
    };
    read().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        anyhow!("the configurations of the card: {reason}: name files or a pattern, as in PATH/**/train*")
    })
}

/// The lines of the key `configs` between the lines `---` at the front of a card.
fn block(readme: &str) -> Option<String> {
    let mut lines = readme.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    lines.next().filter(|line| *line == "---")?;
    let front = lines.take_while(|line| *line != "---");
    let mut block = front.skip_while(|line| !line.starts_with("configs:"));
    let first = block.next()?;
    let belongs = |line: &&str| line.is_empty() || line.starts_with([' ', '\t', '-', '#']);
    Some([first].into_iter().chain(block.take_while(belongs)).collect::<Vec<_>>().join("\n"))
}

fn config(entry: &Value) -> Result<Config> {
    let name = text(&entry["config_name"]).context("config_name: expected a name")?;
    let folder = match &entry["data_dir"] {
        Value::Null => String::new(),
        folder => clean(&text(folder).context("data_dir: expected a folder")?).to_owned(),
    };
    let splits = splits(&entry["data_files"])?;
    let inside = |pattern: String| {
        let pattern = clean(&pattern);
        if folder.is_empty() { pattern.to_owned() } else { format!("{folder}/{pattern}") }
    };
    let splits =
        splits.into_iter().map(|(name, paths)| (name, paths.into_iter().map(inside).collect())).collect();
    let is_default = entry["default"] == Value::Bool(true) || name == "default";
    Ok(Config { name, is_default, folder, splits })
}

/// The splits of `data_files`.
fn splits(files: &Value) -> Result<Vec<(String, Vec<String>)>> {
    let is_split = |entry: &Value| entry.get("split").is_some();
    match files {
        Value::Null => Ok(Vec::new()),
        Value::Object(splits) => splits.iter().map(|(name, path)| Ok((name.clone(), paths(path)?))).collect(),
        Value::Array(entries) if entries.iter().any(is_split) => entries.iter().map(split).collect(),
        _ => Ok(vec![("train".into(), paths(files)?)]),
    }
}

/// `{split: NAME, path: PATHS}`.
fn split(entry: &Value) -> Result<(String, Vec<String>)> {
    let name = text(&entry["split"]).context("data_files: expected split and path")?;
    Ok((name, paths(&entry["path"])?))
}

/// One path or a list of them.
fn paths(value: &Value) -> Result<Vec<String>> {
    let one = |path: &Value| text(path).context("data_files: expected a path");
    match value {
        Value::Array(paths) => paths.iter().map(one).collect(),
        path => Ok(vec![one(path)?]),
    }
}

fn list(value: &Value) -> Result<&[Value]> {
    match value {
        Value::Array(list) => Ok(list),
        Value::Null => Ok(&[]),
        _ => bail!("expected a list"),
    }
}

/// A name, which may look like a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A path as the repository writes it.
fn clean(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn card(configs: &str) -> Vec<Config> {
        super::configs(&format!("---\nlicense: mit\nconfigs:\n{configs}\ntags:\n- a\n---\n# About\n"))
            .unwrap()
    }

    fn split(name: &str, paths: &[&str]) -> (String, Vec<String>) {
        (name.into(), paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn configurations_are_read_in_every_form() {
        let found = card(
            "- config_name: en\n  default: true\n  data_files:\n  - split: train\n    path: en/train-*\n  \
             - split: test\n    path:\n    - en/a.csv\n    - ./en/b.csv\n\
             - config_name: 2023\n  data_dir: data/\n  data_files: '*.csv'\n\
             - config_name: rest\n  data_files:\n  - a.txt\n  - b.txt\n\
             - config_name: map\n  data_files: {train: x.csv, dev: [y.csv]}\n\
             - config_name: default\n  data_dir: plain",
        );
        let config = |name: &str, is_default, folder: &str, splits: Vec<_>| Config {
            name: name.into(),
            is_default,
            folder: folder.into(),
            splits,
        };
        let train = |path| vec![split("train", path)];
        assert_eq!(
            found,
            [
                config(
                    "en",
                    true,
                    "",
                    vec![split("train", &["en/train-*"]), split("test", &["en/a.csv", "en/b.csv"])]
                ),
                config("2023", false, "data", train(&["data/*.csv"])),
                config("rest", false, "", train(&["a.txt", "b.txt"])),
                config("map", false, "", vec![split("train", &["x.csv"]), split("dev", &["y.csv"])]),
                config("default", true, "plain", vec![]),
            ]
        );
    }

    #[test]
    fn cards_without_configurations_have_none() {
        for readme in
            ["", "# Title\nconfigs:\n- a", "---\nlicense: mit\n---\nconfigs:\n- a: b", "---\nconfigs:\n---\n"]
        {
            assert_eq!(configs(readme).unwrap(), [], "{readme}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (block, reason) in [
            ("configs: 3", "expected a list"),
            ("configs:\n- data_files: a", "config_name: expected a name"),
            ("configs:\n- config_name: a\n  data_files: [[x]]", "data_files: expected a path"),
            ("configs:\n- config_name: a\n  data_files:\n  - split: x", "data_files: expected a path"),
        ] {
            let error = configs(&format!("---\n{block}\n---\n")).unwrap_err().to_string();
            assert!(error.starts_with("the configurations of the card: "), "{error}");
            assert!(error.contains(reason), "{error}");
        }
        assert!(configs("---\nconfigs:\n- {a\n---\n").is_err());
    }
}
