#![allow(clippy::unwrap_used)]
use super::metadata::quoted;
use super::*;

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

const COMMIT: &str = "86b5e0934494bd15c9632b12f734a8a67f723594";

fn figure(name: &str, best: f64, interval: Option<(f64, f64)>) -> Figure<'_> {
    let deviation = interval.map(|_| 0.0123);
    Figure { name, best: Some(best), mean: Some(best - 0.01), standard_deviation: deviation, interval }
}

fn mrpc<'a>(figures: &'a [Figure<'a>], settings: &'a [(String, String)]) -> Card<'a> {
    Card {
        task: task("mrpc"),
        base_model: "google-bert/bert-base-uncased@main",
        revision: Some(COMMIT),
        model_type: "bert",
        data: "glue/MRPC",
        command: "sibert finetune --task mrpc --model google-bert/bert-base-uncased --seeds 3",
        seeds: &[0, 1, 2],
        best_seed: 1,
        figures,
        settings,
        train_rows: 3668,
        dev_rows: &[408],
        version: "0.1.0",
    }
}

/// The metadata of a card and the text behind them.
fn parts(text: &str) -> (&str, &str) {
    let rest = text.strip_prefix("---\n").unwrap_or_default();
    rest.split_once("---\n").unwrap_or_default()
}

#[test]
fn a_card_has_all_that_is_known_of_its_model() {
    let figures = [
        figure("accuracy", 0.84068, Some((0.801, 0.869))),
        Figure { best: None, ..figure("f1", 0.889, None) },
    ];
    let settings = [("lr".into(), "0.00002".into()), ("lengths".into(), r#"{"max_seq_len":128}"#.into())];
    let expected = r#"---
language: en
library_name: transformers
pipeline_tag: text-classification
base_model: "google-bert/bert-base-uncased"
tags:
- "sibert"
- "bert"
- "glue"
datasets:
- nyu-mll/glue
metrics:
- accuracy
- f1
model-index:
- name: "bert-base-uncased-mrpc"
  results:
  - task:
      type: text-classification
      name: Text Classification
    dataset:
      type: nyu-mll/glue
      name: GLUE MRPC
      config: mrpc
      split: validation
    metrics:
    - type: accuracy
      value: 0.8407
      name: Accuracy
---

# bert-base-uncased fine-tuned on MRPC

Made by `sibert` 0.1.0. The weights are those of seed 1, the best of 3 on the development set.

|  |  |
| --- | --- |
| task | MRPC: do both sentences say the same? |
| output | not_equivalent, equivalent |
| architecture | BERT |
| base model | `google-bert/bert-base-uncased@main`, commit `86b5e0934494bd15c9632b12f734a8a67f723594` |
| data | `glue/MRPC`: 3668 examples to train on, 408 to evaluate on |

## Figures

Of the development set, in percent.

| figure | this model | mean ± sd | 95 % interval |
| --- | --- | --- | --- |
| accuracy | 84.1 | 83.1 ± 1.2 | 80.1 … 86.9 |
| f1 | undefined | 87.9 | undefined |

Over seeds 0, 1, 2: mean, sample standard deviation, and the 95 % interval of the mean by a bootstrap that draws seeds and examples again. This model's seed was chosen by these figures, so compare by the mean.

## Use

`DIR` is the folder of this file.

```sh
sibert evaluate --task mrpc --model DIR
sibert predict --task mrpc --model DIR --out predictions
```

or in Python

```python
from transformers import AutoTokenizer, AutoModelForSequenceClassification

tokenizer = AutoTokenizer.from_pretrained("DIR")
model = AutoModelForSequenceClassification.from_pretrained("DIR")
```

## Settings

| setting | value |
| --- | --- |
| `lr` | `0.00002` |
| `lengths` | `{"max_seq_len":128}` |

The command that repeats it:

```sh
sibert finetune --task mrpc --model google-bert/bert-base-uncased --seeds 3
```

## Limits

- The model is for English, and for texts like those of MRPC. It has not been tested on others.
- Text beyond the longest input of the settings is cut off.
- Errors and biases of the base model and of the data are also in this model.
- The licences of the base model and of the data apply.
"#;
    assert_eq!(card(&mrpc(&figures, &settings)), expected);
}

#[test]
fn only_a_model_of_the_hub_with_an_owner_is_a_base_model() {
    let base = |base_model, revision| {
        let text = card(&Card { base_model, revision, model_type: "sibert", ..mrpc(&[], &[]) });
        let line =
            parts(&text).0.lines().find_map(|line| line.strip_prefix("base_model: ")).map(str::to_owned);
        (line, text.lines().find(|line| line.starts_with("# ")).unwrap_or_default().to_owned())
    };
    let folder = "# sibert fine-tuned on MRPC".to_owned();
    for path in ["runs/own", "runs/own/best", "/data/a: \"b\"\n- c", "../bert", "C:\\bert", ""] {
        assert_eq!(base(path, None), (None, folder.clone()), "{path}");
    }
    assert_eq!(base("bert-base-uncased", Some(COMMIT)), (None, folder));
    let hub = (Some("\"org/name\"".to_owned()), "# name fine-tuned on MRPC".to_owned());
    for name in ["org/name", "org/name@v1", "hf://org/name", "hf://models/org/name@refs/pr/3/folder"] {
        assert_eq!(base(name, Some(COMMIT)), hub, "{name}");
    }
}

#[test]
fn both_sets_of_mnli_are_results_and_a_sibert_has_its_own_library() {
    let figures = [figure("accuracy", 0.6, None), figure("accuracy_mm", 0.625, None)];
    let text = card(&Card {
        task: task("mnli"),
        base_model: "runs/own",
        revision: None,
        model_type: "sibert",
        seeds: &[7],
        best_seed: 7,
        dev_rows: &[9815, 9832],
        ..mrpc(&figures, &[])
    });
    let (metadata, body) = parts(&text);
    assert!(metadata.starts_with("language: en\nlibrary_name: sibert\npipeline_tag: text-classification\ntags:\n- \"sibert\"\n- \"glue\"\ndatasets:"));
    let result = |split: &str, value: &str| {
        format!(
            "    dataset:\n      type: nyu-mll/glue\n      name: GLUE MNLI\n      config: mnli\n      split: {split}\n    \
             metrics:\n    - type: accuracy\n      value: {value}\n      name: Accuracy\n"
        )
    };
    assert!(metadata.contains(&result("validation_matched", "0.6000")), "{metadata}");
    assert!(metadata.ends_with(&result("validation_mismatched", "0.6250")), "{metadata}");
    assert_eq!(metadata.matches("  - task:").count(), 2);
    assert!(body.contains("9815 + 9832 to evaluate on"));
    assert!(body.contains("Only one seed was trained"));
    assert!(body.contains("transformers has no class for the model type `sibert`."));
    assert!(!body.contains("```python"));
}

#[test]
fn squad_is_answered_and_its_figures_are_percents_already() {
    let figures =
        [figure("exact_match", 72.25, None), figure("f1", 75.5, None), figure("HasAns_f1", 70., None)];
    let text = card(&Card { task: task("squad_v2"), ..mrpc(&figures, &[]) });
    let (metadata, body) = parts(&text);
    assert!(metadata.contains("pipeline_tag: question-answering\n"));
    assert!(
        metadata.contains("datasets:\n- rajpurkar/squad_v2\nmetrics:\n- exact_match\n- f1\nmodel-index:")
    );
    assert!(metadata.contains("type: rajpurkar/squad_v2\n      name: SQuAD 2.0\n      config: squad_v2\n"));
    assert!(metadata.contains("- type: exact_match\n      value: 72.2500\n"));
    assert!(!metadata.contains("HasAns"));
    assert!(body.contains("| exact_match | 72.2 | 72.2 | undefined |"), "{body}");
    assert!(body.contains("AutoModelForQuestionAnswering.from_pretrained(\"DIR\")"));
    assert!(body.contains("through windows"));
}

#[test]
fn a_model_without_a_defined_figure_has_no_model_index() {
    let undefined =
        [Figure { best: None, ..figure("pearson", 0.5, None) }, figure("spearman", f64::NAN, None)];
    for figures in [&undefined[..], &[]] {
        let text = card(&Card { task: task("stsb"), ..mrpc(figures, &[]) });
        assert!(parts(&text).0.ends_with("metrics:\n- pearsonr\n- spearmanr\n"), "{text}");
    }
}

#[test]
fn any_text_stays_in_its_quotes_its_cell_and_its_fence() {
    assert_eq!(quoted("a\"b\\c: #é\n\u{85}\u{2028}"), "\"a\\\"b\\\\c: #é\\u000a\\u0085\\u2028\"");
    let settings = [("a|b".into(), "`c`\n|".into()), ("d".into(), String::new())];
    let text = card(&Card { data: "--- |\n| `", command: "echo '```'\n---", ..mrpc(&[], &settings) });
    assert!(text.contains("| data | `` --- \\| \\| ` ``: 3668 examples"), "{text}");
    assert!(text.contains("| `a\\|b` | `` `c` \\| `` |"), "{text}");
    assert!(text.contains("| `d` | (empty) |"));
    assert!(text.contains("````sh\necho '```'\n---\n````\n"));
}
