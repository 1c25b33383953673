//! The axes of a grid: `--vary` and `--seeds`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::split::split;
use crate::config;

/// The axis that all variants make up.
pub const VARIANT: &str = "variant";
/// The axis over which results are averaged.
pub const SEED: &str = "seed";

/// Keys that are the same for the whole sweep, and why.
const FIXED: [(&str, &str); 2] = [
    ("out", "every run has a folder of its own: choose that of the sweep with --out"),
    ("threads", "the results do not depend on it: set it for all runs with --threads"),
];

/// A dimension of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// A config key, or `variant`.
    pub name: String,
    /// Its values, in the order in which they were given.
    pub values: Vec<Choice>,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The value as it was written, or the variant's name.
    pub text: String,
    /// Its settings, each as `key=value`.
    pub set: Vec<String>,
}

impl Axis {
    /// The seeds `first` to `first + count - 1`.
    pub fn seeds(first: u64, count: usize) -> Self {
        let choice = |seed: u64| Choice { text: seed.to_string(), set: vec![format!("{SEED}={seed}")] };
        let seeds = (0..count as u64).map(|index| choice(first.saturating_add(index)));
        Self { name: SEED.to_owned(), values: seeds.collect() }
    }

    /// The keys that its values set.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.values.iter().flat_map(|value| &value.set).map(|set| key_of(set)).collect()
    }
}

/// Reads all `--vary`: an axis for each key, and one for all variants, at the place of the first.
///
/// # Errors
/// Names the option, what is wrong with it and how to mend it.
pub fn parse(varied: &[String]) -> Result<Vec<Axis>> {
    let mut axes: Vec<Axis> = Vec::new();
    for text in varied {
        let (name, values) = match variant(text) {
            Some((name, settings)) => (VARIANT, vec![named(text, name, settings)?]),
            None => plain(text)?,
        };
        match axes.iter_mut().find(|axis| axis.name == name) {
            Some(axis) if name == VARIANT => axis.values.extend(values),
            Some(_) => bail!("--vary {name} is given twice: write all its values behind one, {name}=V1,V2,…"),
            None => axes.push(Axis { name: name.to_owned(), values }),
        }
    }
    axes.iter().try_for_each(ensure_distinct)?;
    ensure_apart(&axes)?;
    Ok(axes)
}

/// The key of `key=value`.
pub fn key_of(set: &str) -> &str {
    set.split_once('=').map_or(set, |(key, _)| key).trim()
}

/// Whether setting one key changes the other: `schedule` and `schedule.kind` do.
pub fn overlap(a: &str, b: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    holds(a, b) || holds(b, a)
}

/// The name and the settings of a variant: a colon comes before any equals sign.
fn variant(text: &str) -> Option<(&str, &str)> {
    let (name, settings) = text.split_once(':')?;
    (!name.contains('=')).then_some((name.trim(), settings))
}

fn named(text: &str, name: &str, settings: &str) -> Result<Choice> {
    ensure!(
        name.starts_with(char::is_alphanumeric) && !name.chars().any(char::is_control),
        "--vary {text:?}: expected a name that begins with a letter or digit before the colon, found {name:?}"
    );
    let set: Vec<String> = split(settings, char::is_whitespace).into_iter().map(str::to_owned).collect();
    for (index, setting) in set.iter().enumerate() {
        check(setting).with_context(|| format!("variant {name:?}"))?;
        let key = key_of(setting);
        let twice = set[..index].iter().any(|earlier| overlap(key_of(earlier), key));
        ensure!(!twice, "variant {name:?} sets {key} twice: keep one of them");
    }
    Ok(Choice { text: name.to_owned(), set })
}

fn plain(text: &str) -> Result<(&str, Vec<Choice>)> {
    let expected = "expected KEY=V1,V2,… or \"NAME: KEY=VALUE …\"";
    let pair = text.split_once('=').map(|(key, values)| (key.trim(), values));
    let pair = pair.filter(|(key, _)| !key.is_empty());
    let (key, values) = pair.with_context(|| format!("--vary {text:?}: {expected}"))?;
    ensure!(!values.trim().is_empty(), "--vary {text:?} has no value: {expected}");
    let choice = |value: &str| {
        ensure!(!value.is_empty(), "--vary {text:?} has an empty value: {expected}");
        let set = format!("{key}={value}");
        check(&set)?;
        Ok(Choice { text: value.to_owned(), set: vec![set] })
    };
    let values = split(values, |c| c == ',').into_iter().map(choice).collect::<Result<_>>()?;
    Ok((key, values))
}

/// Refuses a setting that no run can have, or that no sweep can vary.
fn check(set: &str) -> Result<()> {
    if let Some((key, why)) = FIXED.into_iter().find(|(key, _)| *key == key_of(set)) {
        bail!("--vary {set}: {key} cannot vary, {why}");
    }
    config::read_set("--vary", set).map(drop)
}

fn ensure_distinct(axis: &Axis) -> Result<()> {
    for (index, value) in axis.values.iter().enumerate() {
        let twice = axis.values[..index].iter().any(|earlier| earlier.text == value.text);
        ensure!(!twice, "--vary {}: {:?} is given twice, keep one of them", axis.name, value.text);
    }
    Ok(())
}

fn ensure_apart(axes: &[Axis]) -> Result<()> {
    for (index, axis) in axes.iter().enumerate() {
        for (earlier, key) in
            axes[..index].iter().flat_map(|axis| axis.keys().into_iter().map(move |key| (axis, key)))
        {
            if let Some(again) = axis.keys().into_iter().find(|again| overlap(key, again)) {
                bail!(
                    "{again} varies twice, on the axes {} and {}: name it in one of them, or in each variant",
                    earlier.name,
                    axis.name
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "axis_tests.rs"]
mod tests;
