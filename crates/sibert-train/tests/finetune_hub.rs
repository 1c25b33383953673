//! `sibert finetune --task mrpc --model org/name`: model and data from a hub, and once more without it.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use sibert_hub_emulator::{Fault, Server};
use support::{Folder, assert_has, refused, stderr, stdout, tasks};

const SCHEMA: &str = "message schema {
    REQUIRED BYTE_ARRAY sentence1 (UTF8); REQUIRED BYTE_ARRAY sentence2 (UTF8);
    REQUIRED INT64 label; REQUIRED INT32 idx; }";

/// An official MRPC file as the hub has it.
fn as_parquet(tsv: &str) -> Vec<u8> {
    let rows: Vec<Vec<&str>> = tsv.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let texts = |column: usize| rows.iter().map(|row| ByteArray::from(row[column])).collect::<Vec<_>>();
    let labels: Vec<i64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    let indices: Vec<i32> = (0..rows.len() as i32).collect();
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for text in [texts(3), texts(4)] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&text, None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&labels, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&indices, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// A hub with a pretrained model and the data of MRPC.
fn hub(folder: &Folder) -> Server {
    let file = |name: &str| folder.bytes(&format!("run/last/{name}"));
    let table = |split: &str| as_parquet(&folder.text(&format!("glue/MRPC/{split}.tsv")));
    Server::start(&[
        ("org/name/config.json", &file("config.json")),
        ("org/name/tokenizer.json", &file("tokenizer.json")),
        ("org/name/model.safetensors", &file("model.safetensors")),
        ("org/name/pytorch_model.bin", b"never fetched"),
        ("org/pickled/config.json", &file("config.json")),
        ("org/pickled/pytorch_model.bin", b"never fetched"),
        ("datasets/nyu-mll/glue/mrpc/train-00000-of-00001.parquet", &table("train")),
        ("datasets/nyu-mll/glue/mrpc/validation-00000-of-00001.parquet", &table("dev")),
    ])
}

#[test]
fn model_and_data_come_from_the_hub_and_then_from_its_cache() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--set", "max_steps=2", "eval_every=2"]));
    tasks::write_glue(&folder);
    let server = hub(&folder);
    let variables = [("HF_ENDPOINT", server.url()), ("HF_HOME", "home".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let finetune = |model: &'static str, out: &'static str| {
        vec!["finetune", "--task", "mrpc", "--model", model, "--epochs", "2", "--threads", "1", "--out", out]
    };
    stdout(&folder.sibert_with(&variables, &finetune("org/name", "online")));
    let asked = server.lines().join("\n");
    assert!(!asked.contains("pytorch_model.bin"), "{asked}");

    let offline = [&variables[..], &[("HF_HUB_OFFLINE", "1")]].concat();
    stdout(&folder.sibert_with(&offline, &finetune("org/name", "offline")));
    stdout(&folder.sibert(&[&finetune("run/last", "local")[..], &["--data-dir", "glue"]].concat()));
    let weights = |out: &str| folder.bytes(&format!("{out}/model.safetensors"));
    assert!(weights("online") == weights("offline") && weights("online") == weights("local"));
    assert_has(&folder.text("online/README.md"), "base_model: \"org/name\"");

    // the same rows as a table of one's own
    let (train, dev) = ("hf://datasets/nyu-mll/glue/mrpc", "hf://datasets/nyu-mll/glue/mrpc#validation");
    let columns = ["--text", "sentence1", "sentence2", "--label", "label", "--metrics", "accuracy,f1"];
    let own = [
        "finetune",
        "--model",
        "org/name",
        "--train",
        train,
        "--validation",
        dev,
        "--epochs",
        "2",
        "--threads",
        "1",
    ];
    stdout(&folder.sibert_with(&offline, &[&own[..], &columns, &["--out", "own"]].concat()));
    assert!(weights("own") == weights("online"));

    let pickled = refused(&folder.sibert_with(&variables, &finetune("org/pickled", "pickled")));
    assert_has(&pickled, "safetensors");
    let squad = ["finetune", "--task", "squad", "--model", "org/name", "--out", "squad"];
    assert_has(&refused(&folder.sibert_with(&offline, &squad)), "rajpurkar/squad");
    let said = stderr(
        &folder
            .sibert_with(&variables, &[&finetune("org/name@main", "pinned")[..], &["--seeds", "2"]].concat()),
    );
    assert_has(&said, "seed 1: ");
}

#[test]
fn a_signal_ends_the_wait_for_a_busy_hub() {
    let folder = Folder::new();
    let server = Server::start(&[]);
    let busy = Fault::Status(429, vec![("Retry-After", "3600".to_owned())]);
    server.always("GET /revision/main", busy);
    let args = ["finetune", "--task", "mrpc", "--model", "org/name", "--out", "out"];
    let variables = [("HF_ENDPOINT", server.url()), ("HF_HOME", "home".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut child = folder.start_with(&variables, &args);
    while server.lines().is_empty() {
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_millis(100)); // the answer is read
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}
