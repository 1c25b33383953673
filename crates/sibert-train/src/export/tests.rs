#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use candle_core::DType;
use sibert_model::{AttentionKind, FineTuning, HeadKind, ModelType, PositionKind, PreTraining};

use super::*;

fn config(model_type: ModelType, attention: Option<AttentionKind>, rotary: bool) -> ModelConfig {
    ModelConfig {
        vocab_size: 11,
        max_position_embeddings: 16,
        attention,
        position_embedding_type: rotary.then_some(PositionKind::Rotary),
        ..ModelConfig::preset(model_type, "tiny").unwrap()
    }
}

/// Both architectures, both kinds of attention and of positions.
fn configs() -> [ModelConfig; 5] {
    [
        config(ModelType::Bert, None, false),
        config(ModelType::Bert, None, true),
        config(ModelType::Sibert, None, false),
        config(ModelType::Sibert, Some(AttentionKind::Normalized), true),
        ModelConfig {
            tie_word_embeddings: Some(true),
            ..config(ModelType::Sibert, Some(AttentionKind::Normalized), false)
        },
    ]
}

fn tensors(parameters: Vec<(String, candle_core::Var)>) -> HashMap<String, Tensor> {
    parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
}

/// A value is used only behind its definition, each is defined once, and every parameter is used.
fn check(graph: &proto::Graph, parameters: &HashMap<String, Tensor>) {
    let mut known: HashSet<&str> = HashSet::new();
    for name in graph.initializer.iter().map(|tensor| &tensor.name).chain(graph.input.iter().map(|i| &i.name))
    {
        assert!(known.insert(name), "{name} twice");
    }
    let mut used: HashSet<&str> = HashSet::new();
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{} uses {input} too early", node.name);
            used.insert(input);
        }
        assert!(node.output.iter().all(|output| known.insert(output)), "{}", node.name);
    }
    assert!(graph.output.iter().all(|output| known.contains(output.name.as_str())));
    for name in parameters.keys() {
        let turned = format!("{name}.T");
        assert!(used.contains(name.as_str()) || used.contains(turned.as_str()), "{name} is not used");
    }
    for tensor in &graph.initializer {
        let count: i64 = tensor.dims.iter().product();
        let size = if tensor.data_type == proto::FLOAT { 4 } else { 8 };
        assert_eq!(tensor.raw_data.len() as i64, count * size, "{}", tensor.name);
    }
}

#[test]
fn every_parameter_of_pretraining_is_used_behind_its_definition() {
    for config in configs() {
        let parameters =
            tensors(PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap().parameters());
        check(&graph(&config, parameters.clone(), Head::MaskedLm).unwrap(), &parameters);
        let encoder = graph(&config, parameters, Head::None).unwrap();
        assert_eq!(encoder.output[0].name, "last_hidden_state");
    }
}

#[test]
fn every_parameter_of_a_task_is_used_behind_its_definition() {
    for config in configs() {
        let whole = tensors(PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap().parameters());
        for (kind, head) in [(HeadKind::Classes(3), Head::Texts(3)), (HeadKind::Span, Head::Span)] {
            let encoder = whole.iter().filter(|(name, _)| !name.starts_with("cls."));
            let encoder = encoder.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
            let tuned =
                FineTuning::load(&config, kind, false, encoder, 1, DType::F32, &Device::Cpu).unwrap().0;
            let parameters = tensors(tuned.parameters());
            check(&graph(&config, parameters.clone(), head).unwrap(), &parameters);
        }
    }
}

#[test]
fn a_file_reads_back_as_it_was_written() {
    let config = config(ModelType::Sibert, None, false);
    let parameters = tensors(PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap().parameters());
    let written = model(graph(&config, parameters, Head::MaskedLm).unwrap(), vec![]);
    assert_eq!(Model::decode(written.encode_to_vec().as_slice()).unwrap(), written);
}

#[test]
fn a_parameter_that_is_missing_is_named() {
    let config = config(ModelType::Sibert, None, false);
    let mut parameters =
        tensors(PreTraining::new(&config, 1, DType::F32, &Device::Cpu).unwrap().parameters());
    parameters.remove("cls.predictions.decoder.bias");
    parameters.remove("cls.predictions.decoder.weight");
    let error = graph(&config, parameters, Head::MaskedLm).unwrap_err().to_string();
    assert_eq!(error, "the model has no cls.predictions.decoder.weight");
}
