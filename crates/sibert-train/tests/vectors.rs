//! `sibert embed` and `sibert export` on a run, and on what they cannot do.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::Tensor;
use serde_json::Value;
use support::{Folder, assert_has, refused, stdout};

/// A run, and a file of five texts, one of them empty.
fn folder() -> Folder {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    folder.write("texts.txt", "the cat sleeps\n\nan owl hunts at night and sleeps by day\nthe cat\nrain\n");
    folder
}

fn vectors(folder: &Folder, more: &[&str]) -> Vec<Vec<f32>> {
    let embed = ["embed", "--model", "run", "--input", "texts.txt", "--out", "v.npy"];
    assert_has(&stdout(&folder.sibert(&[&embed, more].concat())), "v.npy: 5 vectors of width");
    Tensor::read_npy(folder.path("v.npy")).unwrap().to_vec2().unwrap()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

#[test]
fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let folder = folder();
    let (together, alone) = (vectors(&folder, &[]), vectors(&folder, &["--batch-size", "1"]));
    for (a, b) in together.iter().zip(&alone) {
        assert!(distance(a, b) < 1e-5, "{}", distance(a, b));
    }
    assert!(distance(&alone[0], &alone[3]) > 1e-2, "different texts have different vectors");
    let lines = stdout(&folder.sibert(&["embed", "--model", "run", "the cat sleeps"]));
    let line: Value = serde_json::from_str(&lines).unwrap();
    let vector: Vec<f32> = serde_json::from_value(line["vector"].clone()).unwrap();
    assert_eq!(line["text"], "the cat sleeps");
    assert!(distance(&vector, &alone[0]) < 1e-5);
}

#[test]
fn vectors_are_the_same_on_any_number_of_threads() {
    let folder = folder();
    let one = vectors(&folder, &["--batch-size", "1", "--threads", "1"]);
    assert_eq!(vectors(&folder, &["--batch-size", "1", "--threads", "2"]), one, "a batch for each thread");
    assert_eq!(vectors(&folder, &["--batch-size", "1", "--threads", "5"]), one, "a batch for all threads");
}

#[test]
fn normalized_vectors_have_length_one_and_the_first_token_is_another_vector() {
    let folder = folder();
    let (mean, cls) = (vectors(&folder, &["--normalize"]), vectors(&folder, &["--pooling", "cls"]));
    for vector in &mean {
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.).abs() < 1e-5);
    }
    assert!(distance(&mean[0], &cls[0]) > 1e-2);
}

#[test]
fn what_cannot_be_embedded_or_exported_is_said_before_any_work() {
    let folder = folder();
    folder.write("empty.txt", "");
    let embed = |args: &[&str]| refused(&folder.sibert(&[&["embed", "--model", "run"], args].concat()));
    assert_has(
        &embed(&["--out", "v.csv", "a"]),
        "expected a name that ends in .safetensors, .npy or .parquet",
    );
    assert_has(&embed(&["--input", "empty.txt"]), "empty.txt is empty, expected a text on each line");
    assert_has(&embed(&["--max-seq-len", "4096", "a"]), "expected at most so many");
    assert_has(&embed(&["--max-seq-len", "2", "a"]), "--max-seq-len 2: expected at least 3");
    let export = ["export", "--model", "run", "--part", "task", "--out", "m.onnx"];
    assert_has(&refused(&folder.sibert(&export)), "the model has no head of a task");
    assert!(!folder.exists("m.onnx"));
}
