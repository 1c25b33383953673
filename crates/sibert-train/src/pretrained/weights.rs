//! The weights of a model: one file, or the shards that an index lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::Value;
use sibert_hub::ModelFolder;

use super::index::{INDEX, Index};
use super::refusal;
use super::tensors::{self, TensorFile};
use crate::console::note;

/// Name of the one file.
pub const MODEL: &str = "model.safetensors";

/// Where the weights are.
pub enum Weights {
    /// In one file.
    Whole,
    /// In several.
    Shards(Index),
}

impl Weights {
    /// Looks which files there are; one whole file comes before shards, as in transformers.
    ///
    /// # Errors
    /// If there are no safetensors, with the remedy for what is there; or the index is unfit or a shard is missing.
    pub fn find(place: &ModelFolder, config: &Value) -> Result<Self> {
        if place.has(MODEL) {
            Ok(Self::Whole)
        } else if place.has(INDEX) {
            Index::read(place).map(Self::Shards)
        } else {
            bail!(refusal::of_other_weights(place, config))
        }
    }

    /// Reads all tensors.
    ///
    /// # Errors
    /// As [`tensors::read`]; or if a tensor is in two shards, or not in the one that the index names.
    pub fn load(&self, place: &ModelFolder, device: &Device) -> Result<HashMap<String, Tensor>> {
        let mut all = Gathered::default();
        match self {
            Self::Whole => {
                let file = tensors::read(&place.file(MODEL)?, &place.shown(MODEL), device)?;
                all.add(place, MODEL, file)?;
            }
            Self::Shards(index) => {
                for (shard, expected) in index.shards() {
                    let file = tensors::read(&place.file(shard)?, &place.shown(shard), device)?;
                    check_shard(place, shard, &expected, &file)?;
                    all.add(place, shard, file)?;
                }
            }
        }
        ensure!(
            !all.tensors.is_empty(),
            "{} holds no tensors: take another checkpoint",
            place.shown(if matches!(self, Self::Whole) { MODEL } else { INDEX })
        );
        all.describe(place);
        Ok(all.tensors)
    }
}

/// Refuses weights of more layers than the model has, of which the last would be left out.
///
/// # Errors
/// Names the layer and the mend.
pub fn ensure_layers(name: &str, layers: usize, tensors: &HashMap<String, Tensor>) -> Result<()> {
    const LAYER: &str = "encoder.layer.";
    let number = |name: &String| name.split_once(LAYER)?.1.split_once('.')?.0.parse::<usize>().ok();
    let last = tensors.keys().filter_map(number).max();
    if let Some(last) = last.filter(|last| *last >= layers) {
        bail!(
            "{name}: config.json says num_hidden_layers {layers}, but the weights are of {} layers: put the number right, or delete \
             the weights of the others",
            last + 1
        );
    }
    Ok(())
}

/// Compares what a shard holds with what the index says.
fn check_shard(
    place: &ModelFolder,
    shard: &str,
    expected: &BTreeSet<&str>,
    found: &TensorFile,
) -> Result<()> {
    let missing: Vec<&str> =
        expected.iter().copied().filter(|name| !found.tensors.contains_key(*name)).collect();
    ensure!(
        missing.is_empty(),
        "{} lacks {} of the {} tensors that {INDEX} says it holds, as {}: the files are not of one model, download \
         all of them again",
        place.shown(shard),
        missing.len(),
        expected.len(),
        missing[0]
    );
    let unlisted = found.tensors.keys().filter(|name| !expected.contains(name.as_str())).count();
    if unlisted > 0 {
        let (count, shard) = (found.tensors.len(), place.shown(shard));
        note(format!("{shard}: {unlisted} of {count} tensors are not in {INDEX}, and are read all the same"));
    }
    Ok(())
}

/// The tensors of the files so far.
#[derive(Default)]
struct Gathered {
    tensors: HashMap<String, Tensor>,
    /// The file of each.
    files: HashMap<String, String>,
    converted: BTreeMap<String, usize>,
}

impl Gathered {
    fn add(&mut self, place: &ModelFolder, name: &str, file: TensorFile) -> Result<()> {
        let mut names: Vec<&String> = file.tensors.keys().collect();
        names.sort_unstable();
        for tensor in names {
            if let Some(earlier) = self.files.insert(tensor.clone(), name.to_owned()) {
                bail!(
                    "{} holds {tensor}, and so does {earlier}: expected each tensor in one shard; download all of \
                     them again",
                    place.shown(name)
                );
            }
        }
        self.tensors.extend(file.tensors);
        for (dtype, count) in file.converted {
            *self.converted.entry(dtype).or_default() += count;
        }
        Ok(())
    }

    fn describe(&self, place: &ModelFolder) {
        for (dtype, count) in &self.converted {
            let total = self.tensors.len();
            note(format!("{}: {count} of {total} tensors are {dtype}, read as F32", place.id()));
        }
    }
}

#[cfg(test)]
mod tests;
