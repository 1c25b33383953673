//! The files of a model that go to the hub, and those of the run that made it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use sibert_files::bounded;
use sibert_hub::{Content, ModelFolder, Upload};

use crate::model_folder;

/// Names of a model's own files; beside them, parts of its weights and code.
const MODEL: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "manifest.json",
];
/// Names of the files that tell how a run went.
const RUN: [&str; 6] =
    ["config.toml", "metrics.jsonl", "summary.json", "curves.svg", "curves.png", "finetune.json"];

/// A model's folder, and that of its run.
pub struct Folder {
    /// The model's.
    pub model: PathBuf,
    /// That of the run of `pretrain` or `finetune`; none of a model from elsewhere.
    pub run: Option<PathBuf>,
    /// The model's `config.json`.
    pub config: Value,
}

impl Folder {
    /// The folder that `model` means; its files have been compared with their digests.
    ///
    /// # Errors
    /// If there is no such folder, it holds no model, or a file of it is damaged.
    pub fn find(model: &str) -> Result<Self> {
        let path = Path::new(model);
        ensure!(
            path.is_dir(),
            "there is no folder `{model}`: expected a run, a checkpoint or a model's folder"
        );
        let ModelFolder::Here(found) = model_folder::folder(path)? else {
            return Err(anyhow!("{model}: expected a folder on this machine"));
        };
        let found = found.canonicalize().with_context(|| format!("cannot read {model}"))?;
        let has_weights = |name: &str| found.join(name).is_file();
        ensure!(
            has_weights("model.safetensors") || has_weights("model.safetensors.index.json"),
            "{model}: expected model.safetensors, in one file or in shards with an index; found none"
        );
        let name = found.join("config.json");
        let text = bounded::text(&name, bounded::CONFIG)
            .with_context(|| format!("cannot read {}", name.display()))?;
        let config =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", name.display()))?;
        let runs = [Some(found.as_path()), found.parent()].into_iter().flatten();
        let run = runs.map(Path::to_owned).find(|folder| is_run(folder));
        Ok(Self { model: found, run, config })
    }

    /// Whether it is a plain BERT, which transformers knows.
    pub fn is_bert(&self) -> bool {
        self.config["model_type"] == "bert"
    }

    /// A text of the model's folder; none if it is not there.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        let path = self.model.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        bounded::text(&path, bounded::CONFIG)
            .map(Some)
            .with_context(|| format!("cannot read {}", path.display()))
    }

    /// The files, but for the card.
    pub fn uploads(&self) -> Vec<Upload> {
        let mut files: Vec<Upload> = names(&self.model)
            .into_iter()
            .filter(|name| MODEL.contains(&name.as_str()) || is_shard(name) || name.ends_with(".py"))
            .map(|name| upload(&self.model, &name))
            .collect();
        if let Some(run) = &self.run {
            files.extend(
                RUN.into_iter().filter(|name| run.join(name).is_file()).map(|name| upload(run, name)),
            );
        }
        files
    }

    /// Whether the files that go to the hub have one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.uploads().iter().any(|file| file.path == name)
    }
}

/// Whether a folder is that of a run of `pretrain` or `finetune`.
fn is_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    has("finetune.json") || has("config.toml") && has("metrics.jsonl")
}

fn is_shard(name: &str) -> bool {
    name.starts_with("model-") && name.ends_with(".safetensors")
}

/// The names of the files in a folder, sorted; hidden ones left out.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}

fn upload(folder: &Path, name: &str) -> Upload {
    Upload { path: name.to_owned(), content: Content::File(folder.join(name)) }
}
