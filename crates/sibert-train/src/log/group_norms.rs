//! The norms of a model's parts.

use anyhow::Result;
use candle_core::Var;
use indexmap::IndexMap;

/// `‖x‖` of the embeddings, of each layer's attention and feed-forward block, and of the head, in the model's order.
///
/// # Errors
/// If the device fails.
pub fn group_norms(parameters: &[(String, Var)]) -> Result<IndexMap<String, f64>> {
    let mut squares = IndexMap::<String, f64>::new();
    for ((name, _), square) in parameters.iter().zip(sisgd::clip::squared_norms(parameters)?.wait()?) {
        *squares.entry(group_of(name)).or_default() += square;
    }
    Ok(squares.into_iter().map(|(group, square)| (group, square.sqrt())).collect())
}

/// `embeddings`, `layer.0.attention`, `layer.0.feed_forward`, …, `head`.
fn group_of(name: &str) -> String {
    let Some((_, inside)) = name.split_once(".encoder.layer.") else {
        return if name.contains(".embeddings.") { "embeddings" } else { "head" }.to_string();
    };
    let (layer, part) = inside.split_once('.').unwrap_or((inside, ""));
    let block = if part.starts_with("attention.") { "attention" } else { "feed_forward" };
    format!("layer.{layer}.{block}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use sibert_model::{ModelConfig, ModelType, PreTraining};

    #[test]
    fn the_groups_are_the_whole_model() {
        for model_type in [ModelType::Sibert, ModelType::Bert] {
            let config = ModelConfig { vocab_size: 30, ..ModelConfig::preset(model_type, "tiny").unwrap() };
            let model = PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap();
            let norms = group_norms(&model.parameters()).unwrap();
            let expected = [
                "embeddings",
                "layer.0.attention",
                "layer.0.feed_forward",
                "layer.1.attention",
                "layer.1.feed_forward",
                "head",
            ];
            assert_eq!(norms.keys().collect::<Vec<_>>(), expected);
            let naive: f32 = model
                .parameters()
                .iter()
                .map(|(_, var)| var.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap())
                .sum();
            let whole = norms.values().map(|norm| norm * norm).sum::<f64>();
            assert!((whole / f64::from(naive) - 1.).abs() < 1e-5, "{whole} {naive}");
        }
    }
}
