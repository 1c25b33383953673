//! Data, models and settings that fine-tuning refuses, with the remedy.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use support::tasks::{finetune, folder, with};
use support::{assert_has, refused, stdout};

#[test]
fn unfit_data_is_refused_with_file_line_and_remedy() {
    let folder = folder("sibert");
    let good = folder.text("glue/SST-2/train.tsv");
    let third = good.lines().nth(2).unwrap();
    let cases: [(String, &[&str]); 6] = [
        (good.replacen(third, "one column only", 1), &["SST-2/train.tsv", "3", "column"]),
        (good.replacen(third, "a text\t7", 1), &["SST-2/train.tsv", "3", "7", "negative"]),
        (good.replacen(third, "a text\t", 1), &["SST-2/train.tsv", "3", "label"]),
        (String::new(), &["SST-2/train.tsv", "empty"]),
        ("sentence\tlabel\n".into(), &["SST-2/train.tsv"]),
        (good.replacen("sentence\tlabel", "a\tb", 1), &["SST-2/train.tsv", "sentence"]),
    ];
    for (text, parts) in cases {
        folder.write("glue/SST-2/train.tsv", &text);
        let message = refused(&folder.sibert(&finetune("sst2", "run", "glue", "sst2")));
        parts.iter().for_each(|part| assert_has(&message, part));
    }
    let crlf = format!("\u{feff}{}", good.replace('\n', "\r\n").replacen("The ", "\"The ", 1));
    folder.write("glue/SST-2/train.tsv", crlf);
    stdout(&folder.sibert(&with(&finetune("sst2", "run", "glue", "sst2"), &["--epochs", "1"])));
}

#[test]
fn unfit_models_are_refused_with_the_remedy() {
    let folder = folder("bert");
    let evaluate = |model: &str, task: &str| {
        refused(&folder.sibert(&["evaluate", "--task", task, "--model", model, "--data-dir", "glue"]))
    };
    assert_has(&evaluate("run", "mrpc"), "the model has no head for MRPC: fine-tune it first");
    stdout(&folder.sibert(&with(&finetune("mrpc", "run", "glue", "mrpc"), &["--epochs", "1"])));
    assert_has(&evaluate("mrpc", "sst2"), "made for another task");
    assert_has(&evaluate("mrpc", "mnli"), "no head for MNLI");
    let config = folder.text("mrpc/config.json");
    std::fs::remove_file(folder.path("mrpc/manifest.json")).unwrap(); // a model that others changed has none
    folder.write(
        "mrpc/config.json",
        config.replace("not_equivalent", "LABEL_0").replace("equivalent", "LABEL_1"),
    );
    assert_has(&evaluate("mrpc", "mrpc"), "do not say what they mean");
    let labels = [
        "evaluate",
        "--task",
        "mrpc",
        "--model",
        "mrpc",
        "--data-dir",
        "glue",
        "--labels",
        "not_equivalent,equivalent",
    ];
    stdout(&folder.sibert(&labels));
    assert_has(&refused(&folder.sibert(&finetune("ax", "run", "glue", "ax"))), "fine-tune mnli");
    assert_has(&refused(&folder.sibert(&finetune("mrpc", "nowhere/at/all", "glue", "x"))), "nowhere/at/all");
    let asked = refused(&folder.sibert(&["fill-mask", "--model", "mrpc", "The [MASK] lives."]));
    assert_has(&asked, "a fine-tuned model (classifier.weight), without the heads of pretraining");
    let long = with(&finetune("mrpc", "run", "glue", "y"), &["--max-seq-len", "64"]);
    assert_has(&refused(&folder.sibert(&long)), "max_position_embeddings");
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let folder = folder("sibert");
    let cases = [
        (["--lr", "0"], "--lr 0, expected a finite number above 0"),
        (["--lr", "nan"], "--lr NaN, expected a finite number above 0"),
        (["--warmup", "1"], "--warmup 1, expected at least 0 and below 1"),
        (["--weight-decay", "inf"], "--weight-decay inf, expected 0 or more"),
        (["--max-grad-norm", "0"], "--max-grad-norm 0, expected a positive number"),
        (["--accumulation-steps", "9"], "--accumulation-steps 9, expected at most the 8 examples of a batch"),
        (["--optimizer=spectral", "--weight-decay=0.1"], "--weight-decay means nothing to the rule spectral"),
        (["--optimizer=spectral", "--max-grad-norm=1"], "--max-grad-norm means nothing to the rule spectral"),
        (["--max-seq-len", "4"], "have no room for a pair of texts"),
        (["--dataset", "o/n"], "leave out the other"),
    ];
    for (option, expected) in cases {
        let message = refused(&folder.sibert(&with(&finetune("rte", "run", "glue", "rte"), &option)));
        assert_has(&message, expected);
        assert!(!folder.exists("rte/settings.json"), "{option:?} left a run behind");
    }
    let stride = ["--max-seq-len", "16", "--doc-stride", "14"];
    let message = refused(&folder.sibert(&with(&finetune("squad", "run", "squad", "squad"), &stride)));
    assert_has(&message, "give a --doc-stride below");
}
