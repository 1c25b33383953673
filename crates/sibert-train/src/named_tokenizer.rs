//! From what the user calls a tokenizer to the tokenizer: beside what the library knows, a run's folder means the newest
//! checkpoint in it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sibert_data::tokenizer::{find, load_reference};
use sibert_hub::ModelFolder;
use sibert_hub::reference::is_hub_spec;
use tokenizers::Tokenizer;

use crate::console::note_once;
use crate::{hub, model_folder};

/// Loads the tokenizer that `text` names.
///
/// # Errors
/// As [`load_reference`].
pub fn load(text: &str) -> Result<Tokenizer> {
    let checkpoint = if is_hub_spec(text) { None } else { newest_checkpoint(Path::new(text)) };
    let checkpoint = checkpoint.as_ref().and_then(|path| path.to_str());
    load_reference(checkpoint.unwrap_or(text), hub::open, &note_once)
}

/// The newest checkpoint in a run's folder, which holds no tokenizer itself.
fn newest_checkpoint(run: &Path) -> Option<PathBuf> {
    let holds = |folder: &ModelFolder| find(folder).is_some();
    if !run.is_dir() || holds(&ModelFolder::Here(run.to_owned())) {
        return None;
    }
    match model_folder::folder(run).ok().filter(holds)? {
        ModelFolder::Here(path) => Some(path),
        ModelFolder::OnHub(_) => None,
    }
}
