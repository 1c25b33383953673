//! Every way to the same text: plain, JSON lines, parquet, compressed, from a hub, prepared or not.
#![allow(clippy::unwrap_used)]

mod support;
#[allow(dead_code)]
#[path = "../../sibert-data/src/source/tests/table.rs"]
mod table;

use std::fs;
use std::io::Write;

use flate2::write::GzEncoder;
use parquet::file::properties::WriterProperties;
use sibert_hub_emulator::{Fault, Server, status};
use support::{Folder, Outcome, assert_has, flip, refused, stderr, stdout};

fn lines(folder: &Folder) -> Vec<String> {
    folder.text("text.txt").lines().map(str::to_owned).collect()
}

fn json_lines(lines: &[String]) -> Vec<u8> {
    let line = |text: &String| serde_json::json!({ "id": 7, "text": text }).to_string() + "\n";
    lines.iter().map(line).collect::<String>().into_bytes()
}

fn table(lines: &[String]) -> Vec<u8> {
    table::of_texts(&lines.iter().map(Some).collect::<Vec<_>>(), WriterProperties::builder().build())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Default::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A hub with the corpus as a data set of two files, and the tokenizer as a model.
fn hub(folder: &Folder) -> Server {
    let lines = lines(folder);
    let (head, tail) = lines.split_at(lines.len() / 3);
    Server::start(&[
        ("datasets/o/corpus/README.md", b"not text to train on"),
        ("datasets/o/corpus/20231101.en/train-0.parquet", &table(head)),
        ("datasets/o/corpus/20231101.en/train-1.parquet", &table(tail)),
        ("datasets/o/corpus/20231101.de/train-0.parquet", &table(&["anderes".to_owned()])),
        ("o/model/tokenizer.json", &folder.bytes("tokenizer/tokenizer.json")),
    ])
}

fn train_tokenizer(folder: &Folder) {
    let train = ["tokenizer", "train", "--source", "text.txt", "--vocab-size", "120", "--out", "tokenizer"];
    assert_has(
        &stdout(&folder.sibert(&train)),
        "tokenizer.json, vocab.txt, tokenizer_config.json in tokenizer",
    );
}

fn prepare<'a>(source: &'a str, out: &'a str, tokenizer: &'a str) -> Vec<&'a str> {
    vec!["prepare", "--source", source, "--documents", "per_line", "--tokenizer", tokenizer, "--out", out]
}

#[test]
fn the_same_corpus_gives_the_same_shards_in_every_format_and_from_the_hub() {
    let folder = Folder::new();
    train_tokenizer(&folder);
    let (plain, lines) = (folder.bytes("text.txt"), lines(&folder));
    folder.write("text.txt.gz", gzip(&plain));
    folder.write("text.jsonl", json_lines(&lines));
    folder.write("text.jsonl.zst", zstd::encode_all(&json_lines(&lines)[..], 3).unwrap());
    folder.write("text.parquet", table(&lines));
    folder.write("text.parquet.gz", gzip(&table(&lines)));
    fs::create_dir(folder.path("parts")).unwrap();
    for (number, part) in lines.chunks(7).enumerate() {
        folder.write(&format!("parts/{number}.jsonl"), json_lines(part));
    }
    let server = hub(&folder);
    let hub = "hf://datasets/o/corpus/20231101.en";
    let hub_by_pattern = "hf://datasets/o/corpus@main/**/20231101.en/*.parquet".replace("**/", "");
    let variables = [("HF_ENDPOINT", server.url()), ("HF_HOME", "home".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));

    stdout(&folder.sibert(&prepare("text.txt", "plain", "tokenizer")));
    let expected = folder.bytes("plain/shard-00000.safetensors");
    let local = ["text.txt.gz", "text.jsonl", "text.jsonl.zst", "text.parquet", "text.parquet.gz"];
    for (number, source) in
        local.into_iter().chain(["parts", "parts/*.jsonl", hub, &hub_by_pattern]).enumerate()
    {
        let out = format!("out-{number}");
        stdout(&folder.sibert_with(&variables, &prepare(source, &out, "o/model")));
        assert!(folder.bytes(&format!("{out}/shard-00000.safetensors")) == expected, "{source}");
        assert_eq!(folder.bytes(&format!("{out}/tokenizer.json")), folder.bytes("plain/tokenizer.json"));
    }
    let offline = [&variables[..], &[("HF_HUB_OFFLINE", "1")]].concat();
    stdout(&folder.sibert_with(&offline, &prepare(hub, "offline", "o/model")));
    assert!(folder.bytes("offline/shard-00000.safetensors") == expected);
}

#[test]
fn a_hub_that_refuses_is_told_in_plain_words() {
    let folder = Folder::new();
    train_tokenizer(&folder);
    let server = hub(&folder);
    let variables = [("HF_ENDPOINT", server.url()), ("HF_HOME", "home".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = |source: &str, tokenizer: &str| {
        refused(&folder.sibert_with(&variables, &prepare(source, "out", tokenizer)))
    };
    assert_has(&refused("hf://datasets/o/none", "tokenizer"), "has no dataset `o/none`");
    assert_has(&refused("hf://datasets/o/corpus@v9", "tokenizer"), "v9");
    assert_has(
        &refused("hf://datasets/o/corpus/20231101.fr", "tokenizer"),
        "hf://datasets/o/corpus/20231101.fr",
    );
    assert_has(&refused("hf://datasets/o/corpus/README.md/x", "tokenizer"), "hf://datasets/o/corpus");
    assert_has(&refused("text.txt", "o/none"), "o/none");
    server.always("GET /20231101.en/train-0.parquet", status(403));
    assert_has(&refused("hf://datasets/o/corpus/20231101.en", "tokenizer"), "403");
    server.always("GET /20231101.en/train-0.parquet", Fault::Other(b"<html>an error page of the same lengt"));
    let error = refused("hf://datasets/o/corpus/20231101.en", "tokenizer");
    assert!(error.contains("sha256") || error.contains("bytes"), "{error}");
    assert!(!folder.exists("out/manifest.json"));
}

#[test]
fn training_on_sources_and_on_shards_made_of_them_is_the_same_run() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let prepare = [
        "prepare",
        "--source",
        "text.txt",
        "--documents",
        "per_line",
        "--held-out",
        "0.2",
        "--vocab-size",
        "120",
        "--out",
        "shards",
    ];
    stdout(&folder.sibert(&prepare));
    stdout(&folder.pretrain(&["--shards", "shards", "--out", "from-shards"]));
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "from-shards"));
    let used = refused(&folder.pretrain(&["--source", "shards", "--out", "other"]));
    assert_has(&used, "--shards");
}

#[test]
fn a_run_goes_on_with_its_own_text_when_the_source_is_gone() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    stdout(&folder.pretrain(&["--out", "whole"]));
    fs::remove_file(folder.path("text.txt")).unwrap();
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    assert_has(
        &folder.resume(&[]),
        "continuing with the text as it was, in run/data: cannot read text text.txt",
    );
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "whole"));
}

#[test]
fn the_text_of_a_run_cannot_be_changed_and_is_made_again_when_it_is_damaged() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    stdout(&folder.pretrain(&["--out", "whole"]));
    folder.write("other.txt", folder.text("text.txt").replace("cat", "cow"));
    let resume = |more: &[&str]| folder.sibert(&[&["pretrain", "--out", "run", "--resume"], more].concat());
    let settings = folder.text("run/config.toml");
    let refusal = refused(&resume(&["--source", "other.txt"]));
    assert_has(&refusal, "a run cannot continue with another text (source [\"text.txt\"] → [\"other.txt\"])");
    assert_has(&refused(&resume(&["--set", "held_out=0.3"])), "held_out 0.2 → 0.3");
    assert_eq!(folder.text("run/config.toml"), settings);
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    flip(&folder.path("run/data/shard-00000.safetensors"));
    assert_has(&folder.resume(&[]), "shard-00000.safetensors is corrupted");
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "whole"));
}

#[test]
fn weights_decide_what_is_trained_on() {
    let folder = Folder::new();
    folder.write("other.txt", "A b c d e f g h.\n".repeat(3) + "Some more letters.\n");
    let mixed = ["--source", "text.txt", "other.txt", "--weights", "1", "1e-9", "--set", "vocab_size=200"];
    assert_has(&stderr(&folder.pretrain(&mixed)), "epochs");
    let wrong = refused(&folder.pretrain(&["--source", "text.txt", "--weights", "1", "2", "--out", "wrong"]));
    assert_has(&wrong, "weights has 2 numbers for 1 sources, expected one for each source");
}

#[test]
fn sentence_pairs_train_the_next_sentence_head() {
    let folder = Folder::new();
    let pairs = ["packing=sentence_pairs", "model.next_sentence_prediction=true", "documents=blank_line"];
    let text = folder
        .text("text.txt")
        .lines()
        .collect::<Vec<_>>()
        .chunks(3)
        .map(|c| c.join(" ") + "\n\n")
        .collect::<String>();
    folder.write("text.txt", text);
    let report = stderr(&folder.pretrain(&[&["--set"], &pairs[..]].concat()));
    assert_has(&report, "next sentence ");
    let metrics = folder.text("run/metrics.jsonl");
    assert_has(&metrics, "\"next_sentence_loss\":0.6");
    assert_has(&metrics, "\"eval_next_sentence_accuracy\":");
    let refusal = refused(&folder.pretrain(&["--set", pairs[1], "--out", "other"]));
    assert_has(&refusal, "model.next_sentence_prediction needs packing = \"sentence_pairs\"");
}

#[test]
fn stats_and_samples_show_what_the_model_will_see() {
    let folder = Folder::new();
    let text = ["--config", "small.toml"];
    let stats = stdout(&folder.sibert(&[&["data", "stats"], &text[..]].concat()));
    for expected in
        ["documents", "text.txt", "held out", "% of them occur", "most frequent: the", "sequences"]
    {
        assert_has(&stats, expected);
    }
    let sample = stdout(&folder.sibert(&[&["data", "sample", "--count", "6"], &text[..]].concat()));
    assert_eq!(sample.matches("predicted").count(), 6, "{sample}");
    assert_has(&sample, "step 0, sequence 0: 16 tokens, 2 predicted");
    assert_has(&sample, "step 1, sequence 1: ");
    assert_has(&sample, "[MASK]{");
    let words: Vec<_> = sample.split_whitespace().collect();
    assert!(words.contains(&"[CLS]") && words.contains(&"[SEP]"), "{sample}");
    assert_has(
        &stdout(&folder.sibert(&[&["data", "bench", "--tokens", "1000"], &text[..]].concat())),
        "tokens/s",
    );
}

#[test]
fn a_data_set_of_the_hub_is_its_training_split_of_one_configuration() {
    let folder = Folder::new();
    train_tokenizer(&folder);
    let lines = lines(&folder);
    let (head, tail) = lines.split_at(lines.len() / 3);
    let other = table(&["the cat the dog".to_owned()]);
    let (head, tail) = (table(head), table(tail));
    let card = "---\nconfigs:\n- config_name: one\n  data_files:\n  - split: train\n    path: x/part-*\n  - split: dev\n    \
                path: x/dev*\n- config_name: two\n  data_files: y.parquet\n---\n";
    let server = Server::start(&[
        ("datasets/o/plain/LICENSE.txt", b"no text to train on"),
        ("datasets/o/plain/data/test-00000-of-00001.parquet", &other),
        ("datasets/o/plain/data/train-00000-of-00002.parquet", &head),
        ("datasets/o/plain/data/train-00001-of-00002.parquet", &tail),
        ("datasets/o/card/README.md", card.as_bytes()),
        ("datasets/o/card/x/dev.parquet", &other),
        ("datasets/o/card/x/part-1.parquet", &head),
        ("datasets/o/card/x/part-2.parquet", &tail),
        ("datasets/o/card/y.parquet", &other),
    ]);
    let variables = [("HF_ENDPOINT", server.url()), ("HF_HOME", "home".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    stdout(&folder.sibert(&prepare("text.txt", "expected", "tokenizer")));
    let expected = folder.bytes("expected/shard-00000.safetensors");
    for (number, source) in
        ["hf://datasets/o/plain", "hf://datasets/o/plain@main#train", "hf://datasets/o/card/one"]
            .into_iter()
            .enumerate()
    {
        let out = format!("out-{number}");
        stdout(&folder.sibert_with(&variables, &prepare(source, &out, "tokenizer")));
        assert!(folder.bytes(&format!("{out}/shard-00000.safetensors")) == expected, "{source}");
    }
    let refused =
        |source: &str| refused(&folder.sibert_with(&variables, &prepare(source, "out", "tokenizer")));
    assert_has(
        &refused("hf://datasets/o/card"),
        "2 configurations, expected one of them by its name: hf://datasets/o/card/one, hf://datasets/o/card/two",
    );
    assert_has(
        &refused("hf://datasets/o/card/one#test"),
        "no split test, found train, dev: name one behind #, as in hf://datasets/o/card/one#train",
    );
    let validated = ["--validation", "hf://datasets/o/card/one#dev"];
    let run = [&prepare("hf://datasets/o/card/one", "validated", "tokenizer")[..], &validated].concat();
    assert_has(
        &stdout(&folder.sibert_with(&variables, &run)),
        "hf://datasets/o/card/one#dev (validation)          1",
    );
}

#[test]
fn what_a_run_is_judged_by_may_be_a_source_of_its_own() {
    let folder = Folder::new();
    folder.write("judge.txt", lines(&folder)[..20].join("\n"));
    let said = stdout(&folder.pretrain(&["--validation", "judge.txt"]));
    assert_has(&said, "held-out sequences:");
    let settings = folder.text("run/config.toml");
    assert_has(&settings, "held_out = 0.0");
    assert_has(&settings, "validation = [\"judge.txt\"]");
    let both =
        refused(&folder.sibert(&["pretrain", "--shards", "run/data", "--set", "validation=[\"judge.txt\"]"]));
    assert_has(&both, "validation and shards are both set");
    let other = refused(&folder.sibert(&["pretrain", "--shards", "run/data", "--set", "held_out=0.5"]));
    assert_has(&other, "held_out has no meaning for shards, ");
    stdout(&folder.pretrain(&["--out", "whole"]));
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    let whole = Outcome::of(&folder, "whole");
    stdout(&folder.pretrain(&["--out", "again", "--validation", "judge.txt"]));
    assert_has(&folder.resume(&[]), "resuming from run/checkpoint-000003");
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "again"));
    assert!(whole != Outcome::of(&folder, "again"));
}

#[test]
fn a_run_without_held_out_text_trains_to_its_end_and_is_not_judged() {
    let folder = Folder::new();
    let none = ["--set", "held_out=0"];
    assert_has(&stdout(&folder.pretrain(&none)), "after 6 steps; nothing is held out to judge them by");
    assert!(!folder.text("run/metrics.jsonl").contains("eval_loss"));
    assert_has(&folder.text("run/summary.json"), "\"eval_loss\": null");
    assert!(folder.exists("run/curves.png") && folder.exists("run/last") && !folder.exists("run/best"));
    stdout(&folder.pretrain(&[&none[..], &["--out", "whole"]].concat()));
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    folder.resume(&[]);
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "whole"));
    let fill = ["fill-mask", "--model", "run", "The cat lives near the [MASK]."];
    assert_has(&stdout(&folder.sibert(&fill)), "The cat lives near");
    assert_has(
        &stdout(&folder.sibert(&["data", "stats", "--shards", "run/data", "--set", "seq_len=16"])),
        " 0 held out",
    );
    let sweep = [
        "sweep",
        "small.toml",
        "--vary",
        "seed=1,2",
        "--set",
        "held_out=0",
        "--out",
        "swept",
        "--threads",
        "1",
    ];
    assert_has(&stderr(&folder.sibert(&sweep)), "finished 6 steps, nothing held out");
}

#[test]
fn bad_lines_stop_a_run_or_are_counted() {
    let folder = Folder::new();
    let mut bytes = json_lines(&lines(&folder));
    bytes.extend_from_slice(b"{\"text\": \"half a \\ud83d\"}\n{\"text\": 3, \"x\": NaN}\n");
    folder.write("text.jsonl", bytes);
    let source = ["--source", "text.jsonl"];
    assert_has(&refused(&folder.pretrain(&source)), "text.jsonl:31: column 24: half a character");
    fs::remove_dir_all(folder.path("run")).unwrap();
    let said = stderr(&folder.pretrain(&[&source[..], &["--skip-bad"]].concat()));
    assert_has(
        &said,
        "text.jsonl: 2 bad lines left out, the first: text.jsonl:31: column 24: half a character",
    );
    assert_has(&folder.text("run/config.toml"), "skip_bad = true");
    let train =
        ["tokenizer", "train", "--source", "text.jsonl", "--vocab-size", "120", "--out", "t", "--skip-bad"];
    assert_has(&stderr(&folder.sibert(&train)), "text.jsonl: 2 bad lines left out");
}
