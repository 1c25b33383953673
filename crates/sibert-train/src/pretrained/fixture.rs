//! Tiny models for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sibert_hub::{Hub, Settings};
use sibert_hub_emulator::Server;
use tempfile::TempDir;

use super::Pretrained;
use super::index::INDEX;
use crate::checkpoint::{Snapshot, TrainingState, save};

/// A vocabulary of nine words.
pub const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n";

/// A configuration of a BERT with these words.
pub fn config() -> Value {
    json!({
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": 9,
        "hidden_size": 4,
        "hidden_act": "gelu",
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "max_position_embeddings": 16,
    })
}

/// A tensor of ascending numbers from `start`.
pub fn tensor(start: f32, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|number| start + number as f32).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// Some tensors of a BERT without a prefix, as sentence-transformers saves them.
pub fn tensors() -> HashMap<String, Tensor> {
    let ids = Tensor::new(&[[0_i64, 1]], &Device::Cpu).unwrap();
    HashMap::from([
        ("embeddings.position_ids".into(), ids),
        ("embeddings.word_embeddings.weight".into(), tensor(0., &[9, 4])),
        ("embeddings.LayerNorm.gamma".into(), tensor(1., &[4])),
        ("pooler.dense.weight".into(), tensor(2., &[4, 4])),
    ])
}

/// `tokenizer.json` for the words, which truncates and pads.
pub fn tokenizer_json() -> String {
    let mut tokenizer = sibert_data::tokenizer::of_words(WORDS).unwrap();
    let truncation = tokenizers::TruncationParams { max_length: 4, ..Default::default() };
    tokenizer.with_truncation(Some(truncation)).unwrap();
    tokenizer.with_padding(Some(tokenizers::PaddingParams::default()));
    tokenizer.to_string(false).unwrap()
}

/// A model's folder, deleted at the end.
pub struct Model(TempDir);

impl Model {
    /// A whole one.
    pub fn new() -> Self {
        let model = Self(tempfile::tempdir().unwrap());
        model.write("config.json", &config().to_string());
        model.write("tokenizer.json", &tokenizer_json());
        model.save("model.safetensors", &tensors());
        model
    }

    /// One whose tensors are in two shards.
    pub fn sharded() -> Self {
        let model = Self::new();
        model.remove("model.safetensors");
        let shard = |number: usize| format!("model-0000{number}-of-00002.safetensors");
        let mut all: Vec<(String, Tensor)> = tensors().into_iter().collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let mut weight_map = HashMap::new();
        for (number, part) in (1..).zip(all.chunks(2)) {
            model.save(&shard(number), &part.iter().cloned().collect());
            weight_map.extend(part.iter().map(|(name, _)| (name.clone(), shard(number))));
        }
        model.write(INDEX, &json!({"metadata": {"total_size": 1}, "weight_map": weight_map}).to_string());
        model
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, contents: &str) {
        fs::write(self.path().join(name), contents).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Writes a file of tensors.
    pub fn save(&self, name: &str, tensors: &HashMap<String, Tensor>) {
        candle_core::safetensors::save(tensors, self.path().join(name)).unwrap();
    }

    /// Replaces keys of `config.json`.
    pub fn configure(&self, changes: Value) {
        let mut config = config();
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.write("config.json", &config.to_string());
    }

    /// Opens it; the hub must not be asked.
    pub fn open(&self) -> anyhow::Result<Pretrained> {
        open_here(self.path())
    }

    /// The message of opening it.
    pub fn error(&self) -> String {
        format!("{:#}", self.open().err().unwrap())
    }

    /// A hub that has it as `o/m`, and beside it a data set.
    pub fn on_hub(&self, folder: &str) -> OnHub {
        let mut files = vec![("datasets/o/d/a.parquet".to_owned(), Vec::new())];
        for entry in fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            files.push((format!("o/m/{folder}{name}"), fs::read(entry.path()).unwrap()));
        }
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        OnHub { server: Server::start(&files), home: tempfile::tempdir().unwrap() }
    }
}

/// A hub and a cache.
pub struct OnHub {
    pub server: Server,
    home: TempDir,
}

impl OnHub {
    fn settings(&self) -> Settings {
        Settings {
            first_wait: Duration::from_millis(1),
            ..Settings::of(&self.server.url(), self.home.path()).unwrap()
        }
    }

    /// Opens a model there.
    pub fn open(&self, model: &str) -> anyhow::Result<Pretrained> {
        Pretrained::open_with(model, &Device::Cpu, || Hub::new(self.settings(), |_| {}))
    }

    /// Opens one out of the cache alone.
    pub fn open_offline(&self, model: &str) -> anyhow::Result<Pretrained> {
        let settings = Settings { offline: true, ..self.settings() };
        Pretrained::open_with(model, &Device::Cpu, || Hub::new(settings, |_| {}))
    }

    /// The message of opening one.
    pub fn error(&self, model: &str) -> String {
        format!("{:#}", self.open(model).err().unwrap())
    }

    /// The names of the files that were downloaded since, sorted.
    pub fn downloaded(&self) -> Vec<String> {
        let lines = self.server.lines();
        let gets = lines.iter().filter(|line| line.starts_with("GET") && line.contains("/resolve/"));
        let mut names: Vec<String> = gets.map(|line| line.rsplit('/').next().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}

/// Opens a folder; the hub must not be asked.
pub fn open_here(path: &Path) -> anyhow::Result<Pretrained> {
    Pretrained::open_with(path.to_str().unwrap(), &Device::Cpu, || panic!("the hub is not to be asked"))
}

/// Saves a checkpoint of a run whose word embeddings begin with `step`.
pub fn save_step(run: &Path, step: usize) -> PathBuf {
    let snapshot = Snapshot {
        config_json: &config().to_string(),
        model: vec![("bert.embeddings.word_embeddings.weight".into(), tensor(step as f32, &[9, 4]))],
        tokenizer_json: &tokenizer_json(),
        tokenizer_config_json: "{}",
        optimizer: vec![("step".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap())],
        step,
        state: &TrainingState::default(),
        run_toml: "seed = 1\n",
    };
    save(run, &snapshot).unwrap()
}
