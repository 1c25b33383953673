//! `tokenizer_config.json` of what is written here: it tells Python's `transformers` which class reads a tokenizer.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use super::{SPECIAL, enclose};
use crate::wordpiece::CONTINUATION;

/// The text of the file; sequences of up to `model_max_length` tokens fit the model.
///
/// `BertTokenizer` takes the vocabulary alone and builds everything else from the entries here. So it is named only where
/// everything else is BERT's; any other tokenizer is read as `tokenizer.json` has it.
///
/// # Errors
/// If the tokenizer cannot be written down.
pub fn config_json(tokenizer: &Tokenizer, model_max_length: usize) -> Result<String> {
    let [pad, unk, cls, sep, mask] = SPECIAL;
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "model_max_length": model_max_length,
        "pad_token": pad,
        "unk_token": unk,
        "cls_token": cls,
        "sep_token": sep,
        "mask_token": mask,
    });
    if let (Some(NormalizerWrapper::BertNormalizer(normalizer)), true) =
        (tokenizer.get_normalizer(), is_bert(tokenizer)?)
    {
        config["tokenizer_class"] = Value::from("BertTokenizer");
        config["do_lower_case"] = normalizer.lowercase.into();
        config["strip_accents"] = normalizer.strip_accents.into();
        config["tokenize_chinese_chars"] = normalizer.handle_chinese_chars.into();
    }
    Ok(serde_json::to_string_pretty(&config)? + "\n")
}

/// Whether all but the vocabulary is what `BertTokenizer` builds.
fn is_bert(tokenizer: &Tokenizer) -> Result<bool> {
    let cleans = |normalizer: &NormalizerWrapper| matches!(normalizer, NormalizerWrapper::BertNormalizer(bert) if bert.clean_text);
    let splits = matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
    let spells = match tokenizer.get_model() {
        ModelWrapper::WordPiece(model) => {
            model.unk_token == SPECIAL[1]
                && model.continuing_subword_prefix == CONTINUATION
                && model.max_input_chars_per_word == 100
        }
        _ => false,
    };
    Ok(tokenizer.get_normalizer().is_some_and(cleans) && splits && spells && encloses(tokenizer)?)
}

/// Whether `[CLS]` and `[SEP]` come where BERT has them, by whichever post-processor.
fn encloses(tokenizer: &Tokenizer) -> Result<bool> {
    let mut bert = tokenizer.clone();
    enclose(&mut bert)?;
    let pair = |tokenizer: &Tokenizer| {
        let encoding = tokenizer.encode((SPECIAL[4], SPECIAL[4]), true).map_err(|error| anyhow!(error))?;
        anyhow::Ok((encoding.get_ids().to_vec(), encoding.get_type_ids().to_vec()))
    };
    Ok(pair(&bert)? == pair(tokenizer)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokenizers::normalizers::BertNormalizer;
    use tokenizers::pre_tokenizers::digits::Digits;
    use tokenizers::processors::template::TemplateProcessing;

    use super::*;
    use crate::source::Document;
    use crate::tokenizer;

    fn learned() -> Tokenizer {
        tokenizer::train(&[Document { text: "the The the The".into() }], 100).unwrap()
    }

    fn config(tokenizer: &Tokenizer) -> Value {
        serde_json::from_str(&config_json(tokenizer, 64).unwrap()).unwrap()
    }

    #[test]
    fn the_entries_are_those_of_the_normalizer() {
        let bert = config(&learned());
        let class = (&bert["tokenizer_class"], &bert["do_lower_case"]);
        assert_eq!(class, (&json!("BertTokenizer"), &json!(true)));
        assert_eq!((&bert["strip_accents"], &bert["model_max_length"]), (&Value::Null, &json!(64)));
    }

    #[test]
    fn what_bert_would_not_build_is_read_as_it_is_written() {
        let changes: [fn(&mut Tokenizer); 5] = [
            |tokenizer| {
                tokenizer.with_normalizer(None::<NormalizerWrapper>).unwrap();
            },
            |tokenizer| {
                tokenizer.with_normalizer(Some(BertNormalizer::new(false, true, None, true))).unwrap();
            },
            |tokenizer| {
                tokenizer.with_pre_tokenizer(Some(Digits::new(true)));
            },
            |tokenizer| {
                let template = TemplateProcessing::builder().try_single("$A").unwrap().build().unwrap();
                tokenizer.with_post_processor(Some(template));
            },
            |tokenizer| {
                let ModelWrapper::WordPiece(mut model) = tokenizer.get_model().clone() else {
                    unreachable!()
                };
                model.max_input_chars_per_word = 7;
                tokenizer.with_model(model);
            },
        ];
        for change in changes {
            let mut other = learned();
            change(&mut other);
            let config = config(&other);
            assert_eq!(config["tokenizer_class"], "PreTrainedTokenizerFast");
            assert_eq!((config.get("do_lower_case"), &config["mask_token"]), (None, &json!("[MASK]")));
            assert_eq!(config["model_input_names"][1], "token_type_ids");
        }
    }
}
