//! From what the user calls a model to its folder, on this machine or on the hub.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use sibert_hub::reference::{Kind, is_hub_spec};
use sibert_hub::{Hub, ModelFolder, RepoRef, parse};

use crate::checkpoint;
use crate::console::{note, note_once};

/// The values of `--model`, for messages.
const EXPECTED: &str = "a folder with config.json and model.safetensors, a run's folder, or a model on the hub, \
                        OWNER/NAME[@REVISION] or hf://OWNER/NAME[@REVISION]/FOLDER";
/// Beyond this distance a name is no slip of the keyboard.
const NEAR_NAME: f64 = 0.8;

/// The folder that `model` means; the hub is made only if it is needed.
///
/// # Errors
/// If there is no such folder and no such model on the hub, saying both; or a checkpoint is damaged.
pub fn find(model: &str, hub: impl FnOnce() -> Result<Hub>) -> Result<ModelFolder> {
    if is_hub_spec(model) {
        let (repo, folder) = parse(model)?;
        ensure!(
            repo.kind == Kind::Model,
            "{model} is a data set: expected a model, hf://OWNER/NAME[@REVISION]"
        );
        return ModelFolder::on_hub(hub()?, repo, folder);
    }
    let path = Path::new(model);
    if path.exists() {
        return folder(path);
    }
    let missing = match near(path) {
        Some(near) => format!("there is no folder `{model}` (did you mean `{}`?)", near.display()),
        None => format!("there is no folder `{model}`"),
    };
    ensure!(!is_path(model) && may_be_on_the_hub(model), "{missing}: expected {EXPECTED}");
    let repo = RepoRef::model(model).map_err(|why| anyhow!("{missing}, and no model on the hub: {why}"))?;
    note(format!("{missing}: looking for it on the hub"));
    let found = hub().and_then(|hub| ModelFolder::on_hub(hub, repo, None));
    found.map_err(|why| anyhow!("{missing}; and as a model on the hub: {why:#}"))
}

/// A model's folder, or the newest intact checkpoint of a run's.
///
/// # Errors
/// If it is neither, or a checkpoint is damaged.
pub fn folder(path: &Path) -> Result<ModelFolder> {
    let found = checkpoint::resolve_model_dir(path)?;
    for (path, reason) in &found.skipped {
        note(format!("skipped {}: {reason}", path.display()));
    }
    if found.path != path {
        note_once(format!("{}: taking {}", path.display(), found.path.display()));
    }
    Ok(ModelFolder::Here(found.path))
}

/// Whether a name without an owner is that of a BERT of the hub's first days; all later models have an owner.
fn may_be_on_the_hub(name: &str) -> bool {
    name.contains('/') || name.starts_with("bert-")
}

/// Whether `text` can only be meant as a path.
fn is_path(text: &str) -> bool {
    let slashes = text.split('@').next().unwrap_or_default().matches('/').count();
    text.is_empty()
        || text.starts_with(['.', '/', '~'])
        || text.ends_with('/')
        || text.contains('\\')
        || slashes > 1
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The folder whose name is most like that of the first part of `path` that does not exist.
fn near(path: &Path) -> Option<PathBuf> {
    let missing =
        path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists()).last()?;
    let (name, parent) = (missing.file_name()?.to_string_lossy(), missing.parent()?);
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let folders = names_in(folder).into_iter().filter(|other| folder.join(other).is_dir());
    let rated = folders.map(|other| (strsim::jaro_winkler(&other, &name), other));
    let (likeness, near) = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    let whole = parent.join(near).join(path.strip_prefix(missing).ok()?);
    let known =
        if whole.exists() { whole.as_path() } else { whole.ancestors().find(|part| part.exists())? };
    (likeness > NEAR_NAME).then(|| known.components().collect())
}

#[cfg(test)]
mod tests;
