//! How long a model's inputs are: asked for, as it was trained, or the task's usual length.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sibert_data::squad::WindowSettings;
use sibert_data::task::Task;
use sibert_model::ModelConfig;

use crate::answers;
use crate::args::LengthArgs;
use crate::console::note;

/// Key of `config.json` under which transformers keeps what a model needs for a task.
const KEY: &str = "task_specific_params";

/// `[CLS] a [SEP] b [SEP]`.
const SHORTEST: usize = 5;

/// Lengths in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lengths {
    /// Longest input.
    pub max_seq_len: usize,
    /// Tokens that two windows of a text share; SQuAD and words with labels.
    pub doc_stride: usize,
    /// Longest question; SQuAD.
    pub max_query_len: usize,
}

impl Lengths {
    /// The lengths in `args`, else those of the task in the model's `config.json`, else 128, or 384, 128 and 64 for SQuAD
    /// (Devlin et al. 2019, run_squad.py).
    ///
    /// # Errors
    /// If a length that was asked for is more than the model has positions, or has no room for a text.
    pub fn of(task: Task, args: &LengthArgs, config: &ModelConfig, config_json: &Value) -> Result<Self> {
        let trained = config_json.pointer(&format!("/{KEY}/{}", task.name()));
        let trained: Option<Self> = trained.and_then(|value| serde_json::from_value(value.clone()).ok());
        let usual = task.file().defaults.max_seq_len.unwrap_or(answers::of(task).usual().max_seq_len);
        let usual = Self { max_seq_len: usual, doc_stride: 128, max_query_len: 64 };
        let known = trained.unwrap_or(usual);
        let positions = config.max_position_embeddings;
        ensure!(
            config.type_vocab_size > 1 || !task.is_of_pairs(),
            "{task} has pairs of texts, and the model tells no two segments apart (type_vocab_size 1): take another \
             model, or a task of single texts (cola, sst2)"
        );
        if let Some(asked) = args.max_seq_len {
            ensure!(
                asked <= positions,
                "--max-seq-len {asked}, the model has positions for {positions} tokens (max_position_embeddings)"
            );
        }
        let max_seq_len = args.max_seq_len.unwrap_or(known.max_seq_len.min(positions));
        ensure!(
            max_seq_len >= SHORTEST,
            "inputs of {max_seq_len} tokens have no room for a pair of texts and three special tokens: give a \
             --max-seq-len of at least {SHORTEST}"
        );
        if args.max_seq_len.is_none() && max_seq_len < known.max_seq_len {
            note(format!("{task}: inputs of {max_seq_len} tokens: the model has no positions for more"));
        }
        let most_shared = answers::of(task).most_shared(max_seq_len);
        let shared = if max_seq_len < known.max_seq_len { max_seq_len / 3 } else { known.doc_stride };
        Ok(Self {
            max_seq_len,
            doc_stride: args.doc_stride.unwrap_or(shared.min(known.doc_stride).min(most_shared)),
            max_query_len: args.max_query_len.unwrap_or(known.max_query_len),
        })
    }

    /// The lengths under the key that [`Lengths::of`] looks for.
    pub fn to_json(self, task: Task) -> (String, Value) {
        (KEY.into(), json!({ task.name(): self }))
    }

    /// How SQuAD's contexts are cut.
    pub fn windows(self) -> WindowSettings {
        let Self { max_seq_len, doc_stride, max_query_len } = self;
        WindowSettings { max_seq_len, doc_stride, max_query_len }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use sibert_model::ModelType;

    use super::*;

    fn task(name: &str) -> Task {
        name.parse().unwrap()
    }

    #[test]
    fn a_model_of_one_segment_is_refused_for_pairs_of_texts() {
        let tiny = ModelConfig::preset(ModelType::Bert, "tiny").unwrap();
        let config = ModelConfig { type_vocab_size: 1, ..tiny };
        let of = |task| Lengths::of(task, &LengthArgs::default(), &config, &Value::Null);
        assert_eq!(of(task("cola")).unwrap().max_seq_len, 128);
        for task in [task("mrpc"), task("squad")] {
            assert!(
                of(task).unwrap_err().to_string().contains("tells no two segments apart (type_vocab_size 1)")
            );
        }
    }
}
