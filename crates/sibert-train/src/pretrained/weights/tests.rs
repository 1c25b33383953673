//! Which weights are read, and what is said of the others.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::super::fixture::{Model, tensor};
use super::*;

const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";

/// The error of a model that has this file in place of `model.safetensors`.
fn instead(name: &str) -> String {
    let model = Model::new();
    model.remove(MODEL);
    model.write(name, "");
    model.error()
}

/// The error of a sharded model with another index.
fn with_index(text: &str) -> String {
    let model = Model::sharded();
    model.write(INDEX, text);
    model.error()
}

#[test]
fn other_formats_are_refused_with_the_reason_and_the_way_to_convert() {
    for name in ["pytorch_model.bin", "model.pt", "epoch=1.ckpt", "pytorch_model.bin.index.json"] {
        let error = instead(name);
        assert!(
            error.contains(&format!("model.safetensors is missing: {name} is a Python pickle")),
            "{error}"
        );
        assert!(error.contains("which can run any code"), "{error}");
        assert!(
            error.contains("from transformers import BertModel as M")
                && error.contains("safe_serialization=True")
        );
    }
    for (name, what) in [
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
        ("model.onnx", "ONNX"),
        ("a.gguf", "llama.cpp"),
    ] {
        let error = instead(name);
        assert!(error.contains(&format!("{name} is")) && error.contains(what), "{error}");
    }
    let adapter = instead("adapter_model.safetensors");
    assert!(adapter.contains("merge_and_unload()"), "{adapter}");
    assert!(instead("weights.safetensors").contains("found weights.safetensors; rename it"));
    let none = instead("training_args.bin");
    assert!(none.ends_with("is missing: found config.json, tokenizer.json, training_args.bin"), "{none}");
}

#[test]
fn a_pickle_on_the_hub_is_refused_before_anything_but_the_configuration_is_fetched() {
    let model = Model::new();
    model.remove(MODEL);
    model.write("pytorch_model.bin", "");
    model.configure(json!({"architectures": ["os; import x"]}));
    let hub = model.on_hub("");
    let error = hub.error("o/m");
    assert!(error.starts_with("hf://o/m/model.safetensors is missing: pytorch_model.bin is a Python pickle"));
    assert!(error.contains("--model o/m@refs/pr/NUMBER"), "{error}");
    assert!(
        error.contains("import AutoModelForMaskedLM as M") && error.contains("from_pretrained(\"o/m\")"),
        "{error}"
    );
    assert_eq!(hub.downloaded(), ["config.json"]);
}

#[test]
fn a_whole_file_comes_before_shards() {
    let model = Model::sharded();
    model.save(MODEL, &HashMap::from([("w".into(), tensor(0., &[1]))]));
    assert_eq!(model.open().unwrap().tensors.len(), 1);
}

#[test]
fn a_missing_shard_is_named_with_its_tensors() {
    let model = Model::sharded();
    model.remove(SECOND);
    let error = model.error();
    assert!(
        error.contains(&format!("{SECOND} is missing; {INDEX} says that it holds 2 of the tensors")),
        "{error}"
    );
    assert!(error.contains("as embeddings.word_embeddings.weight"), "{error}");
}

#[test]
fn shards_that_do_not_fit_the_index_are_refused() {
    let model = Model::sharded();
    model.save(SECOND, &HashMap::from([("pooler.dense.weight".into(), tensor(2., &[4, 4]))]));
    let error = model.error();
    let expected =
        format!("{SECOND} lacks 1 of the 2 tensors that {INDEX} says it holds, as embeddings.word");
    assert!(error.contains(&expected), "{error}");

    let model = Model::sharded();
    let twice = ["embeddings.LayerNorm.gamma", "embeddings.word_embeddings.weight", "pooler.dense.weight"];
    model.save(SECOND, &twice.map(|name| (name.to_owned(), tensor(0., &[4]))).into());
    let error = model.error();
    let expected = format!("{SECOND} holds embeddings.LayerNorm.gamma, and so does {FIRST}: expected");
    assert!(error.contains(&expected), "{error}");
}

#[test]
fn tensors_beside_the_index_are_read_all_the_same() {
    let model = Model::sharded();
    let names = ["extra", "embeddings.word_embeddings.weight", "pooler.dense.weight"];
    model.save(SECOND, &names.map(|name| (name.to_owned(), tensor(0., &[4]))).into());
    assert!(model.open().unwrap().tensors.contains_key("extra"));
}

#[test]
fn an_index_must_stay_in_its_folder_and_name_safetensors() {
    for path in ["../model.safetensors", "/model.safetensors", "a/../../model.safetensors", ""] {
        let error = with_index(&json!({"weight_map": {"w": path}}).to_string());
        assert!(error.contains("w is said to be in a file outside of the folder"), "{error}");
        assert!(error.contains(INDEX) && error.ends_with(&format!("found `{path}`")), "{error}");
    }
    let pickle = with_index(&json!({"weight_map": {"w": "pytorch_model.bin"}}).to_string());
    assert!(
        pickle.contains("w is said to be in pytorch_model.bin: expected a file of safetensors"),
        "{pickle}"
    );
    assert!(with_index(&json!({"weight_map": {}}).to_string()).contains("its weight_map is empty"));
    for text in ["{}", "{\"weight_map\"", "{\"weight_map\": {\"w\": 1}}"] {
        let error = with_index(text);
        assert!(error.contains(&format!("{INDEX} has no weight_map from tensors to files")), "{error}");
    }
}

#[test]
fn a_file_without_tensors_is_refused() {
    let model = Model::new();
    model.save(MODEL, &HashMap::new());
    assert!(model.error().ends_with("model.safetensors holds no tensors: take another checkpoint"));
}
