//! Runs to draw: what lies in their folders, and which of them repeat one another.

mod groups;
pub mod settings;
pub mod varied;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use groups::{Group, groups};
pub use settings::Settings;

use super::series;
use crate::log::Summary;

/// A run's folder, read.
pub struct RunFolder {
    /// Name of the folder.
    pub name: String,
    /// The folder, or the `metrics.jsonl` that was named instead.
    pub path: PathBuf,
    /// The lines of `metrics.jsonl`.
    pub metrics: series::Series,
    /// The settings; none without a `config.toml`.
    pub settings: Option<Settings>,
    /// The end; none of a run that is not over, or is of a version that wrote none.
    pub summary: Option<Summary>,
}

impl RunFolder {
    /// Reads a run's folder; of a `metrics.jsonl`, the folder around it.
    ///
    /// # Errors
    /// If there are no metrics, or a file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let metrics = series::Series::read("", path)?;
        let folder = match path.parent() {
            Some(parent) if path.is_file() => parent,
            _ => path,
        };
        Ok(Self {
            name: name(folder),
            path: path.to_owned(),
            metrics,
            settings: settings::read(folder)?,
            summary: Summary::read(folder)?,
        })
    }

    /// The same with another quantity in place of the step; see [`series::Series::over`].
    ///
    /// # Errors
    /// Names the run if it has no such quantity.
    pub fn over(self, key: &str) -> Result<Self> {
        let metrics =
            self.metrics.over(key).with_context(|| format!("cannot draw {}", self.path.display()))?;
        Ok(Self { metrics, ..self })
    }

    /// Whether the run ended in numbers that are not finite.
    pub fn diverged(&self) -> bool {
        match &self.summary {
            Some(summary) => summary.diverged.is_some(),
            None => self.metrics.ends_without("/loss"),
        }
    }

    /// The run's seed.
    pub fn seed(&self) -> Option<i64> {
        self.settings.as_ref()?.get("seed")?.as_integer()
    }

    /// A setting that is a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        settings::number(self.settings.as_ref()?.get(key)?)
    }
}

/// The last part of a path; of `.`, that of the folder itself.
pub fn name(path: &Path) -> String {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let last = path.file_name().or_else(|| full.file_name());
    last.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
pub mod fixture {
    //! Folders of runs.
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Writes a run's folder; empty texts write no file.
    pub fn folder(root: &Path, name: &str, config: &str, metrics: &str) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("metrics.jsonl"), metrics).unwrap();
        if !config.is_empty() {
            fs::write(folder.join("config.toml"), config).unwrap();
        }
        folder
    }

    /// Writes the end of a run: its loss, or that it diverged.
    pub fn end(folder: &Path, eval_loss: Option<f64>) {
        let diverged = eval_loss.is_none().then(|| "the loss is NaN".to_owned());
        let memory = crate::log::Memory {
            parameters: 4 << 20,
            gradients: 3 << 20,
            optimizer_state: 1 << 20,
            encoder_optimizer_state: 0,
            peak: Some(100 << 20),
        };
        Summary {
            step: 100,
            tokens: 1,
            diverged,
            eval_loss,
            eval_accuracy: None,
            frequent_accuracy: None,
            frequency_loss: None,
            eval_sequences: 1,
            clipped_steps: 0,
            spikes: 0,
            param_norm: 1.,
            equilibrium_norm: None,
            parameters: 1,
            memory,
            timing: Default::default(),
        }
        .write(folder)
        .unwrap();
    }

    /// Reads folders.
    pub fn read(folders: &[PathBuf]) -> Vec<RunFolder> {
        folders.iter().map(|folder| RunFolder::read(folder).unwrap()).collect()
    }
}
