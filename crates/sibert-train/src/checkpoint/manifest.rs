//! The manifest: size and SHA-256 of every file of a checkpoint, or of a fine-tuned model.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use sibert_files::durable::{self, FileEntry};
use sibert_model::python;

use crate::console::note_once;

use super::{CONFIG, MANIFEST, MODEL, MODEL_FILES, OPTIMIZER, RUN, STATE, TOKENIZER};

const FORMAT_VERSION: u32 = 1;
/// Those it cannot do without.
const FILES: [&str; 6] = [CONFIG, MODEL, TOKENIZER, OPTIMIZER, STATE, RUN];

/// The manifest of a model without training state, beside its files.
pub const OF_MODEL: &str = "manifest.json";
/// The file in or above the folder of a model that `finetune` gave a manifest.
const OF_FINETUNE: [&str; 2] = ["finetune.json", "../result.json"];

/// The files that a checkpoint or a model must contain, to the byte.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format_version: u32,
    /// `model_type` of `config.json`.
    model_type: String,
    files: BTreeMap<String, FileEntry>,
}

impl Manifest {
    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The manifest of the files just written.
    pub fn new(model_type: String, files: BTreeMap<String, FileEntry>) -> Self {
        Self { format_version: FORMAT_VERSION, model_type, files }
    }

    /// The one text of this manifest; another text with the same meaning counts as damaged.
    ///
    /// # Errors
    /// Never in practice: all keys are strings.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// Checks every file of a checkpoint against its manifest.
///
/// # Errors
/// One sentence: the file, what was expected and what was found.
pub fn verify(checkpoint: &Path) -> Result<(), String> {
    let manifest = read(checkpoint, MANIFEST)?;
    if let Some(name) = FILES.into_iter().find(|name| !manifest.files.contains_key(*name)) {
        return Err(format!("{MANIFEST} does not list {name}"));
    }
    for (name, expected) in &manifest.files {
        durable::verify(checkpoint, name, expected)?;
    }
    match model_type(&fs::read_to_string(checkpoint.join(CONFIG)).unwrap_or_default()) {
        Some(found) if found == manifest.model_type => Ok(()),
        found => Err(format!(
            "model_type is {} in {MANIFEST} and {} in {CONFIG}",
            manifest.model_type,
            found.unwrap_or_default()
        )),
    }
}

/// Checks the files of a model against the manifest of its checkpoint, or its own; one from elsewhere has none.
///
/// Of a checkpoint, the files of its training may be gone, but not the manifest.
///
/// # Errors
/// Names the file, what was expected and found, and how to read the model all the same.
pub fn verify_model(model: &Path) -> Result<()> {
    manifest_of_model(model).map(drop)
}

/// The manifest of a model's files, which have been checked against it; made of them as they are where there is none.
///
/// # Errors
/// As [`verify_model`].
pub fn checked_manifest(model: &Path) -> Result<Manifest> {
    if let Some(manifest) = manifest_of_model(model)? {
        return Ok(manifest);
    }
    let entry = |name: &str| Ok((name.to_owned(), durable::entry(&model.join(name))?));
    let code = python::NAMES.into_iter().filter(|name| model.join(name).exists());
    let files = MODEL_FILES.into_iter().chain(code).map(entry).collect::<Result<_>>()?;
    let config = fs::read_to_string(model.join(CONFIG)).unwrap_or_default();
    let model_type = model_type(&config).with_context(|| format!("{}: no model_type", model.display()))?;
    Ok(Manifest::new(model_type, files))
}

fn manifest_of_model(model: &Path) -> Result<Option<Manifest>> {
    let shown = model.display();
    let (name, mend) = match model.join("training_state").is_dir() {
        true => (MANIFEST, "take another checkpoint, or delete its folder training_state"),
        false => (OF_MODEL, "make it again, or delete its manifest.json"),
    };
    if name == OF_MODEL && !model.join(OF_MODEL).exists() {
        if OF_FINETUNE.iter().any(|file| model.join(file).exists()) {
            note_once(format!("{shown}: {OF_MODEL} is missing: the model is read unchecked"));
        }
        return Ok(None);
    }
    let checked = read(model, name).and_then(|manifest| {
        let files: BTreeMap<_, _> =
            manifest.files.into_iter().filter(|(name, _)| !name.contains('/')).collect();
        files.iter().try_for_each(|(name, expected)| durable::verify(model, name, expected))?;
        Ok(Manifest { files, ..manifest })
    });
    checked.map(Some).map_err(|why| anyhow!("{shown}: {why}: {mend} to read it as it is"))
}

/// `model_type` in the text of a `config.json`.
pub fn model_type(config_json: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config_json).ok()?;
    Some(config.get("model_type")?.as_str()?.to_owned())
}

/// The code that belongs to a model of this `config.json`, so that transformers reads it: names and contents.
pub fn code(config_json: &str) -> &'static [(&'static str, &'static str)] {
    let model_type = model_type(config_json).and_then(|name| serde_json::from_value(name.into()).ok());
    model_type.map_or(&[], python::files)
}

fn read(folder: &Path, name: &str) -> Result<Manifest, String> {
    let text = fs::read_to_string(folder.join(name)).map_err(|error| durable::unreadable(name, &error))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| format!("{name} is unreadable: {error}"))?;
    if manifest.format_version != FORMAT_VERSION {
        return Err(format!(
            "{name} has format_version {}, this program reads {FORMAT_VERSION}",
            manifest.format_version
        ));
    }
    if manifest.to_json().is_ok_and(|canonical| canonical != text) {
        return Err(format!("{name} was changed after it was written"));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::save_step;
    use super::*;

    fn flip(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_checkpoint_without_its_manifest_is_refused_and_read_without_its_training_state() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 1);
        verify_model(&path).unwrap();
        fs::remove_file(path.join(OPTIMIZER)).unwrap();
        verify_model(&path).unwrap();
        fs::remove_file(path.join(MANIFEST)).unwrap();
        let error = verify_model(&path).unwrap_err().to_string();
        assert!(
            error.contains("checkpoint-000001: training_state/manifest.json is missing: take"),
            "{error}"
        );
        fs::remove_dir_all(path.join("training_state")).unwrap();
        verify_model(&path).unwrap();
    }

    #[test]
    fn a_model_is_checked_against_the_manifest_beside_it() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 1);
        let manifest = checked_manifest(&path).unwrap();
        fs::remove_dir_all(path.join("training_state")).unwrap();
        assert_eq!(checked_manifest(&path).unwrap(), manifest);
        fs::write(path.join(OF_MODEL), manifest.to_json().unwrap()).unwrap();
        for name in MODEL_FILES.into_iter().chain([OF_MODEL]) {
            flip(&path.join(name));
            let error = verify_model(&path).unwrap_err().to_string();
            let named = if name == OF_MODEL { "" } else { name }; // or the file of which it lies
            assert!(error.contains(&format!("checkpoint-000001: {named}")), "{error}");
            assert!(error.ends_with("or delete its manifest.json to read it as it is"), "{error}");
            flip(&path.join(name));
        }
        verify_model(&path).unwrap();
    }
}
