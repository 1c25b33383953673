//! From a pretrained model to figures, leaderboard files and answers, on data that a small model can learn.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use candle_core::{Device, Tensor};
use serde_json::Value;

use support::tasks::{finetune, folder, with};
use support::{Folder, assert_has, refused, stderr, stdout};

fn json(folder: &Folder, file: &str) -> Value {
    serde_json::from_str(&folder.text(file)).unwrap()
}

/// A run's figures of its best seed, by name.
fn figures(folder: &Folder, out: &str) -> Value {
    let report = json(folder, &format!("{out}/finetune.json"));
    let seeds = report["seeds"].as_array().unwrap();
    seeds.iter().find(|seed| seed["seed"] == report["best_seed"]).unwrap()["figures"].clone()
}

/// The files of a run, without what depends on the clock.
fn outcome(folder: &Folder, out: &str) -> (Vec<u8>, Value, Vec<Value>) {
    let mut report = json(folder, &format!("{out}/finetune.json"));
    report["command"] =
        report["command"].as_str().unwrap().replace(&format!("--out {out}"), "--out OUT").into();
    report["sha256"] = Value::Null;
    for seed in report["seeds"].as_array_mut().unwrap() {
        for measured in ["seconds", "samples_per_second", "peak_memory_bytes"] {
            seed[measured] = Value::Null;
        }
    }
    let lines = folder.text(&format!("{out}/seed-0/metrics.jsonl"));
    let mut lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter_mut().for_each(|line| line["timing"] = Value::Null);
    (folder.bytes(&format!("{out}/model.safetensors")), report, lines)
}

#[test]
fn a_separable_task_is_learned_by_both_architectures() {
    for model_type in ["sibert", "bert"] {
        let folder = folder(model_type);
        stdout(
            &folder.sibert(&with(
                &finetune("SST-2", "run", "glue", "sst2"),
                &["--epochs", "40", "--lr", "3e-2"],
            )),
        );
        assert_eq!(figures(&folder, "sst2")["accuracy"], 1., "{model_type}");
    }
}

#[test]
fn a_fine_tuned_folder_is_a_hugging_face_folder_with_a_card() {
    let folder = folder("bert");
    let table = stdout(&folder.sibert(&with(&finetune("mrpc", "run", "glue", "mrpc"), &["--seeds", "2"])));
    assert_has(&table, "MRPC");
    let config = json(&folder, "mrpc/config.json");
    assert_eq!(config["architectures"][0], "BertForSequenceClassification");
    assert_eq!(config["finetuning_task"], "mrpc");
    assert_eq!(config["id2label"]["1"], "equivalent");
    for file in ["tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        assert!(folder.exists(&format!("mrpc/{file}")), "{file}");
    }
    let card = folder.text("mrpc/README.md");
    assert!(card.starts_with("---\n"), "{card}");
    for part in ["sibert finetune --task mrpc", "text-classification", "accuracy", "seed"] {
        assert_has(&card, part);
    }
    let report = json(&folder, "mrpc/finetune.json");
    assert_eq!(report["seeds"].as_array().unwrap().len(), 2);
    assert!(report["summary"][0]["standard_deviation"].is_number());
    assert!(!folder.exists("mrpc/seed-0/last"), "checkpoints of a seed that is done are dropped");
}

#[test]
fn evaluate_repeats_the_figures_of_finetune() {
    let folder = folder("sibert");
    for task in ["cola", "stsb", "mnli"] {
        stdout(&folder.sibert(&finetune(task, "run", "glue", task)));
        let found = stdout(&folder.sibert(&["evaluate", "--model", task, "--data-dir", "glue"]));
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["task"], task);
        let expected = figures(&folder, task);
        assert_eq!(found["figures"], expected, "{task}");
        assert!(expected.as_object().unwrap().len() == if task == "cola" { 1 } else { 2 });
    }
}

/// Two seeds of 240 steps each, judged twice an epoch.
const LONG: [&str; 6] = ["--seeds", "2", "--evaluations", "2", "--epochs", "30"];

#[test]
fn killed_run_resumed_equals_uninterrupted_run() {
    let folder = folder("sibert");
    let whole = with(&finetune("rte", "run/last", "glue", "whole"), &LONG);
    stdout(&folder.sibert(&whole));
    let reports = |out: &str| -> usize {
        let of_seed = |seed| fs::read_to_string(folder.path(&format!("{out}/seed-{seed}/metrics.jsonl")));
        [0, 1].map(|seed| of_seed(seed).map_or(0, |text| text.lines().count())).into_iter().sum()
    };
    assert!(
        reports("whole") >= 120,
        "six kills a round, each after at most nine reports, come before the end"
    );
    let expected = outcome(&folder, "whole");
    let args = with(&finetune("rte", "run/last", "glue", "rte"), &LONG);
    let resumed = [&args[..], &["--resume"]].concat();
    let mut kills = 0;
    for round in 0..3 {
        for moment in 0..6 {
            let command = if folder.exists("rte/settings.json") { &resumed } else { &args };
            let until = reports("rte") + 1 + (round * 7919 + moment * 104_729) % 9;
            kills += usize::from(folder.killed(command, |_| reports("rte") >= until));
        }
        let last = if folder.exists("rte/settings.json") { &resumed } else { &args };
        stdout(&folder.sibert(last));
        let found = outcome(&folder, "rte");
        assert_eq!((&found.1, &found.2), (&expected.1, &expected.2));
        assert!(found.0 == expected.0, "model.safetensors differs");
        let card = |out: &str| {
            folder.text(&format!("{out}/README.md")).replace(&format!("--out {out}"), "--out OUT")
        };
        assert_eq!(card("rte"), card("whole"));
        fs::remove_dir_all(folder.path("rte")).unwrap();
    }
    assert!(kills >= 12, "only {kills} of 18 kills came before the end of the run");
}

#[test]
fn seeds_that_are_done_stay_and_more_can_follow() {
    let folder = folder("sibert");
    let args = finetune("wnli", "run", "glue", "wnli");
    stdout(&folder.sibert(&args));
    let model = folder.bytes("wnli/seed-0/model/model.safetensors");
    let again = refused(&folder.sibert(&args));
    assert_has(&again, "already holds a run: continue it with --resume");
    let said = stderr(&folder.sibert(&with(&args, &["--seeds", "2", "--resume"])));
    assert_has(&said, "seed 0: done before");
    assert!(folder.bytes("wnli/seed-0/model/model.safetensors") == model);
    assert!(folder.bytes("wnli/seed-1/model/model.safetensors") != model);
    let other = refused(&folder.sibert(&with(&args, &["--lr", "3e-3", "--resume"])));
    assert_has(&other, "lr was 0.01, is 0.003");
}

#[test]
fn a_model_of_mnli_gets_a_new_head_for_another_task() {
    let folder = folder("bert");
    stdout(&folder.sibert(&finetune("mnli", "run", "glue", "mnli")));
    let said = stderr(&folder.sibert(&finetune("stsb", "mnli", "glue", "stsb")));
    assert_has(&said, "fine-tuned for MNLI; its head is replaced by a new one for STS-B");
    assert_has(&said, "new, drawn from the seed: classifier.bias, classifier.weight");
    let said = stderr(&folder.sibert(&finetune("mnli", "mnli", "glue", "again")));
    assert_has(&said, "its head is trained on");
}

/// Puts the classes of a model into another order, in its head and in its configuration.
fn reorder_classes(folder: &Folder, model: &str, order: [u32; 3]) {
    let path = folder.path(&format!("{model}/model.safetensors"));
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let rows = Tensor::new(&order, &Device::Cpu).unwrap();
    for name in ["classifier.weight", "classifier.bias"] {
        let reordered = tensors[name].index_select(&rows, 0).unwrap();
        tensors.insert(name.into(), reordered);
    }
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let mut config = json(folder, &format!("{model}/config.json"));
    let names = config["id2label"].clone();
    for (place, class) in order.iter().enumerate() {
        config["id2label"][place.to_string()] = names[class.to_string()].clone();
    }
    folder.write(&format!("{model}/config.json"), config.to_string());
    fs::remove_file(folder.path(&format!("{model}/manifest.json"))).unwrap(); // of the model as it was
}

#[test]
fn classes_are_found_by_name_in_a_model_with_another_order() {
    let folder = folder("bert");
    stdout(&folder.sibert(&finetune("mnli", "run", "glue", "mnli")));
    let expected = figures(&folder, "mnli");
    let predict = |out: &str| {
        stdout(&folder.sibert(&[
            "predict",
            "--task",
            "mnli",
            "--model",
            "mnli",
            "--data-dir",
            "glue",
            "--out",
            out,
        ]));
        folder.text(&format!("{out}/MNLI-mm.tsv"))
    };
    let predicted = predict("before");
    reorder_classes(&folder, "mnli", [2, 0, 1]);
    let found = stdout(&folder.sibert(&["evaluate", "--model", "mnli", "--data-dir", "glue"]));
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap()["figures"], expected);
    assert_eq!(predict("after"), predicted);

    // Training goes on from there, in that order: a rate of nearly nothing changes nothing.
    let more = with(&finetune("mnli", "mnli", "glue", "more"), &["--lr", "1e-9", "--epochs", "1"]);
    stdout(&folder.sibert(&more));
    assert_eq!(figures(&folder, "more"), expected);
    let loss = |out: &str| {
        let lines = folder.text(&format!("{out}/seed-0/metrics.jsonl"));
        let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64();
        lines.lines().filter_map(loss).collect::<Vec<_>>()
    };
    let (last, again) = (*loss("mnli").last().unwrap(), loss("more")[0]);
    assert!((again - last).abs() < 0.2, "a loss of {last} goes on as {again}");
}

#[test]
fn patience_stops_a_seed_early_and_keeps_its_best() {
    let folder = folder("sibert");
    let args = finetune("qqp", "run", "glue", "qqp");
    let extra = ["--epochs", "40", "--patience", "1", "--lr", "1e-6"];
    stdout(&folder.sibert(&with(&args, &extra)));
    let seed = &json(&folder, "qqp/finetune.json")["seeds"][0];
    assert!(seed["steps"].as_u64().unwrap() < 40 * 8);
    assert!(seed["best_step"].as_u64() < seed["steps"].as_u64());
}

#[test]
fn all_of_glue_in_one_command_becomes_a_submission() {
    let folder = folder("sibert");
    let args = with(&finetune("glue", "run", "glue", "all"), &["--epochs", "1"]);
    let table = stdout(&folder.sibert(&args));
    for title in ["CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI", "QNLI", "RTE", "WNLI", "average"] {
        assert_has(&table, title);
    }
    stdout(&folder.sibert(&[
        "predict",
        "--task",
        "glue",
        "--model",
        "all",
        "--data-dir",
        "glue",
        "--out",
        "sub",
    ]));
    let mut names: Vec<String> = fs::read_dir(folder.path("sub"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "AX.tsv",
        "CoLA.tsv",
        "MNLI-m.tsv",
        "MNLI-mm.tsv",
        "MRPC.tsv",
        "QNLI.tsv",
        "QQP.tsv",
        "RTE.tsv",
        "SST-2.tsv",
        "STS-B.tsv",
        "WNLI.tsv",
        "submission.zip",
    ];
    assert_eq!(names, expected);
    let lines = folder.text("sub/AX.tsv");
    assert_eq!(lines.lines().next(), Some("index\tprediction"));
    assert_eq!(lines.lines().count(), 8);
    assert!(
        ["entailment", "neutral", "contradiction"]
            .contains(&lines.lines().nth(1).unwrap().split('\t').nth(1).unwrap())
    );
}

#[test]
fn squad_answers_score_by_the_official_rules_as_they_did_in_training() {
    let folder = folder("bert");
    for (task, dev) in [("squad", "squad/dev-v1.1.json"), ("squad_v2", "squad/dev-v2.0.json")] {
        let long = ["--max-seq-len", "24", "--doc-stride", "4"];
        stdout(&folder.sibert(&with(&finetune(task, "run", "squad", task), &long)));
        let out = format!("{task}-answers");
        stdout(&folder.sibert(&[
            "predict",
            "--task",
            task,
            "--model",
            task,
            "--data-dir",
            "squad",
            "--out",
            &out,
        ]));
        let mut asked: Value = serde_json::from_str(&folder.text(dev)).unwrap();
        for paragraph in asked["data"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .flat_map(|article| article["paragraphs"].as_array_mut().unwrap())
        {
            for question in paragraph["qas"].as_array_mut().unwrap() {
                question.as_object_mut().unwrap().retain(|key, _| key == "id" || key == "question");
            }
        }
        folder.write("asked.json", asked.to_string());
        let ask = ["predict", "--task", task, "--model", task, "--questions", "asked.json", "--out", "asked"];
        stdout(&folder.sibert(&ask));
        assert_eq!(folder.text("asked/predictions.json"), folder.text(&format!("{out}/predictions.json")));
        let file = format!("{out}/predictions.json");
        let odds = format!("{out}/null_odds.json");
        let mut args = vec!["evaluate", "--predictions", &file, "--dataset", dev];
        if task == "squad_v2" {
            args.extend(["--na-prob-file", &odds, "--na-prob-thresh", "1e9"]);
        }
        let scored: Value = serde_json::from_str(&stdout(&folder.sibert(&args))).unwrap();
        let trained = figures(&folder, task);
        let (exact, best) =
            if task == "squad" { ("exact_match", None) } else { ("exact", Some("best_f1_thresh")) };
        let close = |name: &str, of: &str| {
            let [a, b] = [&scored[name], &trained[of]].map(|value| value.as_f64().unwrap());
            assert!((a - b).abs() < 1e-9, "{task} {name}: {a} and {b}");
        };
        close("f1", "f1");
        close(exact, "exact_match");
        best.into_iter().for_each(|name| close(name, name));
        assert!(trained["f1"].as_f64().unwrap() > 30., "{task}: {trained}");
    }
}

#[test]
fn a_file_of_predictions_is_scored_against_labels() {
    let folder = folder("sibert");
    let rows = |wrong: usize| {
        let label = |i: usize| folder.text("glue/MRPC/dev.tsv").lines().nth(i + 1).unwrap()[..1].to_owned();
        let flip = |label: String| if label == "0" { "1".to_owned() } else { "0".to_owned() };
        let line = |i: usize| format!("{i}\t{}\n", if i < wrong { flip(label(i)) } else { label(i) });
        "index\tprediction\n".to_owned() + &(0..20).map(line).collect::<String>()
    };
    folder.write("MRPC.tsv", rows(5));
    let args = ["evaluate", "--task", "mrpc", "--predictions", "MRPC.tsv", "--dataset", "glue/MRPC/dev.tsv"];
    let found: Value = serde_json::from_str(&stdout(&folder.sibert(&args))).unwrap();
    assert_eq!(found["figures"]["accuracy"], 0.75);
}

#[test]
fn parts_of_a_batch_add_up_to_the_batch() {
    let folder = folder("bert");
    let args = finetune("cola", "run", "glue", "whole");
    stdout(&folder.sibert(&args));
    let parts = with(&finetune("cola", "run", "glue", "parts"), &["--accumulation-steps", "3"]);
    stdout(&folder.sibert(&parts));
    let losses = |out: &str| -> Vec<f64> {
        let lines = folder.text(&format!("{out}/seed-0/metrics.jsonl"));
        let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64();
        lines.lines().filter_map(loss).collect()
    };
    let (whole, parts) = (losses("whole"), losses("parts"));
    assert!(whole.len() == parts.len() && !whole.is_empty());
    let same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-3 * a; // rounding alone, grown over 48 steps
    assert!(whole.iter().zip(&parts).all(same), "{whole:?} {parts:?}");
}
