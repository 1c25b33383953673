//! Folders that hold a run or a model already: a new run would mix with it, or take its place.

use std::path::Path;

use anyhow::Result;

use crate::checkpoint;

/// The contents of a folder that are in the way of a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// A run of `sibert pretrain`.
    Pretraining,
    /// A run of `sibert finetune`.
    FineTuning,
    /// A sweep.
    Sweep,
    /// A model.
    Model,
}

/// Files that only runs of a kind, or a model, have.
const MARKS: [(Occupied, &[&str]); 4] = [
    (Occupied::FineTuning, &["settings.json", "finetune.json", "seed-0"]),
    (Occupied::Sweep, &["sweep.json"]),
    (Occupied::Pretraining, &["metrics.jsonl"]),
    (
        Occupied::Model,
        &["config.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"],
    ),
];

impl Occupied {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pretraining => "a run of pretraining",
            Self::FineTuning => "a run of fine-tuning",
            Self::Sweep => "a sweep",
            Self::Model => "a model",
        }
    }
}

/// The contents of a folder, if they are in the way; the settings of a run that did not begin are not.
///
/// # Errors
/// If the folder is there and cannot be read.
pub fn by(folder: &Path) -> Result<Option<Occupied>> {
    let has = |names: &[&str]| names.iter().any(|name| folder.join(name).exists());
    let marked = MARKS.into_iter().find(|(_, names)| has(names)).map(|(kind, _)| kind);
    Ok(match marked {
        None if checkpoint::any(folder)? => Some(Occupied::Pretraining),
        marked => marked,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_with_a_run_or_a_model_is_occupied() {
        for (file, kind) in [
            ("metrics.jsonl", Some(Occupied::Pretraining)),
            ("checkpoint-000004/config.json", Some(Occupied::Pretraining)),
            (".checkpoint-000004.old/config.json", Some(Occupied::Pretraining)),
            ("seed-0/metrics.jsonl", Some(Occupied::FineTuning)),
            ("sweep.json", Some(Occupied::Sweep)),
            ("model.safetensors", Some(Occupied::Model)),
            ("config.toml", None),
            ("notes.txt", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(by(&dir.path().join("new")).unwrap(), None);
            fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
            fs::write(dir.path().join(file), "").unwrap();
            assert_eq!(by(dir.path()).unwrap(), kind, "{file}");
        }
    }
}
