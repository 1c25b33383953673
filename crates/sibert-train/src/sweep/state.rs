//! How far a run is, by what is in its folder.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::grid::SweptRun;
use crate::checkpoint;
use crate::config::RunConfig;
use crate::log::Summary;
use crate::run::SETTINGS;

/// Keys that do not change what a run comes to.
const FREE: [&str; 1] = ["threads "];
/// The place of the sweep's shards, which moves with the sweep.
const PLACE: &str = "shards ";

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It did not begin.
    New,
    /// It began.
    Half,
    /// All its steps are done, or it diverged.
    Over(Box<Summary>),
}

impl State {
    /// The state of a run; `shared` if its shards are the sweep's.
    ///
    /// # Errors
    /// If its folder holds a run with other settings: names what differs.
    pub fn of(run: &SweptRun, shared: bool) -> Result<Self> {
        let folder = &run.config.out;
        let summary = Summary::read(folder)?;
        let path = folder.join(SETTINGS);
        if !path.exists() {
            let shown = folder.display();
            let begun = summary.is_some() || checkpoint::any(folder)?;
            ensure!(!begun, "{shown} holds a run without {SETTINGS}: choose another --out");
            return Ok(Self::New);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let changes = changes(&run.config, &text, shared).with_context(|| path.display().to_string())?;
        ensure!(
            changes.is_empty(),
            "{} holds a run with other settings ({}): choose another --out",
            folder.display(),
            changes.join(", ")
        );
        Ok(summary.map_or(Self::Half, |summary| Self::Over(Box::new(summary))))
    }

    /// Whether nothing is left to train.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// A word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Half => "half",
            Self::Over(summary) if summary.diverged.is_some() => "diverged",
            Self::Over(_) => "finished",
        }
    }
}

/// The changes from the settings in a folder; keys that were unknown when they were written have their defaults.
fn changes(wanted: &RunConfig, stored: &str, shared: bool) -> Result<Vec<String>> {
    let stored: RunConfig = toml::from_str(stored)?;
    let shards = shared && stored.shards.is_some();
    let is_free = |change: &String| {
        FREE.iter().any(|key| change.starts_with(key)) || shards && change.starts_with(PLACE)
    };
    let mut changes = wanted.changes_since(&stored.to_toml()?)?;
    changes.retain(|change| !is_free(change));
    Ok(changes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::sweep::fixture::{run, summary};

    fn write_settings(folder: &Path, config: &RunConfig) {
        fs::write(folder.join(SETTINGS), config.to_toml().unwrap()).unwrap();
    }

    #[test]
    fn a_run_is_over_when_its_summary_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let run = run("a", dir.path());
        assert_eq!(State::of(&run, false).unwrap(), State::New);
        write_settings(dir.path(), &run.config);
        assert_eq!(State::of(&run, false).unwrap(), State::Half);
        summary(2.).write(dir.path()).unwrap();
        assert_eq!(State::of(&run, false).unwrap().word(), "finished");
        Summary { eval_loss: None, diverged: Some("loss NaN".into()), ..summary(0.) }
            .write(dir.path())
            .unwrap();
        assert_eq!(State::of(&run, false).unwrap().word(), "diverged");
    }

    #[test]
    fn other_settings_are_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = run("a", dir.path());
        write_settings(dir.path(), &RunConfig { max_steps: 7, lr: 0.5, ..wanted.config.clone() });
        let error = State::of(&wanted, false).unwrap_err().to_string();
        assert!(
            error.contains("a run with other settings (lr 0.5 → 0.0008, max_steps 7 → 1000): choose"),
            "{error}"
        );
        fs::remove_file(dir.path().join(SETTINGS)).unwrap();
        summary(2.).write(dir.path()).unwrap();
        let error = State::of(&wanted, false).unwrap_err().to_string();
        assert!(error.contains("without config.toml: choose another --out"), "{error}");
    }

    #[test]
    fn threads_and_the_place_of_the_sweep_may_change() {
        let dir = tempfile::tempdir().unwrap();
        let mut wanted = run("a", dir.path());
        let stored = RunConfig { threads: Some(9), out: "x".into(), ..wanted.config.clone() };
        write_settings(dir.path(), &RunConfig { shards: Some("old/data".into()), ..stored.clone() });
        wanted.config.shards = Some("new/data".into());
        assert_eq!(State::of(&wanted, true).unwrap(), State::Half);
        assert!(
            State::of(&wanted, false).unwrap_err().to_string().contains("shards \"old/data\" → \"new/data\"")
        );
        write_settings(dir.path(), &stored);
        assert!(State::of(&wanted, true).unwrap_err().to_string().contains("shards absent → \"new/data\""));
    }
}
