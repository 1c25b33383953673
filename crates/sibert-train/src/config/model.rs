//! The `[model]` table: architecture and sizes, under Hugging Face's names.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sibert_model::{AttentionKind, ModelConfig, ModelType, PositionKind};
use toml::{Table, Value};

/// Architecture and sizes of the model; its vocabulary is the tokenizer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// `sibert` or `bert`.
    #[serde(rename = "type")]
    pub model_type: ModelType,
    /// `tiny`, `mini`, `small`, `medium`, `base` or `large`: sets the next four sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Width of the residual stream, d.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward block.
    pub intermediate_size: usize,
    /// The weights of SIBERT's attention, `relu` or `normalized`; absent: `relu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionKind>,
    /// The factor of the cosines of `normalized` attention; absent: 1.5 times the root of a head's width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_scale: Option<f64>,
    /// Longest sequence that has positions, in tokens.
    pub max_position_embeddings: usize,
    /// Positions, `absolute` or `rotary`; absent: `absolute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<PositionKind>,
    /// The base of the angles of `rotary` positions; absent: 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// Whether the decoder is the token table; absent: BERT's is, SIBERT's is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tie_word_embeddings: Option<bool>,
    /// Segments that have an embedding.
    pub type_vocab_size: usize,
    /// Probability of dropping an activation.
    pub hidden_dropout_prob: f32,
    /// Probability of dropping an attention weight.
    pub attention_probs_dropout_prob: f32,
    /// Standard deviation of the truncated normal initialisation.
    pub initializer_range: f64,
    /// Added to the variance in the affine layer norms of BERT and of the head.
    pub layer_norm_eps: f64,
    /// Whether the head also predicts if the second segment follows the first.
    pub next_sentence_prediction: bool,
}

/// The keys that `preset` sets, from the top level.
pub const PRESET_KEYS: [&str; 4] =
    ["model.hidden_size", "model.num_hidden_layers", "model.num_attention_heads", "model.intermediate_size"];

/// The keys that only one of the architectures has, from the top level.
pub const OF_ONE_TYPE: [&str; 6] = [
    "head",
    "model.attention",
    "model.attention_scale",
    "model.position_embedding_type",
    "model.rope_theta",
    "model.tie_word_embeddings",
];

impl From<&ModelConfig> for ModelSettings {
    /// The settings of an existing model, without the next-sentence head.
    fn from(config: &ModelConfig) -> Self {
        Self {
            model_type: config.model_type,
            preset: None,
            hidden_size: config.hidden_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            intermediate_size: config.intermediate_size,
            attention: config.attention,
            attention_scale: config.attention_scale,
            max_position_embeddings: config.max_position_embeddings,
            position_embedding_type: config.position_embedding_type,
            rope_theta: config.rope_theta,
            tie_word_embeddings: config.tie_word_embeddings,
            type_vocab_size: config.type_vocab_size,
            hidden_dropout_prob: config.hidden_dropout_prob,
            attention_probs_dropout_prob: config.attention_probs_dropout_prob,
            initializer_range: config.initializer_range,
            layer_norm_eps: config.layer_norm_eps,
            next_sentence_prediction: false,
        }
    }
}

impl ModelSettings {
    /// The model's configuration, for a tokenizer of this size and padding token.
    pub fn to_model_config(&self, vocab_size: usize, pad_token_id: u32) -> ModelConfig {
        ModelConfig {
            model_type: self.model_type,
            vocab_size,
            hidden_size: self.hidden_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            hidden_act: ModelConfig::activation(self.model_type),
            attention: self.attention,
            attention_scale: self.attention_scale,
            hidden_dropout_prob: self.hidden_dropout_prob,
            attention_probs_dropout_prob: self.attention_probs_dropout_prob,
            max_position_embeddings: self.max_position_embeddings,
            position_embedding_type: self.position_embedding_type,
            rope_theta: self.rope_theta,
            type_vocab_size: self.type_vocab_size,
            initializer_range: self.initializer_range,
            layer_norm_eps: self.layer_norm_eps,
            pad_token_id,
            tie_word_embeddings: self.tie_word_embeddings,
            next_sentence_prediction: self.next_sentence_prediction,
        }
    }
}

/// Replaces `preset` in a `[model]` table by its sizes, where the table does not give its own.
///
/// # Errors
/// If the preset is unknown; names the presets.
pub fn expand_preset(model: &mut Table) -> Result<()> {
    let Some(Value::String(name)) = model.remove("preset") else { return Ok(()) };
    let preset = ModelConfig::preset(ModelType::Sibert, &name).context("model.preset")?;
    for (key, size) in [
        ("hidden_size", preset.hidden_size),
        ("num_hidden_layers", preset.num_hidden_layers),
        ("num_attention_heads", preset.num_attention_heads),
        ("intermediate_size", preset.intermediate_size),
    ] {
        model.entry(key).or_insert(Value::Integer(size as i64));
    }
    Ok(())
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            model_type: ModelType::Sibert,
            preset: None,
            hidden_size: 128,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            intermediate_size: 512,
            attention: None,
            attention_scale: None,
            max_position_embeddings: 512,
            position_embedding_type: None,
            rope_theta: None,
            tie_word_embeddings: None,
            type_vocab_size: 2,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            initializer_range: 0.02,
            layer_norm_eps: 1e-12,
            next_sentence_prediction: false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_tiny_preset() {
        let tiny = ModelConfig::preset(ModelType::Sibert, "tiny").unwrap();
        assert_eq!(ModelSettings::default().to_model_config(tiny.vocab_size, tiny.pad_token_id), tiny);
    }
}
