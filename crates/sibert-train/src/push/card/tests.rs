#![allow(clippy::unwrap_used)]
use std::fs;

use tempfile::TempDir;

use super::*;

const CONFIG: &str = r#"{"model_type": "sibert", "vocab_size": 1000, "hidden_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 512}"#;
const SETTINGS: &str = "source = [\"hf://datasets/o/text/part\", \"notes | more\"]\noptimizer = \"spectral\"\n\
                        lr = 0.035\nmax_steps = 20\n";
const METRICS: &str = "{\"step\":10,\"eval_loss\":3.25,\"eval_accuracy\":0.4}\n{\"step\":20,\"loss\":3.0}\n";

fn folder(config: &str) -> (TempDir, Folder) {
    let run = tempfile::tempdir().unwrap();
    let model = run.path().join("checkpoint-000010");
    fs::create_dir(&model).unwrap();
    for (name, text) in
        [("config.toml", SETTINGS), ("metrics.jsonl", METRICS), ("curves.png", "png"), ("secret.key", "no")]
    {
        fs::write(run.path().join(name), text).unwrap();
    }
    for (name, text) in
        [("config.json", config), ("model.safetensors", ""), ("notes.txt", "no"), (".env", "no")]
    {
        fs::write(model.join(name), text).unwrap();
    }
    let folder = Folder::find(model.to_str().unwrap()).unwrap();
    (run, folder)
}

fn repo() -> RepoRef {
    RepoRef::model("org/name").unwrap()
}

#[test]
fn a_pretrained_model_gets_a_card_with_what_is_known_of_it() {
    let (_run, folder) = folder(CONFIG);
    let expected = r#"---
library_name: sibert
pipeline_tag: fill-mask
license: apache-2.0
tags:
- "sibert"
datasets:
- "o/text"
metrics:
- accuracy
model-index:
- name: "name"
  results:
  - task:
      type: fill-mask
      name: Masked language modelling
    dataset:
      type: "o/text"
      name: "held-out documents of hf://datasets/o/text/part, notes | more"
    metrics:
    - type: loss
      value: 3.2500
      name: Held-out loss
    - type: accuracy
      value: 0.4000
      name: Masked words right
---

# name

An encoder, pretrained by masked language modelling with `sibert` 0.1.0.

|  |  |
| --- | --- |
| architecture | SIBERT, the scale-invariant BERT of [Li et al. 2022](https://arxiv.org/abs/2202.00980) |
| size | 2 layers of width 128, 2 attention heads |
| vocabulary | 1000 tokens |
| longest input | 512 tokens |
| trained on | `hf://datasets/o/text/part`, `notes \| more` |
| training steps | 10 |

## Figures

Of documents that were held out of the training.

| figure | value |
| --- | --- |
| loss, the mean cross-entropy of masked words | 3.250 |
| masked words right | 40.0 % |

## Training

![Curves of the training](curves.png)

## Use

```sh
sibert fill-mask --model org/name "The capital of France is [MASK]."
sibert finetune --task mrpc --model org/name
```

transformers has no class for the model type `sibert`.

## Settings

| setting | value |
| --- | --- |
| `optimizer` | `"spectral"` |
| `lr` | `0.035` |
| `max_steps` | `20` |

`config.toml` has all of them; `sibert pretrain --config config.toml --out DIR` repeats the run.

## Limits

- The model knows texts like those above. It has not been tested on others.
- Errors and biases of the training text are also in this model.
- The licences of the training text apply.
"#;
    let found = text(&folder, &repo(), Some("apache-2.0")).unwrap();
    assert_eq!(found.replace(env!("CARGO_PKG_VERSION"), "0.1.0"), expected);
}

#[test]
fn only_the_files_of_a_model_and_its_run_are_pushed() {
    let (run, folder) = folder(CONFIG);
    let names = || folder.uploads().into_iter().map(|file| file.path).collect::<Vec<_>>();
    let expected = ["config.json", "model.safetensors", "config.toml", "metrics.jsonl", "curves.png"];
    assert_eq!(names(), expected);
    fs::write(run.path().join("checkpoint-000010/modeling_sibert.py"), "class Sibert: pass").unwrap();
    assert!(names().contains(&"modeling_sibert.py".to_owned()));
}

#[test]
fn transformers_is_named_where_it_can_open_the_model() {
    let (_run, bert) = folder(&CONFIG.replace("\"sibert\"", "\"bert\""));
    let card = text(&bert, &repo(), None).unwrap();
    assert!(card.starts_with("---\nlibrary_name: transformers\npipeline_tag: fill-mask\ntags:"), "{card}");
    assert!(card.contains("AutoModelForMaskedLM.from_pretrained(\"org/name\")"), "{card}");
    let (run, own) = folder(&CONFIG.replace('{', r#"{"auto_map": {"AutoConfig": "sibert.SibertConfig"}, "#));
    fs::write(run.path().join("checkpoint-000010/sibert.py"), "").unwrap();
    let card = text(&own, &repo(), None).unwrap();
    assert!(card.contains("from_pretrained(\"org/name\", trust_remote_code=True)"), "{card}");
}

#[test]
fn a_card_that_is_there_stays_and_gets_its_licence() {
    let (run, folder) = folder(CONFIG);
    let readme = run.path().join("checkpoint-000010/README.md");
    let card = |given: &str, license| {
        fs::write(&readme, given).unwrap();
        text(&folder, &repo(), license)
    };
    let own = "---\ntags:\n- x\n---\n\n# Mine\n";
    assert_eq!(card(own, None).unwrap(), own);
    assert_eq!(card(own, Some("mit")).unwrap(), "---\nlicense: mit\ntags:\n- x\n---\n\n# Mine\n");
    assert_eq!(card("# Mine\n", Some("mit")).unwrap(), "---\nlicense: mit\n---\n\n# Mine\n");
    assert_eq!(card("# Mine\n", Some("a: b")).unwrap(), "---\nlicense: \"a: b\"\n---\n\n# Mine\n");
    let licensed = "---\nlicense: mit\n---\n\n# Mine\n";
    assert_eq!(card(licensed, Some("mit")).unwrap(), licensed);
    let error = card(licensed, Some("apache-2.0")).unwrap_err().to_string();
    assert!(error.contains("names another licence than --license apache-2.0"), "{error}");
}
