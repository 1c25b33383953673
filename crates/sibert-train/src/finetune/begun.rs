//! The settings that a run was begun with, `settings.json`, and whether it may go on with the present ones.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::View;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sibert_files::sealed;

use super::settings::Settings;
use crate::answers::Set;
use crate::console::{note, note_once};
use crate::occupied::{self, Occupied};
use crate::pretrained::Pretrained;
use crate::tuned::DevSet;

/// The file's name in the folder of a run.
pub const SETTINGS: &str = "settings.json";

/// The settings of a run, and what the things that they name held.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    #[serde(flatten)]
    settings: Settings,
    /// Absent in runs of earlier versions.
    #[serde(default)]
    digests: Option<Digests>,
}

/// Digests of what the settings only name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Weights, configuration and tokenizer of the model to begin with.
    pub model_sha256: String,
    /// The inputs that the data became, and what is right for each.
    pub data_sha256: String,
}

impl Digests {
    /// The digests of a model and of the sets to train on and to judge by.
    ///
    /// # Errors
    /// If the tokenizer cannot be written.
    pub fn of(model: &Pretrained, train: &dyn Set, dev: &[DevSet]) -> Result<Self> {
        let mut data = Sha256::new();
        for set in std::iter::once(train).chain(dev.iter().map(|dev| &*dev.set)) {
            set.sequences().iter().for_each(|sequence| data.update(format!("{sequence:?}\n")));
            data.update(format!("{} {}\n", set.len(), set.describe()));
        }
        Ok(Self { model_sha256: of_model(model)?, data_sha256: format!("{:x}", data.finalize()) })
    }
}

fn of_model(model: &Pretrained) -> Result<String> {
    let mut tensors: Vec<_> = model.tensors.iter().collect();
    tensors.sort_unstable_by_key(|(name, _)| *name);
    let mut sha256 = Sha256::new();
    for (name, tensor) in tensors {
        sha256.update(format!("{name} {:?}\n", tensor.dims()));
        sha256.update(View::data(tensor));
    }
    sha256.update(model.config_json.to_string());
    sha256.update(model.tokenizer.to_string(false).map_err(anyhow::Error::msg)?);
    sha256.update(model.tokenizer_config_json.as_deref().unwrap_or_default());
    Ok(format!("{:x}", sha256.finalize()))
}

impl Begun {
    /// The shares of a batch in the run that a folder holds, if it holds one that says so.
    pub fn shares(out: &Path) -> Option<usize> {
        let begun: Self = sealed::read(&out.join(SETTINGS), "", |_| {}).ok()?;
        Some(begun.settings.shares)
    }

    /// The record of the run in a folder; none if the folder is new.
    ///
    /// # Errors
    /// If it holds a run that is not to be gone on with or has other settings, or something else.
    pub fn read(out: &Path, settings: &Settings, resume: bool) -> Result<Option<Self>> {
        let (file, shown) = (out.join(SETTINGS), out.display());
        if file.exists() {
            ensure!(
                resume,
                "output folder {shown} already holds a run: continue it with --resume, or name another with --out"
            );
            let begun: Self = sealed::read(&file, "start a new run with another --out", note_once)?;
            settings.ensure_same(&begun.settings).with_context(|| shown.to_string())?;
            return Ok(Some(begun));
        }
        if let Some(held) = occupied::by(out)? {
            let lost = if held == Occupied::FineTuning { ", but not its settings.json" } else { "" };
            bail!("output folder {shown} holds {}{lost}: name another with --out", held.words());
        }
        if resume {
            note(format!("{shown} holds no run to continue: a new one begins"));
        }
        Ok(None)
    }

    /// Refuses to go on with another model or other data than the run was begun with.
    ///
    /// # Errors
    /// Names what has changed.
    pub fn ensure_same(&self, now: &Digests) -> Result<()> {
        let Some(then) = &self.digests else {
            note(
                "the run began without digests of its model and data: it is not known whether they have changed",
            );
            return Ok(());
        };
        let Settings { model, data, .. } = &self.settings;
        let changed = [
            (then.model_sha256 != now.model_sha256, format!("the model {model}")),
            (then.data_sha256 != now.data_sha256, format!("the data in {data}")),
        ];
        let changed: Vec<String> = changed.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect();
        ensure!(
            changed.is_empty(),
            "{} changed after the run began: restore the original, or start a new run with another --out",
            changed.join(" and ")
        );
        Ok(())
    }

    /// Writes what a run is begun with, or gone on with.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(out: &Path, settings: &Settings, digests: Digests) -> Result<()> {
        sealed::write(&out.join(SETTINGS), &Self { settings: settings.clone(), digests: Some(digests) })
    }
}
