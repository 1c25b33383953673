//! `sibert export`: a model as an ONNX file, for onnxruntime and whatever else reads ONNX.
//!
//! ```text
//! input_ids  attention_mask  token_type_ids  (batch, sequence) ─ encoder ─ head ─▶ logits
//! ```
//! Operators are those of opset 17. Batch and length are free; the longest sequence is the model's.

mod graph;
mod heads;
mod layers;
mod proto;

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use prost::Message;
use serde_json::Value;
use sibert_files::durable;
use sibert_model::{ModelConfig, TextEncoder, bert};

use crate::args::ExportArgs;
use crate::batch::DTYPE;
use crate::console::result;
use crate::pretrained::Pretrained;

use graph::Builder;
use heads::Head;
use layers::Encoder;
use proto::{Model, OperatorSet, Property, Size};

/// Version of the operators: the first with layer norms.
const OPSET: i64 = 17;
/// Version of the format that came with it.
const IR_VERSION: i64 = 8;
/// Keys of `config.json` that go along.
const KEPT: [&str; 5] =
    ["model_type", "max_position_embeddings", "finetuning_task", "problem_type", "id2label"];
/// Protocol buffers have no longer messages.
const LONGEST: usize = i32::MAX as usize;

/// Writes the file.
///
/// # Errors
/// If the model cannot be read or has no such part, or the file cannot be written.
pub fn run(args: &ExportArgs) -> Result<()> {
    let pretrained = Pretrained::open(&args.model, &Device::Cpu)?;
    let name = pretrained.name.clone();
    let head = Head::of(&pretrained, args.part).with_context(|| name.clone())?;
    let kept = KEPT.iter().filter_map(|&key| Some((key, pretrained.config_json.get(key)?)));
    let properties = kept.map(|(key, value)| property(key, value)).collect();
    let Pretrained { config, tensors, .. } = pretrained;
    let graph = graph(&config, tensors, head).with_context(|| name)?;
    let outputs: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let bytes = model(graph, properties).encode_to_vec();
    ensure!(
        bytes.len() < LONGEST,
        "the model has {} bytes, and an ONNX file without files beside it at most {LONGEST}",
        bytes.len()
    );
    durable::replace_bytes(&args.out, &bytes)?;
    result(format!(
        "{}: ONNX, opset {OPSET}; input_ids, attention_mask, token_type_ids (batch, sequence) to {}",
        args.out.display(),
        outputs.join(", ")
    ))
}

fn property(key: &str, value: &Value) -> Property {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Property { key: key.into(), value }
}

fn model(graph: proto::Graph, metadata_props: Vec<Property>) -> Model {
    Model {
        ir_version: IR_VERSION,
        producer_name: "sibert".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![OperatorSet { version: OPSET }],
        metadata_props,
    }
}

/// The operations of a model, from its inputs to the outputs of a head.
fn graph(config: &ModelConfig, tensors: HashMap<String, Tensor>, head: Head) -> Result<proto::Graph> {
    let heads = tensors.iter().filter_map(|(name, tensor)| head_tensor(name, tensor));
    let mut parameters: HashMap<String, Tensor> = heads.collect();
    let encoder = TextEncoder::load(config, tensors, DTYPE, &Device::Cpu)?;
    parameters.extend(encoder.parameters().into_iter().map(|(name, var)| (name, var.as_detached_tensor())));
    let mut graph = Builder::new(parameters);
    let sizes = [named("batch"), named("sequence")];
    let inputs = ["input_ids", "token_type_ids", "attention_mask"].map(|name| graph.input(name, &sizes));
    let hidden = Encoder::new(&mut graph, config, inputs).build()?;
    head.build(&mut graph, config, &hidden)?;
    Ok(graph.finish())
}

/// A tensor of a head under its present name.
fn head_tensor(name: &str, tensor: &Tensor) -> Option<(String, Tensor)> {
    let name = match name.strip_prefix("cls.predictions.decoder.") {
        Some(_) => name.to_owned(), // which `canonical_name` drops, as a tied one is the token table
        None => bert::canonical_name(name)?,
    };
    Some((name, tensor.clone()))
}

fn named(size: &str) -> Size {
    Size::Named(size.into())
}

#[cfg(test)]
mod tests;
