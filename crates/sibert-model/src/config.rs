//! The shape of a model, under Hugging Face's names.

use std::path::Path;

use candle_core::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};

use crate::python;

/// Returns a message without the backtrace that candle's `bail!` adds: the mistake is in a file, not in the code.
macro_rules! refuse {
    ($($message:tt)*) => { return Err(Error::Msg(format!($($message)*))) };
}

mod attention;
mod positions;
mod size;

pub use attention::AttentionKind;
pub use positions::PositionKind;

/// Which architecture a configuration describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelType {
    /// The scale-invariant encoder of Li et al. (2022), Section 3.
    Sibert,
    /// The plain BERT of Devlin et al. (2019): post-norm, softmax, GELU.
    Bert,
}

impl ModelType {
    /// The prefix of the encoder's parameter names, which is also `model_type` in `config.json`.
    pub fn prefix(self) -> &'static str {
        match self {
            ModelType::Sibert => "sibert",
            ModelType::Bert => "bert",
        }
    }
}

/// The activation of the feed-forward block; fixed by the architecture and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenAct {
    /// `max(x, 0)`: homogeneous of degree one, hence SIBERT's.
    Relu,
    /// The exact (erf) Gaussian error linear unit, BERT's.
    Gelu,
}

/// Sizes and rates of a model; the keys of `config.json`.
///
/// ```
/// use sibert_model::{ModelConfig, ModelType};
/// let config = ModelConfig::preset(ModelType::Sibert, "mini")?;
/// assert_eq!((config.num_hidden_layers, config.hidden_size), (4, 256));
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// `sibert` or `bert`.
    pub model_type: ModelType,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of encoder layers.
    pub num_hidden_layers: usize,
    /// Number of attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward block.
    pub intermediate_size: usize,
    /// Activation of the feed-forward block: `relu` for SIBERT, `gelu` for BERT.
    pub hidden_act: HiddenAct,
    /// The weights of SIBERT's attention, `relu` if absent; BERT has no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionKind>,
    /// The factor c of normalised attention's cosines, `1.5 · √head_dim` if absent; ReLU has no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_scale: Option<f64>,
    /// Dropout after the embeddings, attention and feed-forward blocks, in `[0, 1)`.
    #[serde(default = "tenth", serialize_with = "shortest")]
    pub hidden_dropout_prob: f32,
    /// Dropout of the attention weights, in `[0, 1)`.
    #[serde(default = "tenth", serialize_with = "shortest")]
    pub attention_probs_dropout_prob: f32,
    /// Longest sequence that has positions.
    pub max_position_embeddings: usize,
    /// How a token's place is told, `absolute` if absent; BERT's published models know no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<PositionKind>,
    /// The base of the angles of `rotary` positions, 10000 if absent; other positions have no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// Number of segments.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Standard deviation of the truncated normal initialisation.
    #[serde(default = "fiftieth")]
    pub initializer_range: f64,
    /// Added to the variance in the affine layer norms of BERT and of the masked-LM head.
    ///
    /// SIBERT's encoder has none: it would break scale invariance.
    #[serde(default = "tiny_eps")]
    pub layer_norm_eps: f64,
    /// Token id of padding.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Whether the masked-LM decoder is the token table: for BERT, true if absent, the table as it is and a bias; for SIBERT,
    /// false if absent, the table's rows divided by their lengths, without a bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_word_embeddings: Option<bool>,
    /// Whether the pretraining head also predicts if the second segment follows the first.
    #[serde(default)]
    pub next_sentence_prediction: bool,
}

fn tenth() -> f32 {
    0.1
}
/// The number as it is written: 0.1, not the 0.10000000149 that single precision makes of it.
fn shortest<S: Serializer>(number: &f32, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    number.to_string().parse::<f64>().unwrap_or_else(|_| f64::from(*number)).serialize(serializer)
}
fn two() -> usize {
    2
}
fn fiftieth() -> f64 {
    0.02
}
fn tiny_eps() -> f64 {
    1e-12
}

/// Name, layers, width and heads of each preset; the feed-forward width is four times the width.
const PRESETS: [(&str, usize, usize, usize); 6] = [
    ("tiny", 2, 128, 2),
    ("mini", 4, 256, 4),
    ("small", 4, 512, 8),
    ("medium", 8, 512, 8),
    ("base", 12, 768, 12),
    ("large", 24, 1024, 16),
];

impl ModelConfig {
    /// A published size: `tiny`, `mini`, `small`, `medium`, `base` or `large`, with BERT's vocabulary.
    ///
    /// # Errors
    /// If the name is none of these.
    pub fn preset(model_type: ModelType, name: &str) -> Result<Self> {
        let Some(&(_, num_hidden_layers, hidden_size, num_attention_heads)) =
            PRESETS.iter().find(|preset| preset.0 == name)
        else {
            let names = PRESETS.map(|preset| preset.0).join(", ");
            refuse!("model preset `{name}` is unknown; the presets are {names}")
        };
        Ok(Self {
            model_type,
            vocab_size: 30522,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size: 4 * hidden_size,
            hidden_act: Self::activation(model_type),
            attention: None,
            attention_scale: None,
            hidden_dropout_prob: tenth(),
            attention_probs_dropout_prob: tenth(),
            max_position_embeddings: 512,
            position_embedding_type: None,
            rope_theta: None,
            type_vocab_size: two(),
            initializer_range: fiftieth(),
            layer_norm_eps: tiny_eps(),
            pad_token_id: 0,
            tie_word_embeddings: None,
            next_sentence_prediction: false,
        })
    }

    /// The one activation that an architecture can have.
    pub fn activation(model_type: ModelType) -> HiddenAct {
        match model_type {
            ModelType::Sibert => HiddenAct::Relu,
            ModelType::Bert => HiddenAct::Gelu,
        }
    }

    /// Width of one attention head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Refuses sizes and rates that make no model.
    ///
    /// # Errors
    /// Names the key, its value and the rule that it breaks.
    pub fn validate(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        for (key, value) in sizes {
            if value == 0 {
                refuse!("{key} is 0, expected at least 1");
            }
        }
        let Self { hidden_size, num_attention_heads, .. } = self;
        if !hidden_size.is_multiple_of(*num_attention_heads) {
            refuse!(
                "hidden_size {hidden_size} is not a multiple of num_attention_heads {num_attention_heads}"
            );
        }
        self.validate_positions()?;
        for (key, p) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            if !(0. ..1.).contains(&p) {
                refuse!("{key} is {p}, expected at least 0 and below 1");
            }
        }
        for (key, value) in
            [("initializer_range", self.initializer_range), ("layer_norm_eps", self.layer_norm_eps)]
        {
            if !(value.is_finite() && value > 0.) {
                refuse!("{key} is {value}, expected a positive number");
            }
        }
        if self.pad_token_id as usize >= self.vocab_size {
            refuse!("pad_token_id is {}, expected below vocab_size {}", self.pad_token_id, self.vocab_size);
        }
        self.validate_activation()?;
        self.validate_attention()
    }

    /// Whether the masked-LM decoder is the token table.
    pub fn has_tied_decoder(&self) -> bool {
        self.tie_word_embeddings.unwrap_or(self.model_type == ModelType::Bert)
    }

    /// Refuses sequences of more tokens than there are positions.
    pub(crate) fn check_length(&self, seq: usize) -> Result<()> {
        let positions = self.max_position_embeddings;
        if seq > positions {
            refuse!("a sequence of {seq} tokens is longer than max_position_embeddings {positions}");
        }
        Ok(())
    }

    fn validate_activation(&self) -> Result<()> {
        let expected = Self::activation(self.model_type);
        if self.hidden_act != expected {
            refuse!(
                "hidden_act is {:?}, expected {expected:?} for model_type {}",
                self.hidden_act,
                self.model_type.prefix()
            );
        }
        Ok(())
    }

    /// Reads and validates a `config.json`; keys that it does not know are left alone.
    ///
    /// # Errors
    /// If the file cannot be read or parsed, or `validate` refuses it; names the file.
    pub fn load(path: &Path) -> Result<Self> {
        let named = |error: &dyn std::fmt::Display| Error::Msg(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
        let config = Self::from_json(&text).map_err(|error| named(&error))?;
        Ok(config)
    }

    /// Parses and validates the text of a `config.json`.
    ///
    /// # Errors
    /// If a key is missing or of the wrong type, or `validate` refuses it.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| Error::Msg(error.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// The text of `config.json`, with the keys that the hub expects: `architectures`, and for SIBERT `auto_map`.
    ///
    /// # Errors
    /// If a number cannot be written as JSON (NaN).
    pub fn to_json(&self) -> Result<String> {
        let architecture = match self.model_type {
            ModelType::Sibert => "SibertForPreTraining",
            ModelType::Bert if self.next_sentence_prediction => "BertForPreTraining",
            ModelType::Bert => "BertForMaskedLM",
        };
        let json = |error: serde_json::Error| Error::Msg(error.to_string());
        let mut value = serde_json::json!({ "architectures": [architecture] });
        let keys = serde_json::to_value(self).map_err(json)?;
        if let (Some(map), serde_json::Value::Object(keys)) = (value.as_object_mut(), keys) {
            map.extend(python::auto_map(self.model_type).map(|classes| ("auto_map".to_owned(), classes)));
            map.extend(keys);
        }
        Ok(serde_json::to_string_pretty(&value).map_err(json)? + "\n")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_survives_json() {
        for (name, ..) in PRESETS {
            for model_type in [ModelType::Sibert, ModelType::Bert] {
                let config = ModelConfig::preset(model_type, name).unwrap();
                assert_eq!(ModelConfig::from_json(&config.to_json().unwrap()).unwrap(), config);
            }
        }
    }

    #[test]
    fn a_rate_of_a_tenth_is_written_as_a_tenth() {
        let json = ModelConfig::preset(ModelType::Bert, "tiny").unwrap().to_json().unwrap();
        assert!(json.contains("\"hidden_dropout_prob\": 0.1,"), "{json}");
    }

    #[test]
    fn errors_name_key_value_and_rule() {
        let base = ModelConfig::preset(ModelType::Sibert, "base").unwrap();
        let message = |config: ModelConfig| config.validate().unwrap_err().to_string();
        assert_eq!(
            message(ModelConfig { hidden_size: 770, ..base.clone() }),
            "hidden_size 770 is not a multiple of num_attention_heads 12"
        );
        assert_eq!(
            message(ModelConfig { vocab_size: 0, ..base.clone() }),
            "vocab_size is 0, expected at least 1"
        );
        assert_eq!(
            message(ModelConfig { hidden_dropout_prob: 1., ..base.clone() }),
            "hidden_dropout_prob is 1, expected at least 0 and below 1"
        );
        assert_eq!(
            message(ModelConfig { hidden_act: HiddenAct::Gelu, ..base }),
            "hidden_act is Gelu, expected Relu for model_type sibert"
        );
    }

    #[test]
    fn keys_of_other_programs_are_left_alone() {
        let json = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "hidden_act": "gelu",
            "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
            "max_position_embeddings": 512, "transformers_version": "4.8.2", "gradient_checkpointing": false}"#;
        assert_eq!(ModelConfig::from_json(json).unwrap().head_dim(), 32);
    }
}
