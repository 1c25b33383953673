//! The files of a tokenizer in one folder, here or on the hub, read as transformers reads them.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use sibert_hub::ModelFolder;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Model, ModelWrapper, NormalizerWrapper, Tokenizer};

use super::beside::Beside;
use super::{
    SPECIAL, SpecialTokens, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY, bert, enclose, from_json, vocab_size,
    vocabulary,
};
use crate::Notes;

/// A tokenizer and what was said beside it.
pub struct Opened {
    /// Neither truncates nor pads.
    pub tokenizer: Tokenizer,
    /// Text of `tokenizer_config.json`, where there is one that still holds.
    pub config_json: Option<String>,
}

/// The file that holds a folder's tokenizer: `tokenizer.json` comes before `vocab.txt`.
pub fn find(place: &ModelFolder) -> Option<&'static str> {
    [TOKENIZER, VOCABULARY].into_iter().find(|name| place.has(name))
}

/// Reads the file `name` of a folder, heeding the files beside it; `notes` is told what it is.
///
/// As in transformers 5, of a `tokenizer.json` that `BertTokenizer` reads only the vocabulary and the added tokens count:
/// `tokenizer_config.json` decides about case, accents and Chinese characters. Words of a `vocab.txt` are put in lower
/// case if that file says so or, where it is silent, if no plain word of the vocabulary would change.
///
/// # Errors
/// If a file cannot be read or understood, a special token is missing, or an added one has another id; names the file.
pub fn read(place: &ModelFolder, name: &str, notes: Notes) -> Result<Opened> {
    let (file, beside) = (place.shown(name), Beside::read(place)?);
    let is_vocabulary = name.rsplit_once('.').is_some_and(|(_, ending)| ending == "txt");
    let make = if is_vocabulary { of_vocabulary } else { of_json };
    let bytes = place.bytes(name)?;
    let tokenizer = make(&bytes, &beside, &file, notes).and_then(|tokenizer| completed(tokenizer, &beside));
    let tokenizer = tokenizer.with_context(|| format!("cannot read tokenizer {file}"))?;
    notes(description(&file, &tokenizer, &beside));
    let renamed = renames(&beside).next().is_some();
    Ok(Opened { tokenizer, config_json: beside.config_json.filter(|_| !renamed) })
}

/// `tokenizer a/tokenizer.json, tokenizer_config.json: uncased, 30522 tokens`.
fn description(file: &str, tokenizer: &Tokenizer, beside: &Beside) -> String {
    let config = if beside.config_json.is_some() { format!(", {TOKENIZER_CONFIG}") } else { String::new() };
    let case = match tokenizer.get_normalizer() {
        Some(NormalizerWrapper::BertNormalizer(bert)) if bert.lowercase => "uncased",
        Some(NormalizerWrapper::BertNormalizer(_)) | None => "cased",
        Some(_) => "with a normalizer of its own",
    };
    format!("tokenizer {file}{config}: {case}, {} tokens", vocab_size(tokenizer))
}

/// Special tokens that have other names than BERT's, each with BERT's.
fn renames(beside: &Beside) -> impl Iterator<Item = (&str, &'static str)> {
    let named = beside.special.iter().zip(SPECIAL);
    named
        .filter_map(|(name, of_bert)| Some((name.as_deref()?, of_bert)))
        .filter(|(name, of_bert)| name != of_bert)
}

fn of_vocabulary(bytes: &[u8], beside: &Beside, file: &str, notes: Notes) -> Result<Tokenizer> {
    let mut tokens = vocabulary::tokens(vocabulary::text(bytes)?)?;
    for (name, of_bert) in renames(beside) {
        tokens.iter_mut().filter(|token| *token == name).for_each(|token| *token = of_bert.into());
    }
    let cased = vocabulary::cased_word(&tokens);
    if let (None, Some(word)) = (beside.lowercase(), cased) {
        notes(format!(
            "{file}: words keep their capitals, because the vocabulary has `{word}`; do_lower_case in {TOKENIZER_CONFIG} decides otherwise"
        ));
    }
    let mut tokenizer = bert(&tokens, true)?;
    let normalizer = beside.normalizer(cased.is_none());
    tokenizer.with_normalizer(Some(normalizer)).map_err(|error| anyhow!(error))?;
    Ok(tokenizer)
}

fn of_json(bytes: &[u8], beside: &Beside, file: &str, notes: Notes) -> Result<Tokenizer> {
    let mut tokenizer = match renames(beside).next() {
        None => from_json(bytes)?,
        Some(_) => {
            let mut json: Value = serde_json::from_slice(bytes).context("not JSON")?;
            renames(beside).for_each(|(name, of_bert)| rename(&mut json, name, of_bert));
            from_json(json.to_string().as_bytes())?
        }
    };
    if !(beside.rebuilds() && matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_))) {
        return Ok(tokenizer);
    }
    let parts = |tokenizer: &Tokenizer| -> Result<Value> {
        Ok(serde_json::to_value((tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()))?)
    };
    let own = parts(&tokenizer)?;
    tokenizer.with_normalizer(Some(beside.normalizer(true))).map_err(|error| anyhow!(error))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    enclose(&mut tokenizer)?;
    if parts(&tokenizer)? != own {
        notes(format!(
            "{file}: text is cleaned as {TOKENIZER_CONFIG} says, as in transformers, not by the normalizer in the file \
             itself; remove {TOKENIZER_CONFIG} to use the normalizer"
        ));
    }
    Ok(tokenizer)
}

/// Puts `to` for `from` wherever it is a text or a key of its own.
fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => *text = to.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        Value::Object(map) => {
            if let Some(renamed) = map.remove(from) {
                map.insert(to.into(), renamed);
            }
            map.values_mut().for_each(|item| rename(item, from, to));
        }
        _ => {}
    }
}

/// Adds the tokens that the files beside it list, and looks for the special ones.
fn completed(mut tokenizer: Tokenizer, beside: &Beside) -> Result<Tokenizer> {
    for (&id, token) in &beside.added {
        let name =
            renames(beside).find(|(name, _)| *name == token.content).map(|(_, of_bert)| of_bert.to_owned());
        let token = AddedToken { content: name.unwrap_or_else(|| token.content.clone()), ..token.clone() };
        let content = token.content.clone();
        if tokenizer.get_added_vocabulary().get_added_tokens_decoder().get(&id) == Some(&token) {
            continue;
        }
        let added = match token.special {
            true => tokenizer.add_special_tokens([token]),
            false => tokenizer.add_tokens([token]),
        };
        added.map_err(|error| anyhow!(error))?;
        let found = tokenizer.token_to_id(&content);
        ensure!(
            found == Some(id),
            "the added token {content} has the id {id} in the files beside it, and {} here: take all of them from one model",
            found.map_or("none".into(), |id| id.to_string())
        );
    }
    SpecialTokens::of(&tokenizer)?;
    let (size, tokens) = (vocab_size(&tokenizer), tokenizer.get_model().get_vocab_size());
    ensure!(
        size <= 2 * (tokens + beside.added.len()) + 1024,
        "it has {tokens} tokens and ids up to {}: it is damaged, take it from its model again",
        size - 1
    );
    Ok(tokenizer)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
