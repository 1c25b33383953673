//! The card of a pretrained model: metadata for the hub, tables of what it is, how it was made and how well it does.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sibert_hub::{RepoRef, parse};
use toml::Table;

use super::{Folder, license_line};
use crate::checkpoint::step_of;
use crate::finetune::{code, fenced, quoted, row};
use crate::log::{Evaluation, Summary};

/// Settings of the run that stand in the card, in this order; `config.toml` has all.
const SETTINGS: [&str; 10] = [
    "optimizer",
    "lr",
    "weight_decay",
    "max_steps",
    "batch_size",
    "seq_len",
    "packing",
    "mask_probability",
    "precision",
    "seed",
];

/// How well a checkpoint predicts held-out masked words.
struct Figures {
    loss: f64,
    accuracy: f64,
    /// The accuracy of always guessing the most frequent word, where known.
    frequent: Option<f64>,
}

/// A run and one of its checkpoints.
struct Made {
    settings: Table,
    /// The checkpoint's step, if its folder's name tells it.
    step: Option<usize>,
    figures: Option<Figures>,
    parameters: Option<u64>,
}

/// The text of the card.
///
/// # Errors
/// If the run's settings or figures cannot be read.
pub fn text(folder: &Folder, repo: &RepoRef, license: Option<&str>) -> Result<String> {
    let made = folder.run.as_deref().map(|run| Made::read(run, &folder.model)).transpose()?;
    let name = repo.id.rsplit('/').next().unwrap_or(&repo.id);
    let parts = [
        metadata(folder, name, license, made.as_ref()),
        about(folder, name, made.as_ref()),
        made.as_ref().map(figures).unwrap_or_default(),
        if folder.has("curves.png") {
            "## Training\n\n![Curves of the training](curves.png)\n".into()
        } else {
            String::new()
        },
        usage(folder, repo),
        made.as_ref().map(settings).unwrap_or_default(),
        limits(made.as_ref()),
    ];
    Ok(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
}

impl Made {
    fn read(run: &Path, model: &Path) -> Result<Self> {
        let path = run.join("config.toml");
        let named = || format!("cannot read {}", path.display());
        let settings: Table = fs::read_to_string(&path).with_context(named)?.parse().with_context(named)?;
        let step = model.file_name().and_then(|name| step_of(name.to_str()?));
        let summary = Summary::read(run)?.filter(|summary| Some(summary.step) == step);
        let parameters = summary.as_ref().map(|summary| summary.parameters);
        let figures = match summary.as_ref().and_then(of_summary) {
            None => step.map(|step| evaluation(run, step)).transpose()?.flatten(),
            whole => whole,
        };
        Ok(Self { settings, step, figures, parameters })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key)?.as_str()
    }

    /// The texts that it was trained on, as they were named.
    fn sources(&self) -> Vec<String> {
        let named = self.settings.get("source").and_then(toml::Value::as_array);
        let named = named.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned()));
        named.chain(self.text("shards").map(str::to_owned)).collect()
    }

    /// The data sets of the hub among them.
    fn datasets(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .sources()
            .iter()
            .filter(|source| source.starts_with("hf://datasets/"))
            .filter_map(|source| Some(parse(source).ok()?.0.id))
            .collect();
        ids.dedup();
        ids
    }

    /// The text that the held-out documents are part of, in words.
    fn data(&self) -> String {
        match self.sources().join(", ") {
            none if none.is_empty() => "the corpus that is built into sibert".into(),
            sources => sources,
        }
    }
}

fn of_summary(summary: &Summary) -> Option<Figures> {
    let (loss, accuracy) = (summary.eval_loss?, summary.eval_accuracy?);
    Some(Figures { loss, accuracy, frequent: summary.frequent_accuracy })
}

/// The last evaluation at a step, in the run's `metrics.jsonl`.
fn evaluation(run: &Path, step: usize) -> Result<Option<Figures>> {
    let path = run.join("metrics.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Evaluation>(line).ok());
    let found = lines.rfind(|found| found.step == step);
    Ok(found.map(|found| Figures { loss: found.eval_loss, accuracy: found.eval_accuracy, frequent: None }))
}

fn metadata(folder: &Folder, name: &str, license: Option<&str>, made: Option<&Made>) -> String {
    let library = if folder.is_bert() { "transformers" } else { "sibert" };
    let mut text = format!("---\nlibrary_name: {library}\npipeline_tag: fill-mask\n");
    text += &license.map(license_line).unwrap_or_default();
    let tags = if folder.is_bert() { "- \"sibert\"\n- \"bert\"\n" } else { "- \"sibert\"\n" };
    text += &format!("tags:\n{tags}");
    if let Some(made) = made {
        let datasets: String = made.datasets().iter().map(|id| format!("- {}\n", quoted(id))).collect();
        if !datasets.is_empty() {
            text += &format!("datasets:\n{datasets}");
        }
        if let Some(figures) = &made.figures {
            let kind = made.datasets().first().cloned().unwrap_or_else(|| "text".into());
            text += &format!(
                "metrics:\n- accuracy\nmodel-index:\n- name: {}\n  results:\n  - task:\n      type: fill-mask\n      \
                 name: Masked language modelling\n    dataset:\n      type: {}\n      name: {}\n    metrics:\n    \
                 - type: loss\n      value: {:.4}\n      name: Held-out loss\n    - type: accuracy\n      \
                 value: {:.4}\n      name: Masked words right\n",
                quoted(name),
                quoted(&kind),
                quoted(&format!("held-out documents of {}", made.data())),
                figures.loss,
                figures.accuracy
            );
        }
    }
    text + "---\n"
}

fn about(folder: &Folder, name: &str, made: Option<&Made>) -> String {
    let number = |key: &str| folder.config[key].as_u64().map_or("?".into(), |number| number.to_string());
    let architecture = if folder.is_bert() {
        "BERT".into()
    } else {
        "SIBERT, the scale-invariant BERT of [Li et al. 2022](https://arxiv.org/abs/2202.00980)".to_owned()
    };
    let sizes = format!(
        "{} layers of width {}, {} attention heads",
        number("num_hidden_layers"),
        number("hidden_size"),
        number("num_attention_heads")
    );
    let mut table = row(&["", ""]) + &row(&["---", "---"]);
    table += &row(&["architecture", &architecture]);
    table += &row(&["size", &sizes]);
    table += &row(&["vocabulary", &format!("{} tokens", number("vocab_size"))]);
    table += &row(&["longest input", &format!("{} tokens", number("max_position_embeddings"))]);
    if let Some(made) = made {
        if let Some(parameters) = made.parameters {
            table += &row(&["parameters", &parameters.to_string()]);
        }
        if let Some(base) = made.text("init") {
            table += &row(&["continued from", &code(base)]);
        }
        let sources: Vec<String> = made.sources().iter().map(|source| code(source)).collect();
        let sources = if sources.is_empty() { made.data() } else { sources.join(", ") };
        table += &row(&["trained on", &sources]);
        if let Some(step) = made.step {
            table += &row(&["training steps", &step.to_string()]);
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "# {name}\n\nAn encoder, pretrained by masked language modelling with `sibert` {version}.\n\n{table}"
    )
}

fn figures(made: &Made) -> String {
    let Some(Figures { loss, accuracy, frequent }) = &made.figures else { return String::new() };
    let percent = |share: f64| format!("{:.1} %", 100. * share);
    let mut table = row(&["figure", "value"]) + &row(&["---"; 2]);
    table += &row(&["loss, the mean cross-entropy of masked words", &format!("{loss:.3}")]);
    table += &row(&["masked words right", &percent(*accuracy)]);
    if let Some(frequent) = frequent {
        table += &row(&["the same by always guessing the most frequent word", &percent(*frequent)]);
    }
    format!("## Figures\n\nOf documents that were held out of the training.\n\n{table}")
}

fn usage(folder: &Folder, repo: &RepoRef) -> String {
    let id = &repo.id;
    let own = format!(
        "sibert fill-mask --model {id} \"The capital of France is [MASK].\"\nsibert finetune --task mrpc --model {id}"
    );
    let has_code = !folder.config["auto_map"].is_null()
        && folder.uploads().iter().any(|file| file.path.ends_with(".py"));
    let trust = if has_code { ", trust_remote_code=True" } else { "" };
    let python = if folder.is_bert() || has_code {
        let code = format!(
            "from transformers import AutoModelForMaskedLM, AutoTokenizer\n\n\
             tokenizer = AutoTokenizer.from_pretrained(\"{id}\"{trust})\n\
             model = AutoModelForMaskedLM.from_pretrained(\"{id}\"{trust})"
        );
        format!("\nor in Python\n\n{}", fenced("python", &code))
    } else {
        "\ntransformers has no class for the model type `sibert`.\n".into()
    };
    format!("## Use\n\n{}{python}", fenced("sh", &own))
}

fn settings(made: &Made) -> String {
    let rows = SETTINGS
        .iter()
        .filter_map(|key| Some(row(&[&code(key), &code(&made.settings.get(*key)?.to_string())])));
    let rows: String = rows.collect();
    format!(
        "## Settings\n\n{}{rows}\n`config.toml` has all of them; `sibert pretrain --config config.toml --out DIR` repeats the run.\n",
        row(&["setting", "value"]) + &row(&["---"; 2])
    )
}

fn limits(made: Option<&Made>) -> String {
    let text = made.map_or_else(String::new, |_| {
        "- The model knows texts like those above. It has not been tested on others.\n".into()
    });
    format!(
        "## Limits\n\n{text}- Errors and biases of the training text are also in this model.\n- The licences of the training text apply.\n"
    )
}
