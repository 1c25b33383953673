//! The one number in which runs were varied, and what tells their lines apart.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::settings::{self, Settings, combination, differing, number};

/// Numbers that are often computed from another: a budget's decay from the rate, a preset's sizes from the width.
const FOLLOWERS: [&str; 4] =
    ["weight_decay", "model.num_hidden_layers", "model.num_attention_heads", "model.intermediate_size"];

/// The key to draw over: the one that was asked for, else the only number that varies among runs of equal kind.
///
/// # Errors
/// Lists the numbers that vary if they are several, or the one asked for is not among them.
pub fn key(runs: &[&Settings], asked: Option<&str>) -> Result<String> {
    let varying = varying(runs);
    if let Some(key) = asked {
        for settings in runs {
            let value = settings.get(key).with_context(|| unknown(key, &varying))?;
            ensure!(number(value).is_some(), "--over {key}: a run has {key} = {value}, expected a number");
        }
        return Ok(key.to_owned());
    }
    let free: Vec<&String> = varying
        .iter()
        .filter(|key| {
            !FOLLOWERS.contains(&key.as_str())
                || !varying.iter().any(|other| other != *key && follows(runs, key, other))
        })
        .collect();
    match free.as_slice() {
        [key] => Ok((*key).clone()),
        [] => bail!("the runs differ in no number: expected runs that do, such as several lr"),
        several => {
            let names: Vec<&str> = several.iter().map(|key| key.as_str()).collect();
            bail!(
                "the runs differ in {}: choose one with --over, as in --over {}",
                names.join(", "),
                names[0]
            )
        }
    }
}

fn unknown(key: &str, varying: &[String]) -> String {
    match varying {
        [] => format!("--over {key}: not every run has this setting, and the runs differ in no number"),
        _ => {
            format!("--over {key}: not every run has this setting; the runs differ in {}", varying.join(", "))
        }
    }
}

/// The keys that tell lines apart when `over` is their x: all that differ, but for what follows `over`.
pub fn line_keys(runs: &[&Settings], over: &str) -> Vec<String> {
    differing(runs)
        .into_iter()
        .filter(|key| key != over)
        .filter(|key| !(numeric(runs, key) && follows(runs, key, over)))
        .collect()
}

/// Numbers that differ among runs of equal kind.
fn varying(runs: &[&Settings]) -> Vec<String> {
    let keys = differing(runs).into_iter().filter(|key| numeric(runs, key));
    keys.filter(|key| kinds(runs).values().any(|kind| differing(kind).contains(key))).collect()
}

/// Runs by the values of what differs and is no number: model, optimizer, clipping or not.
fn kinds<'a>(runs: &[&'a Settings]) -> BTreeMap<Vec<String>, Vec<&'a Settings>> {
    let keys: Vec<String> = differing(runs).into_iter().filter(|key| !numeric(runs, key)).collect();
    let mut kinds = BTreeMap::<_, Vec<&Settings>>::new();
    for settings in runs {
        kinds.entry(combination(&keys, settings)).or_default().push(settings);
    }
    kinds
}

fn numeric(runs: &[&Settings], key: &str) -> bool {
    runs.iter().all(|settings| settings.get(key).is_none_or(|value| number(value).is_some()))
}

/// Whether, among runs of equal kind, equal values of `other` mean equal values of `key`.
fn follows(runs: &[&Settings], key: &str, other: &str) -> bool {
    let other = [other.to_owned()];
    kinds(runs).values().all(|kind| {
        let mut seen = BTreeMap::new();
        kind.iter().all(|settings| {
            let value = settings.get(key);
            *seen.entry(combination(&other, settings)).or_insert(value) == value
        })
    })
}

/// Name of a key on an axis.
pub fn title(key: &str) -> String {
    match key {
        "init_scale" => "factor on the initial parameters".into(),
        "lr" => "learning rate η".into(),
        "weight_decay" => "weight decay λ".into(),
        "batch_size" => "batch size".into(),
        _ => key.strip_prefix("model.").unwrap_or(key).replace('_', " "),
    }
}

/// The text that tells a line apart; empty if nothing does.
pub fn describe(keys: &[String], runs: &[&Settings], settings: &Settings) -> String {
    settings::describe(&settings::telling(keys, runs), settings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(texts: &[&str]) -> Vec<Settings> {
        let flat = |text: &&str| toml::from_str::<toml::Table>(text).unwrap().into_iter().collect();
        texts.iter().map(flat).collect()
    }

    fn over(texts: &[&str], asked: Option<&str>) -> Result<(String, Vec<String>), String> {
        let runs = read(texts);
        let runs: Vec<&Settings> = runs.iter().collect();
        let key = key(&runs, asked).map_err(|error| error.to_string())?;
        let lines = line_keys(&runs, &key);
        Ok((key, lines))
    }

    #[test]
    fn the_number_that_varies_among_runs_of_one_kind_is_found() {
        let runs = [
            "optimizer = 'sisgd'\nlr = 0.1\ninit_scale = 1.0\nseed = 3",
            "optimizer = 'sisgd'\nlr = 0.1\ninit_scale = 10.0",
            "optimizer = 'adamw'\nlr = 0.001\ninit_scale = 1.0",
            "optimizer = 'adamw'\nlr = 0.001\ninit_scale = 10.0",
        ];
        assert_eq!(over(&runs, None).unwrap(), ("init_scale".into(), vec!["optimizer".into()]));
    }

    #[test]
    fn a_decay_that_follows_the_rate_is_not_a_second_number() {
        let runs = ["lr = 1.0\nweight_decay = 0.3", "lr = 3.0\nweight_decay = 0.1"];
        assert_eq!(over(&runs, None).unwrap(), ("lr".into(), vec![]));
        let grid = [
            "lr = 1.0\nweight_decay = 0.3",
            "lr = 3.0\nweight_decay = 0.1",
            "lr = 1.0\nweight_decay = 0.6",
            "lr = 3.0\nweight_decay = 0.2",
        ];
        assert_eq!(
            over(&grid, None).unwrap_err(),
            "the runs differ in lr, weight_decay: choose one with --over, as in --over lr"
        );
        assert_eq!(over(&grid, Some("lr")).unwrap().1, ["weight_decay"]);
    }

    #[test]
    fn errors_list_the_candidates() {
        let runs = ["lr = 1.0\ninit_scale = 1.0\nclip = 'none'", "lr = 3.0\ninit_scale = 2.0\nclip = 'none'"];
        assert_eq!(
            over(&runs, None).unwrap_err(),
            "the runs differ in init_scale, lr: choose one with --over, as in --over init_scale"
        );
        assert_eq!(
            over(&runs, Some("momentum")).unwrap_err(),
            "--over momentum: not every run has this setting; the runs differ in init_scale, lr"
        );
        assert_eq!(
            over(&runs, Some("clip")).unwrap_err(),
            "--over clip: a run has clip = \"none\", expected a number"
        );
        assert!(over(&["lr = 1.0"], None).unwrap_err().starts_with("the runs differ in no number"));
    }
}
