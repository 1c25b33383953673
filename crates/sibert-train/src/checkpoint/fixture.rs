//! A two-parameter checkpoint for the tests of this module.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::{Best, Snapshot, TrainingState, save};
use crate::log::{Trajectory, Window};

/// A state with numbers that do not survive a careless float parser.
pub fn state(step: usize) -> TrainingState {
    let mut trajectory = Trajectory::default();
    trajectory.equilibrium_norm = Some(0.1 + 0.7);
    TrainingState {
        step,
        seed: u64::MAX,
        text_sha256: "ab".repeat(32),
        best: Some(Best { step, loss: 0.1 + 0.2 }),
        window: Window { steps: 3, loss_sum: 1. / 3., ..Window::default() },
        trajectory,
        bf16_sums: Some("tiles".to_owned()),
        tokens_seen: 1 << 60,
        elapsed_seconds: 1e-7,
    }
}

/// Saves a checkpoint whose weights depend on the step.
pub fn save_step(run_dir: &Path, step: usize) -> PathBuf {
    let weight = Tensor::new(&[[step as f32, 0.5], [-1., 0.]], &Device::Cpu).unwrap();
    let snapshot = Snapshot {
        config_json: r#"{"model_type": "sibert", "hidden_size": 2}"#,
        model: vec![
            ("sibert.embeddings.word_embeddings.weight".into(), weight.clone()),
            ("cls.predictions.decoder.weight".into(), weight.t().unwrap()),
        ],
        tokenizer_json: r#"{"version": "1.0"}"#,
        tokenizer_config_json: "{}",
        optimizer: vec![("lamb.step".into(), Tensor::new(step as i64, &Device::Cpu).unwrap())],
        step,
        state: &state(step),
        run_toml: "seed = 1\n",
    };
    save(run_dir, &snapshot).unwrap()
}
