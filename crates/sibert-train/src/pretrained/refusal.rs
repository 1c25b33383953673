//! Weights in formats that are not read: why not, and how to convert them.

use serde_json::Value;
use sibert_hub::ModelFolder;

use super::weights::MODEL;

/// A format by the endings of its files, and why it is not read.
const FORMATS: [(&[&str], &str); 5] = [
    (
        &[".bin", ".pt", ".pth", ".ckpt", ".bin.index.json"],
        "a Python pickle, which can run any code when it is read",
    ),
    (&[".h5"], "TensorFlow's weights in HDF5"),
    (&[".msgpack"], "Flax's weights"),
    (&[".onnx"], "a graph for ONNX, made to run and not to train"),
    (&[".gguf", ".ggml"], "quantized weights for llama.cpp, made to run and not to train"),
];
/// Files with such endings that are no weights.
const OTHERS: [&str; 5] = ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt"];

/// The message for a model without safetensors.
pub fn of_other_weights(place: &ModelFolder, config: &Value) -> String {
    let (names, missing) = (place.names(), format!("{} is missing", place.shown(MODEL)));
    let other = names.iter().find(|name| name.ends_with(".safetensors"));
    let known = FORMATS.iter().find_map(|(endings, why)| {
        let has_ending = |name: &&String| endings.iter().any(|ending| name.ends_with(ending));
        let file = names.iter().find(|name| has_ending(name) && !OTHERS.contains(&name.as_str()))?;
        Some((file, *why))
    });
    match (other, known) {
        (Some(adapter), _) if adapter.starts_with("adapter") => format!(
            "{missing}: {adapter} holds only what an adapter adds to another model; in Python, merge_and_unload() of \
             peft and save_pretrained make a whole model of both"
        ),
        (Some(other), _) => {
            format!("{missing}: found {other}; rename it if these are the weights of the whole model")
        }
        (None, Some((file, why))) => {
            format!("{missing}: {file} is {why}, and is not read: {}", remedy(place, config))
        }
        (None, None) => format!("{missing}: found {}", place.listing()),
    }
}

/// How to come by safetensors of the same model.
fn remedy(place: &ModelFolder, config: &Value) -> String {
    let (id, class) = (place.id(), class(config));
    let convert = format!(
        "python -c 'from transformers import {class} as M, AutoTokenizer as T; \
         M.from_pretrained(\"{id}\").save_pretrained(\"DIR\", safe_serialization=True); \
         T.from_pretrained(\"{id}\").save_pretrained(\"DIR\")' and --model DIR"
    );
    match place {
        ModelFolder::Here(_) => format!("convert it, {convert}"),
        ModelFolder::OnHub(_) => format!(
            "if one of the model's pull requests on the hub adds model.safetensors, take its revision, --model \
             {id}@refs/pr/NUMBER; or else convert it, {convert}"
        ),
    }
}

/// The class of transformers that keeps the model's heads.
fn class(config: &Value) -> &str {
    let named = config["architectures"][0].as_str();
    let is_class =
        |name: &&str| name.starts_with("Bert") && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    named.filter(is_class).unwrap_or("AutoModelForMaskedLM")
}
