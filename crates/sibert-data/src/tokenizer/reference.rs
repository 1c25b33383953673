//! A tokenizer by what the user calls it: a path here, or a model on the Hugging Face hub.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use sibert_hub::reference::is_hub_spec;
use sibert_hub::{Hub, ModelFolder, RepoRef, parse};
use tokenizers::Tokenizer;

use super::{TOKENIZER, VOCABULARY, files};

use crate::Notes;

/// Loads the tokenizer that `text` names: a file, a model's or a shards' folder, or else
/// `hf://OWNER/NAME[@REVISION][/PATH]`, `OWNER/NAME[@REVISION]` or an old bare name such as `bert-base-uncased`.
/// The hub is opened only if it is needed.
///
/// # Errors
/// If it is neither, saying both things tried, or as [`files::read`].
pub fn load_reference(text: &str, hub: impl FnOnce() -> Result<Hub>, notes: Notes) -> Result<Tokenizer> {
    let (place, name) = match Path::new(text) {
        path if !is_hub_spec(text) && path.exists() => here(path)?,
        _ => on_the_hub(text, hub)?,
    };
    Ok(files::read(&place, &name, notes)?.tokenizer)
}

/// The folder of a file, or of what a folder holds.
fn here(path: &Path) -> Result<(ModelFolder, String)> {
    if let (false, Some(name)) = (path.is_dir(), path.file_name()) {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        return Ok((ModelFolder::Here(folder), name.to_string_lossy().into_owned()));
    }
    let folder = ModelFolder::Here(path.to_owned());
    let missing = || format!("{}: the folder holds neither {TOKENIZER} nor {VOCABULARY}", path.display());
    let name = files::find(&folder).map(str::to_owned).with_context(missing)?;
    Ok((folder, name))
}

fn on_the_hub(text: &str, hub: impl FnOnce() -> Result<Hub>) -> Result<(ModelFolder, String)> {
    let (repo, path) = repository(text)?;
    let (folder, file) = match path {
        Some(path) if is_file(&path) => match path.rsplit_once('/') {
            Some((folder, file)) => (Some(folder.to_owned()), Some(file.to_owned())),
            None => (None, Some(path)),
        },
        folder => (folder, None),
    };
    let shown = repo.to_string();
    let opened = hub().and_then(|hub| ModelFolder::on_hub(hub, repo, folder));
    let place = if is_hub_spec(text) { opened } else { opened.map_err(|why| neither(text, &why)) }?;
    let name = file.filter(|file| place.has(file)).or_else(|| files::find(&place).map(str::to_owned));
    let missing =
        || format!("{shown}: it has neither {TOKENIZER} nor {VOCABULARY}; found {}", place.listing());
    let name = name.with_context(missing)?;
    Ok((place, name))
}

fn neither(text: &str, why: &anyhow::Error) -> anyhow::Error {
    anyhow!("tokenizer `{text}`: there is no such file or folder; and as a model on the hub: {why}")
}

fn is_file(path: &str) -> bool {
    [".json", ".txt"].iter().any(|ending| path.ends_with(ending))
}

/// The repository that `text` means, and the path in it.
fn repository(text: &str) -> Result<(RepoRef, Option<String>)> {
    if is_hub_spec(text) {
        return parse(text);
    }
    match RepoRef::model(text) {
        Ok(repo) if !is_file(text) => Ok((repo, None)),
        Ok(_) => bail!("tokenizer `{text}`: there is no such file"),
        Err(why) => Err(neither(text, &why)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use sibert_hub::Settings;
    use sibert_hub_emulator::Server;
    use tempfile::TempDir;

    use super::*;

    const CONFIG: &str = "tokenizer_config.json";
    const WORDS: &[u8] = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\n";
    const CASED: &[u8] = br#"{"do_lower_case": false}"#;

    /// A hub with models of every make, and a folder for its cache.
    fn hub() -> (Server, TempDir) {
        let other = String::from_utf8_lossy(WORDS).replace("hello", "hullo");
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(VOCABULARY), other).unwrap();
        let json = load_reference(home.path().to_str().unwrap(), || panic!("not asked"), &|_| {}).unwrap();
        let json = json.to_string(false).unwrap();
        let server = Server::start(&[
            ("o/both/tokenizer.json", json.as_bytes()),
            ("o/both/vocab.txt", WORDS),
            ("o/words/vocab.txt", WORDS),
            ("o/cased/vocab.txt", WORDS),
            ("o/cased/tokenizer_config.json", CASED),
            ("o/cased/sub/vocab.txt", WORDS),
            ("o/neither/README.md", b"x"),
        ]);
        (server, home)
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.encode(text, false).unwrap().get_ids().to_vec()
    }

    #[test]
    fn models_of_every_make_are_loaded_from_the_hub() {
        let (server, home) = hub();
        let load = |text: &str| {
            load_reference(
                text,
                || Hub::new(Settings::of(&server.url(), home.path()).unwrap(), |_| {}),
                &|_| {},
            )
            .unwrap()
        };
        assert_eq!(ids(&load("o/both"), "hullo"), [5]);
        assert_eq!(ids(&load("hf://o/both@v1/vocab.txt"), "hullo"), [1]);
        assert_eq!(ids(&load("o/words"), "Hello hellos"), [5, 5, 6]);
        assert_eq!(ids(&load("o/cased@v1"), "Hello hello"), [1, 5]);
        assert_eq!(ids(&load("hf://o/cased/sub"), "Hello hello"), [5, 5]);
    }

    #[test]
    fn a_path_that_exists_wins_and_asks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(VOCABULARY), WORDS).unwrap();
        fs::write(folder.path().join(CONFIG), CASED).unwrap();
        for path in [folder.path().to_owned(), folder.path().join(VOCABULARY)] {
            let loaded =
                load_reference(path.to_str().unwrap(), || panic!("the hub is not to be asked"), &|_| {})
                    .unwrap();
            assert_eq!(ids(&loaded, "Hello hello"), [1, 5]);
        }
    }

    #[test]
    fn what_is_neither_says_both_things_tried() {
        let (server, home) = hub();
        let said = |text: &str| {
            let error = load_reference(
                text,
                || Hub::new(Settings::of(&server.url(), home.path()).unwrap(), |_| {}),
                &|_| {},
            )
            .unwrap_err();
            format!("{error:#}")
        };
        let missing = said("o/missing");
        assert!(missing.contains("no such file or folder") && missing.contains("has no model `o/missing`"));
        assert!(said("./o/missing").contains("`./o` cannot be the name of a repository"));
        assert_eq!(said("tokenizer.json"), "tokenizer `tokenizer.json`: there is no such file");
        assert!(said("o/neither").contains("it has neither tokenizer.json nor vocab.txt"));
        assert!(said("hf://o/missing").starts_with("hf://o/missing: http://127.0.0.1"));
    }
}
