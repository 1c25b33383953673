//! `config.json`: what it must say for the weights to mean what they mean here.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sibert_data::source;
use sibert_hub::ModelFolder;
use sibert_model::{HiddenAct, ModelConfig, ModelType};

use crate::console::note;
use crate::memory;

/// Name of the file.
const CONFIG: &str = "config.json";
/// The exact gelu under the names that transformers has for it.
const EXACT_GELU: [&str; 2] = ["gelu", "gelu_python"];

/// The shape of the model, and all of its `config.json`.
///
/// # Errors
/// If the file is missing or cannot be understood, or the model is of another architecture, or larger than the memory of
/// this machine; names file and key.
pub fn read(place: &ModelFolder) -> Result<(ModelConfig, Value)> {
    let file = place.shown(CONFIG);
    ensure!(
        place.has(CONFIG),
        "{file} is missing: expected a model as transformers saves it, {CONFIG} beside model.safetensors; found {}",
        place.listing()
    );
    let read = parse(&place.text(CONFIG)?, &file).and_then(|(config, json)| {
        memory::ensure_room(&config, 1, memory::machine_bytes())?;
        Ok((config, json))
    });
    read.with_context(|| file)
}

fn parse(text: &str, file: &str) -> Result<(ModelConfig, Value)> {
    let found: Value = serde_json::from_str(text).context("not JSON: download it again")?;
    ensure!(found.is_object(), "expected an object with model_type, hidden_size and so on, found {found}");
    let mut known = found.clone();
    let model_type = model_type(&found)?;
    if found.get("model_type").is_none() {
        note(format!("{file} has no model_type: taken for bert"));
        known["model_type"] = model_type.prefix().into();
    }
    check_function(&found, model_type)?;
    if found["hidden_act"].as_str().is_some_and(|name| EXACT_GELU.contains(&name)) {
        known["hidden_act"] = "gelu".into();
    }
    // Only the text itself has the line of a mistake.
    let text = if known == found { text.to_owned() } else { serde_json::to_string_pretty(&known)? };
    Ok((ModelConfig::from_json(&text)?, known))
}

/// `bert` or `sibert`; files from before 2020 have no such key.
fn model_type(config: &Value) -> Result<ModelType> {
    let architectures = config["architectures"].as_array();
    let is_bert = |name: &Value| name.as_str().is_some_and(|name| name.starts_with("Bert"));
    match config.get("model_type").map(|value| value.as_str().unwrap_or_default()) {
        Some("bert") => Ok(ModelType::Bert),
        Some("sibert") => Ok(ModelType::Sibert),
        None if architectures.is_none_or(|names| names.iter().all(is_bert)) => Ok(ModelType::Bert),
        _ => {
            let key = if config.get("model_type").is_some() { "model_type" } else { "architectures" };
            bail!(
                "{key} is {}: only bert and sibert are supported; use such a model, for instance \
                 google-bert/bert-base-uncased or one from `sibert pretrain`",
                shown(&config[key])
            )
        }
    }
}

/// Refuses keys that make another function of the same weights.
fn check_function(config: &Value, model_type: ModelType) -> Result<()> {
    let (expected, names) = match ModelConfig::activation(model_type) {
        HiddenAct::Gelu => ("gelu", &EXACT_GELU[..]),
        HiddenAct::Relu => ("relu", &["relu"][..]),
    };
    match &config["hidden_act"] {
        Value::Null => {} // missing, which is said with the other keys
        Value::String(name) if names.contains(&name.as_str()) => {}
        other => bail!(
            "hidden_act is {}, expected {expected}: {} is supported with that activation only, and another \
             one{} would change the model's results; use a model with hidden_act {expected}",
            shown(other),
            model_type.prefix(),
            if is_approximation(other) { ", even the approximation of a gelu," } else { "" },
        ),
    }
    let positions = &config["position_embedding_type"];
    ensure!(
        positions.is_null() || positions == "absolute" || positions == "rotary",
        "position_embedding_type is {}, expected absolute or rotary: attention here knows no table of \
         distances; take a model with one of the two",
        shown(positions)
    );
    for key in ["is_decoder", "add_cross_attention"] {
        ensure!(
            config[key] != true,
            "{key} is true: this is a decoder, which sees only earlier tokens; use an encoder"
        );
    }
    Ok(())
}

fn is_approximation(activation: &Value) -> bool {
    activation.as_str().is_some_and(|name| name.contains("gelu"))
}

/// A value as messages show it: texts without quotes, their control characters escaped.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), source::shown)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::fixture::config;
    use super::*;

    /// The tiny configuration with some keys replaced; null removes one.
    fn with(changes: Value) -> Value {
        let mut config = config();
        let keys = config.as_object_mut().unwrap();
        for (key, value) in changes.as_object().unwrap() {
            keys.insert(key.clone(), value.clone());
        }
        keys.retain(|_, value| !value.is_null());
        config
    }

    fn error(changes: Value) -> String {
        format!("{:#}", parse(&with(changes).to_string(), "config.json").unwrap_err())
    }

    #[test]
    fn other_architectures_are_named_beside_those_that_are_supported() {
        for name in ["roberta", "distilbert", "electra", ""] {
            let error = error(json!({ "model_type": name }));
            assert!(
                error.starts_with(&format!("model_type is {name}: only bert and sibert are supported")),
                "{error}"
            );
        }
        assert!(error(json!({"model_type": 3})).starts_with("model_type is 3: only bert"));
        let odd = error(json!({"model_type": "a\n\u{1b}[31mb"}));
        assert!(odd.starts_with("model_type is a\\n\\u{1b}[31mb: only bert"), "{odd}");
    }

    #[test]
    fn old_files_without_a_model_type_are_taken_for_bert() {
        let (config, json) = parse(&with(json!({"model_type": null})).to_string(), "config.json").unwrap();
        assert_eq!((config.model_type, &json["model_type"]), (ModelType::Bert, &json!("bert")));
        let other = error(json!({"model_type": null, "architectures": ["RobertaModel"]}));
        assert!(other.starts_with("architectures is [\"RobertaModel\"]: only bert"), "{other}");
    }

    #[test]
    fn activations_other_than_the_exact_gelu_are_refused() {
        for name in ["gelu_new", "gelu_pytorch_tanh", "quick_gelu"] {
            let error = error(json!({ "hidden_act": name }));
            let expected = format!("hidden_act is {name}, expected gelu");
            assert!(error.starts_with(&expected) && error.contains("approximation"), "{error}");
        }
        assert!(!error(json!({"hidden_act": "silu"})).contains("approximation"));
        let sibert = error(json!({"model_type": "sibert", "hidden_act": "gelu"}));
        assert!(sibert.starts_with("hidden_act is gelu, expected relu"), "{sibert}");
        let python = with(json!({"hidden_act": "gelu_python"})).to_string();
        assert_eq!(parse(&python, "config.json").unwrap().0.hidden_act, HiddenAct::Gelu);
    }

    #[test]
    fn relative_positions_and_decoders_are_refused() {
        let relative = error(json!({"position_embedding_type": "relative_key"}));
        assert!(
            relative.starts_with("position_embedding_type is relative_key, expected absolute or rotary"),
            "{relative}"
        );
        let rotary = with(json!({"position_embedding_type": "rotary"})).to_string();
        assert_eq!(parse(&rotary, "config.json").unwrap().0.rotary_base(), Some(1e4));
        assert!(error(json!({"is_decoder": true})).starts_with("is_decoder is true: this is a decoder"));
        parse(&with(json!({"position_embedding_type": "absolute", "is_decoder": false})).to_string(), "")
            .unwrap();
    }

    #[test]
    fn what_is_no_configuration_says_where_it_ends_to_be_one() {
        let error = |text: &str| format!("{:#}", parse(text, "config.json").unwrap_err());
        assert!(error("{\"model_type\": ").contains("not JSON") && error("{").contains("line 1"));
        assert!(error("[1]").starts_with("expected an object") && error("[1]").ends_with("found [1]"));
        let typed = error("{\n\"model_type\": \"bert\",\n\"vocab_size\": \"many\"}");
        assert!(typed.contains("invalid type") && typed.contains("line 3"), "{typed}");
        assert!(self::error(json!({"hidden_size": null})).starts_with("missing field `hidden_size`"));
        assert!(self::error(json!({"hidden_size": 5, "num_attention_heads": 2})).contains("not a multiple"));
    }

    #[test]
    fn keys_of_other_programs_are_kept() {
        let (config, json) = parse(&with(json!({"finetuning_task": "mrpc"})).to_string(), "").unwrap();
        assert_eq!((config.hidden_size, &json["finetuning_task"]), (4, &json!("mrpc")));
    }
}
