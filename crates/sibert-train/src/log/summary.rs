//! `summary.json`: what a finished run comes to, for tables and figures of many runs.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sibert_files::sealed;

use crate::console::note_once;

/// The file's name in a run's folder.
const SUMMARY: &str = "summary.json";
/// The remedy that makes it anew.
const MEND: &str = "delete it, and the run writes it again with --resume";

/// The end of a run. The file is there if and only if the run is over: all its steps are done, or it has diverged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Optimizer steps done.
    pub step: usize,
    /// Tokens read.
    pub tokens: u64,
    /// Why the run ended before its last step: a loss or gradient that is not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<String>,
    /// Mean cross-entropy of held-out masked words after the last step; none if the run has diverged.
    #[serde(default)]
    pub eval_loss: Option<f64>,
    /// Share of them predicted correctly.
    #[serde(default)]
    pub eval_accuracy: Option<f64>,
    /// The accuracy of always guessing the most frequent word.
    #[serde(default)]
    pub frequent_accuracy: Option<f64>,
    /// The loss of a model that knows how frequent the words are and nothing else: the plateau of the first steps.
    #[serde(default)]
    pub frequency_loss: Option<f64>,
    /// Held-out sequences that these four are of.
    pub eval_sequences: usize,
    /// Steps whose gradient was clipped.
    pub clipped_steps: u64,
    /// Steps whose gradient stood out, at the same norm of the parameters, from those before it.
    pub spikes: u64,
    /// ‖x‖ of the encoder at the end.
    pub param_norm: f64,
    /// Where ‖x‖ would settle at the last rates, by the gradients of the last steps; SGD with weight decay only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equilibrium_norm: Option<f64>,
    /// Numbers in the model, encoder and head.
    pub parameters: u64,
    /// Memory of the parameters and of their training.
    pub memory: Memory,
    /// Times, which differ from run to run.
    pub timing: SummaryTiming,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Of encoder and head.
    pub parameters: u64,
    /// Of their gradients; at most as many as of the parameters, as a table's untouched rows have none.
    pub gradients: u64,
    /// Of what the optimizers keep between steps.
    pub optimizer_state: u64,
    /// The same of the encoder's optimizer alone.
    pub encoder_optimizer_state: u64,
    /// Largest resident memory of the process while it trained, before it wrote a checkpoint; none where the system does
    /// not tell.
    #[serde(default)]
    pub peak: Option<u64>,
}

/// The part of a summary that depends on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryTiming {
    /// Time of the steps, over all resumed parts.
    pub elapsed_seconds: f64,
    /// Over all steps.
    pub tokens_per_second: f64,
}

impl Summary {
    /// The summary in a run's folder; none if the run is not over.
    ///
    /// # Errors
    /// If the file is there but cannot be read, or was changed.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join(SUMMARY);
        if !path.exists() {
            return Ok(None);
        }
        sealed::read(&path, MEND, note_once).map(Some)
    }

    /// Takes the summary of a run away that goes on.
    ///
    /// # Errors
    /// If the file is there and cannot be removed.
    pub fn remove(run: &Path) -> Result<()> {
        let path = run.join(SUMMARY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// If the folder is not writable.
    pub fn write(&self, run: &Path) -> Result<()> {
        sealed::write(&run.join(SUMMARY), self)
    }
}
