//! How large a model is, before anything of it exists.

use super::ModelConfig;

impl ModelConfig {
    /// Parameters that the encoder has at least: its tables and its matrices; none if that is no number of 64 bits.
    ///
    /// Biases and norms are left out: they are less than a twentieth of a model of the published sizes.
    pub fn least_parameters(&self) -> Option<u64> {
        let [vocab, segments, positions, hidden, wide, layers] = [
            self.vocab_size,
            self.type_vocab_size,
            if self.rotary_base().is_some() { 0 } else { self.max_position_embeddings },
            self.hidden_size,
            self.intermediate_size,
            self.num_hidden_layers,
        ]
        .map(|size| size as u64);
        let rows = vocab.checked_add(segments)?.checked_add(positions)?;
        let attention = hidden.checked_mul(4)?; // rows of query, key, value and output
        let layer = attention.checked_add(wide.checked_mul(2)?)?.checked_mul(hidden)?;
        rows.checked_mul(hidden)?.checked_add(layer.checked_mul(layers)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::{ModelType, PositionKind, PreTraining};

    #[test]
    fn the_count_is_a_bound_just_below_the_parameters_of_the_encoder() {
        let tiny = |model_type| ModelConfig::preset(model_type, "tiny").unwrap();
        let rotary = |config| ModelConfig { position_embedding_type: Some(PositionKind::Rotary), ..config };
        let [bert, sibert] = [tiny(ModelType::Bert), tiny(ModelType::Sibert)];
        for config in [rotary(bert.clone()), rotary(sibert.clone()), bert, sibert] {
            let config = ModelConfig { vocab_size: 1000, ..config };
            let model = PreTraining::new(&config, 0, DType::F32, &Device::Cpu).unwrap();
            let count: usize = model.encoder_parameters().iter().map(|(_, var)| var.elem_count()).sum();
            let least = config.least_parameters().unwrap();
            assert!(least <= count as u64 && least * 100 > count as u64 * 95, "{least} of {count}");
        }
    }

    #[test]
    fn what_no_machine_could_hold_has_no_count() {
        let base = ModelConfig::preset(ModelType::Bert, "base").unwrap();
        assert_eq!(ModelConfig { vocab_size: usize::MAX, ..base.clone() }.least_parameters(), None);
        assert_eq!(ModelConfig { num_hidden_layers: usize::MAX, ..base }.least_parameters(), None);
    }
}
