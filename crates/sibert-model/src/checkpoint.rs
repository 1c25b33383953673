//! A checkpoint is a folder with `config.json` and `model.safetensors`, as transformers saves one; of a SIBERT, it holds the
//! [code](crate::python) that transformers needs, too.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Error, Result, Tensor, Var, safetensors};

use crate::config::ModelConfig;
use crate::finetuning::{FineTuning, HeadKind, Origins};
use crate::pretraining::PreTraining;
use crate::python;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

impl PreTraining {
    /// The model saved in `folder`, whose parameters become `dtype` on `device`.
    ///
    /// # Errors
    /// If a file cannot be read, or as [`load`](Self::load); names the file.
    pub fn from_pretrained(folder: impl AsRef<Path>, dtype: DType, device: &Device) -> Result<Self> {
        let (config, tensors) = read(folder.as_ref())?;
        named(folder.as_ref(), Self::load(&config, tensors, dtype, device))
    }

    /// Writes configuration, parameters and SIBERT's code to `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If a file cannot be written; names it.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        write(folder.as_ref(), self.config(), self.parameters())
    }
}

impl FineTuning {
    /// The encoder saved in `folder` with a head for a task; see [`load`](Self::load).
    ///
    /// # Errors
    /// If a file cannot be read, or as [`load`](Self::load); names the file.
    pub fn from_pretrained(
        folder: impl AsRef<Path>,
        head: HeadKind,
        keeps_head: bool,
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Result<(Self, Origins)> {
        let (config, tensors) = read(folder.as_ref())?;
        named(folder.as_ref(), Self::load(&config, head, keeps_head, tensors, seed, dtype, device))
    }

    /// Writes configuration, parameters and SIBERT's code to `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// If a file cannot be written; names it.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        write(folder.as_ref(), self.config(), self.parameters())
    }
}

pub(crate) fn read(folder: &Path) -> Result<(ModelConfig, HashMap<String, Tensor>)> {
    let weights = folder.join(WEIGHTS);
    let config = ModelConfig::load(&folder.join(CONFIG))?;
    let tensors = named(&weights, safetensors::load(&weights, &Device::Cpu))?;
    Ok((config, tensors))
}

fn write(folder: &Path, config: &ModelConfig, parameters: Vec<(String, Var)>) -> Result<()> {
    let (config_file, weights) = (folder.join(CONFIG), folder.join(WEIGHTS));
    named(folder, std::fs::create_dir_all(folder).map_err(Error::from))?;
    named(&config_file, std::fs::write(&config_file, config.to_json()?).map_err(Error::from))?;
    for (name, code) in python::files(config.model_type) {
        let path = folder.join(name);
        named(&path, std::fs::write(&path, code).map_err(Error::from))?;
    }
    let tensors: HashMap<_, _> =
        parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect();
    named(&weights, safetensors::save(&tensors, &weights))
}

/// The result, its error behind the path that it is about.
pub(crate) fn named<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| Error::Msg(format!("{}: {error}", path.display())))
}
