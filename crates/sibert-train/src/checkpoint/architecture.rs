//! Refusing to resume into a model of another shape.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Keys of `config.json` that decide which function the weights stand for.
const KEYS: [&str; 15] = [
    "model_type",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "attention",
    "attention_scale",
    "max_position_embeddings",
    "position_embedding_type",
    "rope_theta",
    "tie_word_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "next_sentence_prediction",
];

/// Compares a checkpoint's configuration with that of this run; dropout and initialisation may differ.
///
/// # Errors
/// Names the checkpoint and every key that differs, with both values.
pub fn ensure_same_architecture(checkpoint: &str, found_json: &str, wanted_json: &str) -> Result<()> {
    let found: Value =
        serde_json::from_str(found_json).with_context(|| format!("{checkpoint}/config.json"))?;
    let wanted: Value = serde_json::from_str(wanted_json).context("this run's configuration")?;
    let differences: Vec<String> = KEYS
        .iter()
        .filter(|key| value(&found, key) != value(&wanted, key))
        .map(|key| {
            format!(
                "{key} is {}, this run's configuration says {}",
                show(value(&found, key)),
                show(value(&wanted, key))
            )
        })
        .collect();
    ensure!(
        differences.is_empty(),
        "{checkpoint}: {}: resume with the configuration it was saved with \
         ({checkpoint}/training_state/run.toml), or start a new run with another --out",
        differences.join("; ")
    );
    Ok(())
}

/// An absent switch is off, positions of an absent type are absolute, attention of none has the paper's weights, and the decoder
/// of BERT alone is tied.
fn value<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    let tied = key == "tie_word_embeddings" && config["model_type"] == "bert";
    let implied = |value: &Value| *value == Value::Bool(tied) || *value == "absolute" || *value == "relu";
    config.get(key).filter(|value| !implied(value))
}

fn show(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "absent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn another_architecture_is_named_key_by_key() {
        let found = r#"{"model_type": "sibert", "hidden_size": 256, "num_hidden_layers": 4}"#;
        let wanted = r#"{"model_type": "bert", "hidden_size": 128, "num_hidden_layers": 4}"#;
        let error = ensure_same_architecture("checkpoint-000500", found, wanted).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "checkpoint-000500: model_type is sibert, this run's configuration says bert; \
                 hidden_size is 256, this run's configuration says 128: resume with"
            ),
            "{error}"
        );
    }

    #[test]
    fn attention_is_the_papers_if_absent() {
        let (none, normalized) = ("{}", r#"{"attention": "normalized"}"#);
        ensure_same_architecture("last", none, r#"{"attention": "relu"}"#).unwrap();
        let error = ensure_same_architecture("last", normalized, none).unwrap_err().to_string();
        assert!(error.contains("attention is normalized, this run's configuration says absent"), "{error}");
        let sharper = r#"{"attention": "normalized", "attention_scale": 9.0}"#;
        assert!(ensure_same_architecture("last", normalized, sharper).is_err());
    }

    #[test]
    fn positions_are_absolute_if_absent() {
        let (none, rotary) = ("{}", r#"{"position_embedding_type": "rotary"}"#);
        ensure_same_architecture("last", none, r#"{"position_embedding_type": "absolute"}"#).unwrap();
        let error = ensure_same_architecture("last", none, rotary).unwrap_err().to_string();
        assert!(error.contains("position_embedding_type is absent, this run's"), "{error}");
    }

    #[test]
    fn the_decoder_of_bert_alone_is_tied_if_absent() {
        let with = |model_type: &str, tied: &str| format!(r#"{{"model_type": "{model_type}"{tied}}}"#);
        let (yes, no) = (r#", "tie_word_embeddings": true"#, r#", "tie_word_embeddings": false"#);
        for (model_type, same, other) in [("bert", yes, no), ("sibert", no, yes)] {
            let absent = with(model_type, "");
            ensure_same_architecture("last", &absent, &with(model_type, same)).unwrap();
            let error = ensure_same_architecture("last", &with(model_type, other), &absent).unwrap_err();
            assert!(error.to_string().contains("tie_word_embeddings is"), "{error}");
        }
    }

    #[test]
    fn dropout_and_absent_switches_may_differ() {
        let found = r#"{"hidden_size": 256, "hidden_dropout_prob": 0.1, "next_sentence_prediction": false}"#;
        let wanted = r#"{"hidden_size": 256, "hidden_dropout_prob": 0.0}"#;
        ensure_same_architecture("checkpoint-000500", found, wanted).unwrap();
    }
}
