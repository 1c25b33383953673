//! Models that are opened: where they are found, and which heads they have.
#![allow(clippy::unwrap_used)]

use std::fs;

use candle_core::DType;
use serde_json::json;
use sibert_hub_emulator::COMMIT;

use super::fixture::{Model, WORDS, open_here, save_step, tensor, tensors};
use super::*;

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

const WORD_EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

fn names(pretrained: &Pretrained) -> Vec<&str> {
    let mut names: Vec<&str> = pretrained.tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The first number of the word embeddings.
fn first(pretrained: &Pretrained, prefix: &str) -> f32 {
    pretrained.tensors[&format!("{prefix}{WORD_EMBEDDINGS}")].flatten_all().unwrap().to_vec1::<f32>().unwrap()
        [0]
}

#[test]
fn a_folder_of_sentence_transformers_opens_whole() {
    let model = Model::new();
    model.write("modules.json", "[]");
    model.write("tokenizer_config.json", "{\"do_lower_case\": true}");
    let opened = model.open().unwrap();
    assert_eq!(opened.name, model.path().to_str().unwrap());
    assert_eq!((opened.revision.as_deref(), opened.config.hidden_size), (None, 4));
    assert_eq!(opened.config_json, fixture::config());
    assert_eq!(names(&opened), ["embeddings.LayerNorm.gamma", WORD_EMBEDDINGS, "pooler.dense.weight"]);
    assert!(opened.tensors.values().all(|tensor| tensor.dtype() == DType::F32));
    assert_eq!(opened.tokenizer_config_json.as_deref(), Some("{\"do_lower_case\": true}"));
    assert_eq!((opened.task(), opened.label_names().unwrap()), (None, None));
    for (name, tensor) in &opened.tensors {
        let saved = &tensors()[name];
        assert_eq!(
            (tensor - saved).unwrap().abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap(),
            0.
        );
    }
}

#[test]
fn truncation_and_padding_of_the_tokenizer_are_gone() {
    let opened = Model::new().open().unwrap();
    assert!(opened.tokenizer.get_truncation().is_none() && opened.tokenizer.get_padding().is_none());
    assert_eq!(opened.tokenizer.encode("a b c d a b c d", true).unwrap().len(), 10);
}

#[test]
fn a_run_means_its_newest_intact_checkpoint_and_its_links_name_one() {
    let run = tempfile::tempdir().unwrap();
    for step in [1, 2, 3] {
        save_step(run.path(), step);
    }
    let first_of = |path: &std::path::Path| first(&open_here(path).unwrap(), "bert.");
    assert_eq!((first_of(run.path()), first_of(&run.path().join("last"))), (3., 3.));
    fs::write(run.path().join("checkpoint-000003/tokenizer.json"), "{}").unwrap();
    assert_eq!(first_of(run.path()), 2.);
    assert_eq!(open_here(run.path()).unwrap().name, run.path().to_str().unwrap());
    assert_eq!(first_of(&run.path().join("checkpoint-000001")), 1.);
}

#[test]
fn a_damaged_checkpoint_is_refused_and_one_without_its_training_is_not() {
    let run = tempfile::tempdir().unwrap();
    let path = save_step(run.path(), 1);
    fs::remove_file(path.join("training_state/optimizer.safetensors")).unwrap();
    assert_eq!(first(&open_here(&path).unwrap(), "bert."), 1.);
    let mut bytes = fs::read(path.join("model.safetensors")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path.join("model.safetensors"), bytes).unwrap();
    let error = format!("{:#}", open_here(&path).err().unwrap());
    assert!(error.contains("model.safetensors is corrupted: sha256") && error.contains("delete"), "{error}");
    fs::remove_dir_all(path.join("training_state")).unwrap();
    open_here(&path).unwrap();
}

#[test]
fn a_fine_tuned_folder_says_its_task_head_and_labels() {
    let model = Model::new();
    let heads = [("classifier.weight", [3, 4]), ("qa_outputs.weight", [2, 4])];
    let with = |heads: &[(&str, [usize; 2])]| {
        let mut all = tensors();
        all.extend(heads.iter().map(|(name, shape)| (name.to_string(), tensor(0., shape))));
        model.save("model.safetensors", &all);
        model.open().unwrap()
    };
    model.configure(json!({"finetuning_task": "mnli", "id2label": {"0": "a", "1": "b", "2": "c"}}));
    let opened = with(&heads[..1]);
    let has = |opened: &Pretrained| {
        [HeadKind::Classes(3), HeadKind::Classes(2), HeadKind::Score, HeadKind::Span]
            .map(|kind| opened.has_head(kind))
    };
    assert_eq!((opened.task(), has(&opened)), (Some(task("mnli")), [true, false, false, false]));
    assert_eq!(opened.label_names().unwrap().unwrap(), ["a", "b", "c"]);
    assert_eq!(has(&with(&heads[1..])), [false, false, false, true]);
    assert_eq!(has(&with(&[("classifier.weight", [1, 4])])), [false, false, true, false]);
    assert_eq!(has(&with(&[])), [false; 4]);
}

#[test]
fn the_task_is_known_in_any_spelling_or_not_at_all() {
    let mut opened = Model::new().open().unwrap();
    let spellings = [
        ("SST-2", Some(task("sst2"))),
        (" stsb ", Some(task("stsb"))),
        ("glue/mrpc", Some(task("mrpc"))),
        ("GLUE_QNLI", Some(task("qnli"))),
        ("squad_v2", Some(task("squad_v2"))),
        ("conll2003", None),
        ("glue", None),
    ];
    for (spelling, task) in spellings {
        opened.config_json["finetuning_task"] = spelling.into();
        assert_eq!(opened.task(), task, "{spelling}");
    }
    opened.config_json["finetuning_task"] = Value::Null;
    assert_eq!(opened.task(), None);
}

#[test]
fn a_model_on_the_hub_is_fetched_once_and_only_as_far_as_needed() {
    let model = Model::new();
    for other in ["README.md", "pytorch_model.bin", "vocab.txt"] {
        model.write(other, WORDS);
    }
    let hub = model.on_hub("");
    let opened = hub.open("o/m@v1").unwrap();
    assert_eq!((opened.name.as_str(), opened.revision.as_deref()), ("o/m@v1", Some(COMMIT)));
    assert_eq!((first(&opened, ""), opened.tokenizer_config_json), (0., None));
    assert_eq!(hub.downloaded(), ["config.json", "model.safetensors", "tokenizer.json"]);
    for name in ["o/m@v1", "hf://o/m@v1", "hf://models/o/m@v1"] {
        assert_eq!(hub.open(name).unwrap().name, name);
    }
    let pinned = hub.open(&format!("o/m@{COMMIT}")).unwrap();
    assert_eq!((pinned.revision.as_deref(), hub.downloaded()), (Some(COMMIT), vec![]));
}

#[test]
fn a_fetched_model_opens_offline_and_another_does_not() {
    let hub = Model::new().on_hub("");
    hub.open("o/m").unwrap();
    hub.server.asked();
    let opened = hub.open_offline("o/m").unwrap();
    assert_eq!((opened.revision.as_deref(), first(&opened, "")), (Some(COMMIT), 0.));
    assert!(hub.server.asked().is_empty());
    let error = format!("{:#}", hub.open_offline("o/other").err().unwrap());
    assert!(error.contains("HF_HUB_OFFLINE is set"), "{error}");
}

#[test]
fn a_sharded_model_opens_from_folder_hub_and_cache() {
    let model = Model::sharded();
    let whole = ["embeddings.LayerNorm.gamma", WORD_EMBEDDINGS, "pooler.dense.weight"];
    assert_eq!(names(&model.open().unwrap()), whole);
    let hub = model.on_hub("");
    assert_eq!(names(&hub.open("o/m").unwrap()), whole);
    let files = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ];
    assert_eq!(hub.downloaded(), files);
    assert_eq!(names(&hub.open_offline("o/m").unwrap()), whole);
}

#[test]
fn a_folder_of_a_repository_and_a_vocabulary_without_tokenizer_json_open() {
    let model = Model::new();
    model.remove("tokenizer.json");
    model.write("vocab.txt", WORDS);
    model.write("tokenizer_config.json", "{\"do_lower_case\": false}");
    let hub = model.on_hub("sub/folder/");
    let opened = hub.open("hf://o/m/sub/folder").unwrap();
    let ids = |text: &str| opened.tokenizer.encode(text, true).unwrap().get_ids().to_vec();
    assert_eq!((ids("a d"), ids("A")), (vec![2, 5, 8, 3], vec![2, 1, 3]));
    assert_eq!(hub.downloaded(), ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]);
    let error = hub.error("hf://o/m/other");
    assert_eq!(error, "hf://o/m: there is no folder `other/` in it: name the folder that holds config.json");
    let whole = hub.error("o/m");
    assert!(whole.contains("hf://o/m/config.json is missing: expected a model"), "{whole}");
}
