//! How the place of a token is told, and the base of rotary angles.

use candle_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::ModelConfig;

/// How the place of a token is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionKind {
    /// A table with a row for each position, added to the embeddings: the paper's, and BERT's own.
    Absolute,
    /// Queries and keys turned by angles that grow with the position (Su et al. 2021); nothing is learned.
    Rotary,
}

impl ModelConfig {
    /// The base of the angles of rotary positions; none where positions have a table.
    pub fn rotary_base(&self) -> Option<f64> {
        let rotary = self.position_embedding_type == Some(PositionKind::Rotary);
        rotary.then(|| self.rope_theta.unwrap_or(1e4))
    }

    /// Refuses rotary positions of heads without two halves, and a base where there are no angles.
    pub(super) fn validate_positions(&self) -> Result<()> {
        let Some(base) = self.rotary_base() else {
            return match self.rope_theta {
                None => Ok(()),
                Some(base) => {
                    refuse!("rope_theta is {base}, expected none unless position_embedding_type is rotary")
                }
            };
        };
        if !(base.is_finite() && base > 0.) {
            refuse!("rope_theta is {base}, expected a positive number");
        }
        let width = self.head_dim();
        if !width.is_multiple_of(2) {
            refuse!(
                "position_embedding_type is rotary, expected absolute for heads of an odd width, {width}"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ModelType;

    #[test]
    fn positions_are_absolute_if_absent_and_rotary_ones_have_a_base() {
        for model_type in [ModelType::Sibert, ModelType::Bert] {
            let base = ModelConfig::preset(model_type, "tiny").unwrap();
            assert_eq!(base.rotary_base(), None);
            assert!(!base.to_json().unwrap().contains("position_embedding_type"));
            let rotary = ModelConfig { position_embedding_type: Some(PositionKind::Rotary), ..base };
            assert_eq!(rotary.rotary_base(), Some(1e4));
            let given = ModelConfig { rope_theta: Some(500.), ..rotary.clone() };
            assert_eq!(given.rotary_base(), Some(500.));
            for config in [rotary, given] {
                let json = config.to_json().unwrap();
                assert!(json.contains(r#""position_embedding_type": "rotary""#), "{json}");
                assert_eq!(ModelConfig::from_json(&json).unwrap(), config);
            }
        }
        let bert = ModelConfig::preset(ModelType::Bert, "tiny").unwrap();
        let told = ModelConfig { position_embedding_type: Some(PositionKind::Absolute), ..bert };
        assert_eq!(ModelConfig::from_json(&told.to_json().unwrap()).unwrap(), told);
    }

    #[test]
    fn angles_that_cannot_be_are_refused() {
        let tiny = |model_type| ModelConfig::preset(model_type, "tiny").unwrap();
        let rotary = |model_type, rope_theta| {
            let kind = Some(PositionKind::Rotary);
            ModelConfig { position_embedding_type: kind, rope_theta, ..tiny(model_type) }
        };
        let message = |config: ModelConfig| config.validate().unwrap_err().to_string();
        for model_type in [ModelType::Bert, ModelType::Sibert] {
            assert_eq!(
                message(ModelConfig { rope_theta: Some(500.), ..tiny(model_type) }),
                "rope_theta is 500, expected none unless position_embedding_type is rotary"
            );
        }
        for base in [0., -1., f64::NAN, f64::INFINITY] {
            assert_eq!(
                message(rotary(ModelType::Sibert, Some(base))),
                format!("rope_theta is {base}, expected a positive number")
            );
        }
        assert_eq!(
            message(ModelConfig { num_attention_heads: 128, ..rotary(ModelType::Sibert, None) }),
            "position_embedding_type is rotary, expected absolute for heads of an odd width, 1"
        );
    }
}
