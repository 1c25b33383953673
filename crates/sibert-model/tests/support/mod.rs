//! Golden values, random batches and relative errors for the tests of this folder.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use sibert_model::{
    AttentionKind, Batch, FineTuning, HeadKind, Inputs, ModelConfig, ModelType, PreTraining, Targets, random,
};
use sisgd::Gradient;

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The tensors of a golden file, computed in f64 by an independent PyTorch implementation.
pub fn golden(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(data(name), &Device::Cpu).unwrap()
}

/// The entries below `prefix`, without it.
pub fn below(tensors: &HashMap<String, Tensor>, prefix: &str) -> HashMap<String, Tensor> {
    tensors.iter().filter_map(|(n, t)| Some((n.strip_prefix(prefix)?.to_string(), t.clone()))).collect()
}

/// A golden file's batch; its labels are -100 where nothing is predicted.
pub fn golden_batch(tensors: &HashMap<String, Tensor>, dtype: DType) -> Batch {
    let labels: Vec<i64> = tensors["labels"].flatten_all().unwrap().to_vec1().unwrap();
    let masked: Vec<u32> = (0..labels.len() as u32).filter(|&i| labels[i as usize] >= 0).collect();
    let kept: Vec<u32> = masked.iter().map(|&i| labels[i as usize] as u32).collect();
    Batch {
        input_ids: tensors["input_ids"].to_dtype(DType::U32).unwrap(),
        token_type_ids: tensors["token_type_ids"].to_dtype(DType::U32).unwrap(),
        attention_mask: tensors["attention_mask"].to_dtype(dtype).unwrap(),
        positions: Tensor::new(masked, &Device::Cpu).unwrap(),
        labels: Tensor::new(kept, &Device::Cpu).unwrap(),
        next_sentence: None,
    }
}

/// A model small enough for a test, without dropout.
pub fn small(model_type: ModelType) -> ModelConfig {
    ModelConfig {
        vocab_size: 61,
        hidden_size: 32,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        intermediate_size: 64,
        max_position_embeddings: 16,
        hidden_dropout_prob: 0.,
        attention_probs_dropout_prob: 0.,
        ..ModelConfig::preset(model_type, "tiny").unwrap()
    }
}

/// The same with normalised attention.
pub fn normalized() -> ModelConfig {
    ModelConfig { attention: Some(AttentionKind::Normalized), ..small(ModelType::Sibert) }
}

/// The same, which decodes words by the directions of its token table.
pub fn tied() -> ModelConfig {
    ModelConfig { tie_word_embeddings: Some(true), ..normalized() }
}

/// SIBERT with either kind of attention and of decoder.
pub fn siberts() -> [ModelConfig; 3] {
    [small(ModelType::Sibert), normalized(), tied()]
}

/// `rows` random sequences of 12 tokens, the last of them padded, with every fourth position masked.
pub fn batch(config: &ModelConfig, rows: usize, dtype: DType) -> Batch {
    const SEQ: usize = 12;
    let token = |i: usize| (random::fork(9, i as u64) % config.vocab_size as u64) as u32;
    let ids: Vec<u32> = (0..rows * SEQ).map(token).collect();
    let padding = |i: usize| i / SEQ == rows - 1 && i % SEQ > 8;
    let keep: Vec<f64> = (0..rows * SEQ).map(|i| if padding(i) { 0. } else { 1. }).collect();
    let positions: Vec<u32> =
        (0..(rows * SEQ) as u32).filter(|&i| i % 4 == 1 && !padding(i as usize)).collect();
    let labels: Vec<u32> = positions.iter().map(|&i| token(7 * i as usize + 3)).collect();
    Batch {
        input_ids: Tensor::from_vec(ids, (rows, SEQ), &Device::Cpu).unwrap(),
        token_type_ids: Tensor::zeros((rows, SEQ), DType::U32, &Device::Cpu).unwrap(),
        attention_mask: Tensor::from_vec(keep, (rows, SEQ), &Device::Cpu).unwrap().to_dtype(dtype).unwrap(),
        positions: Tensor::new(positions, &Device::Cpu).unwrap(),
        labels: Tensor::new(labels, &Device::Cpu).unwrap(),
        next_sentence: None,
    }
}

/// The texts of [`batch`], the last of them padded.
pub fn inputs(config: &ModelConfig, rows: usize, dtype: DType) -> Inputs {
    let Batch { input_ids, token_type_ids, attention_mask, .. } = batch(config, rows, dtype);
    Inputs { input_ids, token_type_ids, attention_mask }
}

/// Some of the rows of a batch, and of each its first tokens.
pub fn part(inputs: &Inputs, rows: std::ops::Range<usize>, seq: usize) -> Inputs {
    let part = |t: &Tensor| t.narrow(0, rows.start, rows.len()).unwrap().narrow(1, 0, seq).unwrap();
    let Inputs { input_ids, token_type_ids, attention_mask } = inputs;
    Inputs {
        input_ids: part(input_ids),
        token_type_ids: part(token_type_ids),
        attention_mask: part(attention_mask),
    }
}

/// Targets of the given rows: another for each.
pub fn targets(head: HeadKind, rows: std::ops::Range<usize>, dtype: DType) -> Targets {
    let each =
        |f: &dyn Fn(u32) -> u32| Tensor::from_iter(rows.clone().map(|i| f(i as u32)), &Device::Cpu).unwrap();
    match head {
        HeadKind::Classes(classes) => Targets::Classes(each(&|i| (i + 1) % classes as u32)),
        HeadKind::Score => Targets::Scores((each(&|i| i).to_dtype(dtype).unwrap() * 1.7).unwrap()),
        HeadKind::Labels(count) => {
            let holds = rows.clone().flat_map(|i| (0..count).map(move |label| ((i + label) % 2) as u32));
            let holds = Tensor::from_iter(holds, &Device::Cpu).unwrap().reshape(((), count)).unwrap();
            Targets::Labels(holds.to_dtype(dtype).unwrap())
        }
        HeadKind::Tokens(_) => panic!("places of tokens depend on the batch: they have a test of their own"),
        HeadKind::Span => Targets::Spans { starts: each(&|i| i), ends: each(&|i| 8 - i) },
    }
}

/// An encoder with a new head.
pub fn tuned(config: &ModelConfig, head: HeadKind, dtype: DType) -> FineTuning {
    let pretrained = PreTraining::new(config, 5, dtype, &Device::Cpu).unwrap().parameters();
    let tensors = pretrained.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect();
    FineTuning::load(config, head, false, tensors, 3, dtype, &Device::Cpu).unwrap().0
}

/// The whole gradient of a variable shaped as `like`, whatever its form.
pub fn dense(gradient: Gradient, like: &Tensor) -> Tensor {
    match gradient {
        Gradient::Dense(gradient) => gradient.clone(),
        Gradient::Rows { ids, values } => {
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            let ids = Tensor::new(ids, &Device::Cpu).unwrap();
            let zeros = Tensor::zeros(like.shape(), values.dtype(), &Device::Cpu).unwrap();
            zeros.index_add(&ids, values, 0).unwrap()
        }
    }
}

/// Mean masked-LM loss over the labelled positions.
pub fn mean_loss(model: &PreTraining, batch: &Batch, mode: sibert_model::Mode) -> Tensor {
    let output = model.forward(batch, mode).unwrap();
    (output.masked_lm_loss / batch.labels.dim(0).unwrap() as f64).unwrap()
}

pub fn norm(tensor: &Tensor) -> f64 {
    let squares = tensor.to_dtype(DType::F64).unwrap().sqr().unwrap();
    squares.sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt()
}

/// `‖found − expected‖ / ‖expected‖`.
pub fn relative_error(found: &Tensor, expected: &Tensor) -> f64 {
    let (found, expected) = (found.to_dtype(DType::F64).unwrap(), expected.to_dtype(DType::F64).unwrap());
    assert_eq!(found.shape(), expected.shape());
    norm(&(found - &expected).unwrap()) / norm(&expected).max(f64::MIN_POSITIVE)
}

pub fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}
