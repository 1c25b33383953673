//! The task of a model that was fine-tuned elsewhere, as far as its `config.json` tells it.

use anyhow::{Context, Result, anyhow, ensure};
use sibert_data::task::{ColumnNames, Names, Range, Task, TaskDefaults, TaskFile};

use super::Pretrained;

/// What stands between several labels of an answer.
const BETWEEN: &str = ",";
/// The ends of transformers' names for the two kinds of models.
const OF_TEXTS: &str = "ForSequenceClassification";
const OF_WORDS: &str = "ForTokenClassification";

impl Pretrained {
    /// The task that architecture, problem type and label names tell: classes, several labels or a number for each text, or a
    /// class for each word. Its texts are in the column `text`, of pairs also in `text_pair`.
    ///
    /// `labels` take the place of the names under `id2label`; without either they are `LABEL_0`, `LABEL_1`, …
    ///
    /// # Errors
    /// If the architecture is another one, the weights have no head of its kind, or the names are not as many as its outputs.
    pub fn told_task(&self, labels: &[String], pairs: bool) -> Result<Task> {
        let architecture = self.config_json["architectures"][0].as_str().unwrap_or_default();
        let words = architecture.ends_with(OF_WORDS);
        ensure!(
            words || architecture.ends_with(OF_TEXTS),
            "{}: its config.json names no task that it was fine-tuned for, and its architecture is {}, expected one that \
             ends in {OF_TEXTS} or {OF_WORDS}: name the task with --task, or fine-tune the model first",
            self.name,
            if architecture.is_empty() { "missing" } else { architecture }
        );
        let head = self.tensors.get("classifier.weight");
        let outputs = head.and_then(|weight| weight.dims().first().copied()).with_context(|| {
            format!("{}: config.json says {architecture}, but there is no classifier.weight", self.name)
        })?;
        let problem = self.config_json["problem_type"].as_str().unwrap_or_default();
        let score = !words && (problem == "regression" || outputs == 1 && problem.is_empty());
        ensure!(
            !score || outputs == 1,
            "{}: a model of {outputs} numbers for each text: expected one number, or labels",
            self.name
        );
        let names = match labels {
            [] => self.label_names()?,
            given => Some(given.to_vec()),
        };
        let names = names.unwrap_or_else(|| (0..outputs).map(|output| format!("LABEL_{output}")).collect());
        ensure!(
            score || names.len() == outputs,
            "{}: {} label names for a head of {outputs} outputs: name them in the model's order with --labels",
            self.name,
            names.len()
        );
        let one = |name: &str| Names(vec![name.to_owned()]);
        let file = TaskFile {
            name: "own".into(),
            title: Some(self.name.clone()),
            labels: if score { Vec::new() } else { names },
            exact: !score,
            several: (!words && problem == "multi_label_classification").then(|| BETWEEN.to_owned()),
            words,
            score: score.then(Range::default),
            columns: Some(ColumnNames {
                text: one("text"),
                pair: (pairs && !words).then(|| one("text_pair")),
                label: one("label"),
                unnamed: None,
            }),
            defaults: TaskDefaults {
                max_seq_len: Some(self.config.max_position_embeddings),
                ..TaskDefaults::default()
            },
            ..TaskFile::default()
        };
        Task::own(file, None).map_err(|why| anyhow!("{}: config.json: {why}", self.name))
    }
}
