//! `tokenizer_config.json`: tells Python's `transformers` which class reads a tokenizer.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::tokenizer::SPECIAL;

/// Name of the file.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The text of the file; sequences of up to `model_max_length` tokens fit the model.
///
/// `BertTokenizer` builds its normaliser from the entries here, so they are those of the tokenizer; one that is not
/// BERT's is read as `tokenizer.json` has it.
///
/// # Errors
/// If the tokenizer cannot be written down.
pub fn text(tokenizer: &Tokenizer, model_max_length: usize) -> Result<String> {
    let normalizer = serde_json::to_value(tokenizer.get_normalizer())
        .map_err(|error| anyhow!("the tokenizer's normalizer: {error}"))?;
    let [pad, unk, cls, sep, mask] = SPECIAL;
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model_max_length,
        "pad_token": pad,
        "unk_token": unk,
        "cls_token": cls,
        "sep_token": sep,
        "mask_token": mask,
    });
    if normalizer["type"] == "BertNormalizer" {
        config["tokenizer_class"] = Value::from("BertTokenizer");
        config["do_lower_case"] = normalizer["lowercase"].clone();
        config["strip_accents"] = normalizer["strip_accents"].clone();
        config["tokenize_chinese_chars"] = normalizer["handle_chinese_chars"].clone();
    }
    Ok(serde_json::to_string_pretty(&config)? + "\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::source::Document;
    use crate::data::tokenizer;

    #[test]
    fn the_entries_are_those_of_the_normaliser() {
        let documents = [Document { text: "the The the The".into() }];
        let mut tokenizer = tokenizer::train(&documents, 100).unwrap();
        let config =
            |tokenizer: &Tokenizer| -> Value { serde_json::from_str(&text(tokenizer, 64).unwrap()).unwrap() };
        let bert = config(&tokenizer);
        assert_eq!(
            (&bert["tokenizer_class"], &bert["do_lower_case"]),
            (&json!("BertTokenizer"), &json!(true))
        );
        assert_eq!((&bert["strip_accents"], &bert["model_max_length"]), (&Value::Null, &json!(64)));
        tokenizer.with_normalizer(None::<tokenizers::NormalizerWrapper>).unwrap();
        let other = config(&tokenizer);
        assert_eq!(other["tokenizer_class"], "PreTrainedTokenizerFast");
        assert_eq!((other.get("do_lower_case"), &other["mask_token"]), (None, &json!("[MASK]")));
    }
}
