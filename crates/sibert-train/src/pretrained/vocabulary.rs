//! The tokenizer of a model.

use anyhow::{Context, Result, anyhow, bail, ensure};
use sibert_data::contained::contained;
use sibert_data::tokenizer::{self, Opened, SpecialTokens, TOKENIZER, VOCABULARY, vocab_size};
use sibert_hub::ModelFolder;
use tokenizers::Tokenizer;

use crate::console::{note, note_once};

/// Tables are made larger up to a multiple of this, for speed; what is larger yet is odd.
const PADDING: usize = 128;

/// Reads `tokenizer.json`, or `vocab.txt` if there is none, for a model with `rows` tokens.
///
/// # Errors
/// If there is none, it cannot be understood, has more tokens than the model, or is not a BERT's; names the file.
pub fn read(place: &ModelFolder, rows: usize) -> Result<Opened> {
    let Some(name) = tokenizer::find(place) else {
        bail!(
            "{} is missing, and so is {VOCABULARY}: put the tokenizer there that the model was trained with; found {}",
            place.shown(TOKENIZER),
            place.listing()
        );
    };
    let (opened, file) = (tokenizer::read(place, name, &note_once)?, place.shown(name));
    check_size(&opened.tokenizer, rows, &file)?;
    contained(|| check_pairs(&opened.tokenizer)).with_context(|| file)?;
    Ok(opened)
}

fn check_size(tokenizer: &Tokenizer, rows: usize, file: &str) -> Result<()> {
    let size = vocab_size(tokenizer);
    ensure!(
        size <= rows,
        "{file} has ids up to {}, the model's vocab_size is {rows}: it is another model's tokenizer, or tokens were \
         added to it and not to the model; put the one there that the model was trained with",
        size - 1
    );
    if rows - size >= PADDING {
        note(format!(
            "{file} has {size} tokens, the model {rows}: is it the one the model was trained with?"
        ));
    }
    Ok(())
}

/// Refuses what does not make `[CLS] A [SEP] B [SEP]` in two segments of a pair: the model was trained on that.
fn check_pairs(tokenizer: &Tokenizer) -> Result<()> {
    let special = SpecialTokens::of(tokenizer)?;
    let pair = tokenizer.encode(("a", "a"), true).map_err(|error| anyhow!("it fails on a text: {error}"))?;
    let ids = pair.get_ids().iter().zip(pair.get_type_ids());
    let marks =
        ids.filter(|(id, _)| [special.cls, special.sep].contains(id)).map(|(&id, &segment)| (id, segment));
    ensure!(
        marks.eq([(special.cls, 0), (special.sep, 0), (special.sep, 1)]),
        "it makes {} in the segments {:?} of a pair, expected [CLS] A [SEP] B [SEP] in 0 and 1: it is not a BERT's; \
         put the one there that the model was trained with",
        pair.get_tokens().join(" "),
        pair.get_type_ids()
    );
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture::{Model, WORDS, tokenizer_json};

    #[test]
    fn a_tokenizer_without_a_post_processor_gets_that_of_bert() {
        let model = Model::new();
        let mut tokenizer: Value = serde_json::from_str(&tokenizer_json()).unwrap();
        tokenizer["post_processor"] = Value::Null;
        model.write("tokenizer.json", &tokenizer.to_string());
        let encoding = model.open().unwrap().tokenizer.encode(("a", "b"), true).unwrap();
        assert_eq!(
            (encoding.get_ids(), encoding.get_type_ids()),
            (&[2, 5, 3, 6, 3][..], &[0, 0, 0, 1, 1][..])
        );
    }

    /// The error of a model with another `tokenizer.json`.
    fn with(change: impl Fn(&mut Value)) -> String {
        let model = Model::new();
        let mut tokenizer: Value = serde_json::from_str(&tokenizer_json()).unwrap();
        change(&mut tokenizer);
        model.write("tokenizer.json", &tokenizer.to_string());
        model.error()
    }

    #[test]
    fn a_model_without_a_tokenizer_is_refused() {
        let model = Model::new();
        model.remove("tokenizer.json");
        let error = model.error();
        assert!(
            error.contains("tokenizer.json is missing, and so is vocab.txt: put the tokenizer there"),
            "{error}"
        );
        assert!(error.ends_with("found config.json, model.safetensors"), "{error}");
    }

    #[test]
    fn more_tokens_than_the_model_has_are_refused_and_fewer_are_not() {
        let model = Model::new();
        model.configure(json!({"vocab_size": 8}));
        let error = model.error();
        assert!(
            error.contains("tokenizer.json has ids up to 8, the model's vocab_size is 8: it is another"),
            "{error}"
        );
        model.configure(json!({"vocab_size": 30522}));
        model.open().unwrap();
    }

    #[test]
    fn tokenizers_of_other_models_are_refused() {
        let flat = with(|tokenizer| {
            for piece in tokenizer["post_processor"]["pair"].as_array_mut().unwrap() {
                let inner = piece.as_object_mut().unwrap().values_mut().next().unwrap();
                inner["type_id"] = json!(0);
            }
        });
        assert!(flat.contains("in the segments [0, 0, 0, 0, 0] of a pair"), "{flat}");
        assert!(with(|tokenizer| *tokenizer = json!({})).contains("not a tokenizer.json"));
        let unmasked = with(|tokenizer| {
            tokenizer["added_tokens"] = json!([]);
            tokenizer["model"]["vocab"].as_object_mut().unwrap().remove("[MASK]");
        });
        assert!(unmasked.contains("has no [MASK] token"), "{unmasked}");
    }

    #[test]
    fn a_configuration_that_is_no_json_is_named() {
        let model = Model::new();
        model.write("tokenizer_config.json", "{");
        assert!(model.error().contains("tokenizer_config.json is not JSON: download it again"));
        model.write("tokenizer_config.json", "[]");
        assert!(model.error().contains("tokenizer_config.json: expected an object, found []"));
    }

    #[test]
    fn tokenizer_json_comes_before_the_vocabulary() {
        let model = Model::new();
        model.write("vocab.txt", &WORDS.replace('a', "x"));
        assert_eq!(model.open().unwrap().tokenizer.token_to_id("a"), Some(5));
    }
}
