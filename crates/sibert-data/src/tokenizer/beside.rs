//! Files beside a tokenizer that say more of it: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use sibert_hub::ModelFolder;
use tokenizers::AddedToken;
use tokenizers::normalizers::BertNormalizer;

use super::TOKENIZER_CONFIG;

const SPECIAL_TOKENS: &str = "special_tokens_map.json";
const ADDED_TOKENS: &str = "added_tokens.json";
/// The keys of the special tokens, in the order of their names in [`SPECIAL`](super::SPECIAL).
const ROLES: [&str; 5] = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"];
/// The classes of transformers that build all but the vocabulary anew.
const BERT: [&str; 4] =
    ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast"];
/// The configuration of the model, which names the class where nothing else does.
const MODEL_CONFIG: &str = "config.json";

/// The settings beside a tokenizer.
#[derive(Debug, Default)]
pub struct Beside {
    /// Text of `tokenizer_config.json`, where there is one.
    pub config_json: Option<String>,
    /// The tokens that stand for nothing, by the order of [`SPECIAL`](super::SPECIAL), where they are named.
    pub special: [Option<String>; 5],
    /// Tokens that were added to the vocabulary, by their ids.
    pub added: BTreeMap<u32, AddedToken>,
    class: Option<String>,
    of_bert: bool,
    settings: Settings,
}

/// How text is cleaned before it is cut into words.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
}

impl Beside {
    /// Reads what there is.
    ///
    /// # Errors
    /// If a file is no JSON object, or a key holds another type; names file and key.
    pub fn read(place: &ModelFolder) -> Result<Self> {
        let mut beside = Self::default();
        if let Some((_, map)) = object(place, SPECIAL_TOKENS)? {
            beside.special = names(&map);
        }
        if let Some((_, map)) = object(place, ADDED_TOKENS)? {
            for (token, id) in map {
                let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
                let id =
                    id.with_context(|| format!("{}: {token}: expected an id", place.shown(ADDED_TOKENS)))?;
                beside.added.insert(id, AddedToken::from(token, false));
            }
        }
        if let Some((_, map)) = object(place, MODEL_CONFIG)? {
            beside.of_bert = map.get("model_type").is_some_and(|name| name == "bert");
        }
        if let Some((text, map)) = object(place, TOKENIZER_CONFIG)? {
            beside.configure(map).with_context(|| place.shown(TOKENIZER_CONFIG))?;
            beside.config_json = Some(text);
        }
        Ok(beside)
    }

    fn configure(&mut self, map: Map<String, Value>) -> Result<()> {
        let named = names(&map).into_iter().zip(&mut self.special);
        named.for_each(|(name, known)| *known = name.or(known.take()));
        self.class = map.get("tokenizer_class").and_then(Value::as_str).map(str::to_owned);
        if let Some(added) = map.get("added_tokens_decoder").and_then(Value::as_object) {
            for (id, token) in added {
                let id = id.parse().with_context(|| format!("added_tokens_decoder: {id}: expected an id"))?;
                let token = serde_json::from_value(token.clone());
                self.added.insert(id, token.with_context(|| format!("added_tokens_decoder: {id}"))?);
            }
        }
        self.settings = Settings::deserialize(Value::Object(map))?;
        Ok(())
    }

    /// Whether it says what case words have.
    pub fn lowercase(&self) -> Option<bool> {
        self.settings.do_lower_case
    }

    /// Whether `BertTokenizer` of transformers reads the tokenizer, which takes the vocabulary and nothing else of
    /// `tokenizer.json`: by its name or, where no class is named, by the model's, or if there is a setting of its.
    ///
    /// Without a `tokenizer_config.json` the tokenizer is what its file says, also where transformers would lower its case.
    pub fn rebuilds(&self) -> bool {
        let Settings { do_lower_case, strip_accents, tokenize_chinese_chars } = &self.settings;
        let is_set =
            [do_lower_case, strip_accents, tokenize_chinese_chars].iter().any(|setting| setting.is_some());
        let named = self.class.as_ref().map(|class| BERT.contains(&class.as_str()));
        self.config_json.is_some() && named.unwrap_or(self.of_bert || is_set)
    }

    /// The normalizer that the configuration asks for, of words in lower case or not where it is silent.
    pub fn normalizer(&self, lowercase: bool) -> BertNormalizer {
        let Settings { do_lower_case, strip_accents, tokenize_chinese_chars } = self.settings;
        BertNormalizer::new(
            true,
            tokenize_chinese_chars.unwrap_or(true),
            strip_accents,
            do_lower_case.unwrap_or(lowercase),
        )
    }
}

/// A JSON object of the place, with its text.
fn object(place: &ModelFolder, name: &str) -> Result<Option<(String, Map<String, Value>)>> {
    if !place.has(name) {
        return Ok(None);
    }
    let (text, file) = (place.text(name)?, place.shown(name));
    let value: Value = serde_json::from_str(&text)
        .with_context(|| format!("{file} is not JSON: download it again, or remove it"))?;
    ensure!(value.is_object(), "{file}: expected an object, found {value}");
    Ok(if let Value::Object(map) = value { Some((text, map)) } else { None })
}

/// The names of the special tokens: each is a text, or an object with its `content`.
fn names(map: &Map<String, Value>) -> [Option<String>; 5] {
    ROLES.map(|role| {
        let value = map.get(role)?;
        value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
    })
}
