//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sibert_hub::ModelFolder;
use sibert_hub::reference::check_path;

use super::tensors::is_buffer;

/// Name of the file.
pub const INDEX: &str = "model.safetensors.index.json";

/// The shard of each tensor.
#[derive(Debug, Deserialize)]
pub struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// Reads the index and looks whether all its shards are there.
    ///
    /// # Errors
    /// If it cannot be understood, a shard's path leaves the folder or names no safetensors, or a shard is missing.
    pub fn read(place: &ModelFolder) -> Result<Self> {
        let (text, file) = (place.text(INDEX)?, place.shown(INDEX));
        let index: Self = serde_json::from_str(&text)
            .with_context(|| format!("{file} has no weight_map from tensors to files: download it again"))?;
        index.check().with_context(|| file)?;
        for (shard, tensors) in index.shards() {
            if !place.has(shard) {
                bail!(
                    "{} is missing; {INDEX} says that it holds {} of the tensors, as {}: download the whole model again",
                    place.shown(shard),
                    tensors.len(),
                    tensors.first().unwrap_or(&"none")
                );
            }
        }
        Ok(index)
    }

    fn check(&self) -> Result<()> {
        ensure!(!self.weight_map.is_empty(), "its weight_map is empty: download it again");
        for (tensor, shard) in &self.weight_map {
            check_path(shard)
                .with_context(|| format!("{tensor} is said to be in a file outside of the folder"))?;
            ensure!(
                shard.ends_with(".safetensors"),
                "{tensor} is said to be in {shard}: expected a file of safetensors; others are not read"
            );
        }
        Ok(())
    }

    /// The shards in order, each with its tensors.
    pub fn shards(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut shards: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (tensor, shard) in &self.weight_map {
            let tensors = shards.entry(shard).or_default();
            if !is_buffer(tensor) {
                tensors.insert(tensor);
            }
        }
        shards
    }
}
