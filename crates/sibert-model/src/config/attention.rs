//! How SIBERT's attention makes its weights, and the factor of its cosines.

use candle_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{ModelConfig, ModelType};

/// How SIBERT's attention makes weights of queries and keys; BERT has the softmax of their products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionKind {
    /// Rectified products over their row sum, the paper's.
    Relu,
    /// The softmax of `c` times the cosines of queries and keys, head by head.
    Normalized,
}

impl ModelConfig {
    /// How SIBERT's attention makes its weights.
    pub fn attention_kind(&self) -> AttentionKind {
        self.attention.unwrap_or(AttentionKind::Relu)
    }

    /// The factor c of the cosines of normalised attention: 6 for heads of 16 columns, 12 for those of 64.
    pub fn score_scale(&self) -> f64 {
        self.attention_scale.unwrap_or_else(|| 1.5 * (self.head_dim() as f64).sqrt())
    }

    /// Refuses what BERT has not, and a factor where there are no cosines.
    pub(super) fn validate_attention(&self) -> Result<()> {
        if let (ModelType::Bert, Some(attention)) = (self.model_type, self.attention) {
            refuse!(
                "attention is {attention:?}, expected none for model_type bert: its weights are a softmax"
            );
        }
        let Some(scale) = self.attention_scale else { return Ok(()) };
        if self.attention != Some(AttentionKind::Normalized) {
            refuse!("attention_scale is {scale}, expected none unless attention is normalized");
        }
        if !(scale.is_finite() && scale > 0.) {
            refuse!("attention_scale is {scale}, expected a positive number");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn attention_is_relu_if_absent_and_its_factor_grows_with_the_head() {
        let base = ModelConfig::preset(ModelType::Sibert, "base").unwrap();
        assert_eq!((base.attention_kind(), base.score_scale()), (AttentionKind::Relu, 12.));
        assert!(!base.to_json().unwrap().contains("attention\""));
        let normalized = ModelConfig { attention: Some(AttentionKind::Normalized), ..base };
        let sixteens = ModelConfig { num_attention_heads: 48, ..normalized.clone() };
        assert_eq!(sixteens.score_scale(), 6.);
        let given = ModelConfig { attention_scale: Some(7.5), ..normalized.clone() };
        assert_eq!(given.score_scale(), 7.5);
        for config in [normalized, given] {
            let json = config.to_json().unwrap();
            assert!(json.contains(r#""attention": "normalized""#), "{json}");
            assert_eq!(ModelConfig::from_json(&json).unwrap(), config);
        }
    }

    #[test]
    fn attention_that_an_architecture_lacks_is_refused() {
        let with = |model_type, attention, attention_scale| {
            let base = ModelConfig::preset(model_type, "tiny").unwrap();
            ModelConfig { attention, attention_scale, ..base }.validate().unwrap_err().to_string()
        };
        for attention in [AttentionKind::Relu, AttentionKind::Normalized] {
            assert_eq!(
                with(ModelType::Bert, Some(attention), None),
                format!(
                    "attention is {attention:?}, expected none for model_type bert: its weights are a softmax"
                )
            );
        }
        for attention in [None, Some(AttentionKind::Relu)] {
            assert_eq!(
                with(ModelType::Sibert, attention, Some(6.)),
                "attention_scale is 6, expected none unless attention is normalized"
            );
        }
        for scale in [0., -1., f64::NAN, f64::INFINITY] {
            assert_eq!(
                with(ModelType::Sibert, Some(AttentionKind::Normalized), Some(scale)),
                format!("attention_scale is {scale}, expected a positive number")
            );
        }
    }
}
