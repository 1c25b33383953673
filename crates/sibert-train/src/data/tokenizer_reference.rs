//! A tokenizer by what the user calls it: a path here, or a model on the Hugging Face hub.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokenizers::Tokenizer;
use tokenizers::normalizers::BertNormalizer;

use super::tokenizer;
use crate::hub::reference::is_hub_spec;
use crate::hub::{Hub, RepoRef, parse};

const TOKENIZER: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.txt";
const CONFIG: &str = "tokenizer_config.json";

/// What a `tokenizer_config.json` says about the text before it is cut into words.
#[derive(Deserialize)]
struct Config {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
}

/// Loads the tokenizer that `text` names: a file or folder, or else `hf://OWNER/NAME[@REVISION][/PATH]`,
/// `OWNER/NAME[@REVISION]` or an old bare name such as `bert-base-uncased`.
///
/// Of a folder or a repository, `tokenizer.json` is taken, or `vocab.txt` if there is none; the
/// `tokenizer_config.json` beside a `vocab.txt` says whether it is a cased one.
///
/// # Errors
/// If it is neither, saying both things tried, or cannot be understood.
pub fn load_reference(text: &str) -> Result<Tokenizer> {
    load_with(text, Hub::from_env)
}

fn load_with(text: &str, hub: impl FnOnce() -> Result<Hub>) -> Result<Tokenizer> {
    if !is_hub_spec(text) && Path::new(text).exists() {
        return load(Path::new(text));
    }
    let (repo, path) = repository(text)?;
    let fetched = hub().and_then(|hub| fetch(&hub, &repo, path.as_deref()));
    let file = if is_hub_spec(text) { fetched } else { fetched.map_err(|why| neither(text, &why)) }?;
    load(&file).with_context(|| format!("the tokenizer of {repo}"))
}

fn neither(text: &str, why: &anyhow::Error) -> anyhow::Error {
    anyhow!("tokenizer `{text}`: there is no such file or folder; and as a model on the hub: {why}")
}

/// The repository that `text` means, and the path in it.
fn repository(text: &str) -> Result<(RepoRef, Option<String>)> {
    if is_hub_spec(text) {
        return parse(text);
    }
    let is_file_name = [".json", ".txt"].iter().any(|extension| text.ends_with(extension));
    match RepoRef::model(text) {
        Ok(repo) if !is_file_name => Ok((repo, None)),
        Ok(_) => bail!("tokenizer `{text}`: there is no such file"),
        Err(why) => Err(neither(text, &why)),
    }
}

/// Fetches what of the repository makes the tokenizer; its main file.
fn fetch(hub: &Hub, repo: &RepoRef, path: Option<&str>) -> Result<PathBuf> {
    let files = hub.files(repo)?;
    let has = |name: &String| files.contains(name);
    let inside = |name: &str| path.map_or(name.to_owned(), |folder| format!("{folder}/{name}"));
    let named = path.map(str::to_owned).filter(has);
    let found = named.or_else(|| [TOKENIZER, VOCABULARY].map(inside).into_iter().find(has));
    let Some(found) = found else {
        bail!("{repo}: there is neither {} nor {} in it", inside(TOKENIZER), inside(VOCABULARY));
    };
    let config = found.rsplit_once('/').map_or(CONFIG.to_owned(), |(folder, _)| format!("{folder}/{CONFIG}"));
    if is_vocabulary(Path::new(&found)) && has(&config) {
        hub.fetch(repo, &config)?;
    }
    hub.fetch(repo, &found)
}

fn is_vocabulary(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "txt")
}

/// Loads a file or folder here, heeding the configuration beside a vocabulary.
///
/// # Errors
/// As [`tokenizer::load`]; or if the configuration cannot be understood.
pub fn load(path: &Path) -> Result<Tokenizer> {
    let mut tokenizer = tokenizer::load(path)?;
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let from_vocabulary = is_vocabulary(path) || (path.is_dir() && !path.join(TOKENIZER).exists());
    if let Some(config) =
        folder.map(|folder| folder.join(CONFIG)).filter(|file| file.exists() && from_vocabulary)
    {
        apply(&config, &mut tokenizer).with_context(|| format!("cannot read {}", config.display()))?;
    }
    Ok(tokenizer)
}

/// Gives the tokenizer the normalizer of its configuration, if that says whether to lower the case.
fn apply(file: &Path, tokenizer: &mut Tokenizer) -> Result<()> {
    let config: Config = serde_json::from_reader(File::open(file)?)?;
    if let Some(lowercase) = config.do_lower_case {
        let chinese = config.tokenize_chinese_chars.unwrap_or(true);
        let normalizer = BertNormalizer::new(true, chinese, config.strip_accents, lowercase);
        tokenizer.with_normalizer(Some(normalizer)).map_err(|error| anyhow!(error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::hub::Settings;
    use crate::hub::server::Server;

    const WORDS: &[u8] = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\n";
    const CASED: &[u8] = br#"{"do_lower_case": false}"#;

    /// A hub with models of every make, and a folder for its cache.
    fn hub() -> (Server, TempDir) {
        let other = String::from_utf8_lossy(WORDS).replace("hello", "hullo");
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(VOCABULARY), other).unwrap();
        let json = tokenizer::load(&home.path().join(VOCABULARY)).unwrap().to_string(false).unwrap();
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
            load_with(text, || Hub::new(Settings::of_server(&server.url(), home.path()))).unwrap()
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
            let loaded = load_with(path.to_str().unwrap(), || panic!("the hub is not to be asked")).unwrap();
            assert_eq!(ids(&loaded, "Hello hello"), [1, 5]);
        }
    }

    #[test]
    fn what_is_neither_says_both_things_tried() {
        let (server, home) = hub();
        let said = |text: &str| {
            let error =
                load_with(text, || Hub::new(Settings::of_server(&server.url(), home.path()))).unwrap_err();
            format!("{error:#}")
        };
        let missing = said("o/missing");
        assert!(missing.contains("no such file or folder") && missing.contains("has no model `o/missing`"));
        assert!(said("./o/missing").contains("`./o` cannot be the name of a repository"));
        assert_eq!(said("tokenizer.json"), "tokenizer `tokenizer.json`: there is no such file");
        assert!(said("o/neither").contains("neither tokenizer.json nor vocab.txt in it"));
        assert!(said("hf://o/missing").starts_with("hf://o/missing: http://127.0.0.1"));
    }
}
