//! Metadata for the hub: YAML as its specification of model cards has it.

use std::fmt::Write;

use sibert_data::task::{Metric, Split, Task};

use crate::answers::{self, Words};

use super::{Card, Figure, base_name, hub_id};

/// The metadata between their two lines of dashes.
pub fn front_matter(card: &Card) -> String {
    let library = if card.model_type == "bert" { "transformers" } else { "sibert" };
    let Words { pipeline: (pipeline, _), family, .. } = answers::of(card.task).words();
    let datasets = card.task.on_hub().map_or(String::new(), |dataset| format!("datasets:\n- {dataset}\n"));
    let base = hub_id(card).map_or(String::new(), |id| format!("base_model: {}\n", quoted(&id)));
    let language = if card.task.is_built_in() { "language: en\n" } else { "" };
    let mut tags = vec![quoted("sibert")];
    tags.extend(Some(quoted(card.model_type)).filter(|tag| *tag != tags[0]));
    tags.extend(card.task.is_built_in().then(|| quoted(family)));
    let metrics: Vec<String> =
        card.task.metrics().iter().map(|metric| hub_name(*metric).0.to_owned()).collect();
    format!(
        "---\n{language}library_name: {library}\npipeline_tag: {pipeline}\n{base}tags:\n{}{datasets}metrics:\n{}{}---\n",
        list(&tags),
        list(&metrics),
        model_index(card)
    )
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("- {item}\n")).collect()
}

/// The figures of this model; nothing if none is defined.
fn model_index(card: &Card) -> String {
    let (mismatched, matched): (Vec<&Figure>, Vec<&Figure>) =
        card.figures.iter().partition(|figure| figure.name.ends_with("_mm"));
    let results = results(card.task, Split::Validation, &matched)
        + &results(card.task, Split::ValidationMismatched, &mismatched);
    if results.is_empty() {
        return results;
    }
    let name = quoted(&format!("{}-{}", base_name(card), card.task.name()));
    format!("model-index:\n- name: {name}\n  results:\n{results}")
}

fn results(task: Task, split: Split, figures: &[&Figure]) -> String {
    let mut metrics = String::new();
    for figure in figures {
        let name = figure.name.strip_suffix("_mm").unwrap_or(figure.name);
        let metric = task.metrics().iter().find(|metric| metric.name() == name);
        if let (Some(metric), Some(value)) = (metric, figure.best.filter(|value| value.is_finite())) {
            let (kind, title) = hub_name(*metric);
            let _ = write!(metrics, "    - type: {kind}\n      value: {value:.4}\n      name: {title}\n"); // to a string
        }
    }
    if metrics.is_empty() {
        return metrics;
    }
    let Words { pipeline: (pipeline, pipeline_title), .. } = answers::of(task).words();
    let (config, split) = task.hub_set(split).unwrap_or(("default", "validation"));
    let (dataset, family) = (task.on_hub().unwrap_or(task.name()), if task.is_glue() { "GLUE " } else { "" });
    format!(
        "  - task:\n      type: {pipeline}\n      name: {pipeline_title}\n    dataset:\n      type: {dataset}\n      \
         name: {family}{task}\n      config: {config}\n      split: {split}\n    metrics:\n{metrics}"
    )
}

/// The metric as the hub calls it, and in print.
fn hub_name(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::Accuracy => ("accuracy", "Accuracy"),
        Metric::F1 => ("f1", "F1"),
        Metric::F1Macro => ("f1", "Macro F1"),
        Metric::F1Micro => ("f1", "Micro F1"),
        Metric::EntityF1 => ("seqeval", "Entity F1"),
        Metric::Matthews => ("matthews_correlation", "Matthews correlation"),
        Metric::Pearson => ("pearsonr", "Pearson correlation"),
        Metric::Spearman => ("spearmanr", "Spearman correlation"),
        Metric::ExactMatch => ("exact_match", "Exact match"),
    }
}

/// A text in double quotes, of characters that YAML reads as they stand.
pub fn quoted(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '"' | '\\' => format!("\\{letter}"),
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => format!("\\u{:04x}", letter as u32),
        letter if letter.is_control() => format!("\\u{:04x}", letter as u32),
        letter => letter.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
