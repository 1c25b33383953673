//! Small data for every task of GLUE and SQuAD, in the official files, of words that the model of the tests knows; and how
//! that model is fine-tuned on it.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;

use serde_json::{Value, json};

use super::{Folder, stdout};

const ANIMALS: [&str; 6] = ["cat", "dog", "horse", "bird", "fish", "mouse"];
const PLACES: [&str; 5] = ["house", "river", "garden", "forest", "city"];

/// Rows of a split: to train on, to judge by, to predict.
pub const ROWS: [(&str, usize); 3] = [("train", 60), ("dev", 20), ("test", 9)];

/// A folder with a model `run/last` of either kind, and the data of every task.
pub fn folder(model_type: &str) -> Folder {
    let folder = Folder::new();
    let model = format!("model.type={model_type}");
    let extra = if model_type == "bert" { vec!["optimizer=adamw", "clip=none"] } else { vec![] };
    let settings = [&["--set", "max_steps=2", "eval_every=2", &model][..], &extra].concat();
    stdout(&folder.pretrain(&settings));
    write_glue(&folder);
    write_squad(&folder);
    folder
}

/// Settings under which the small model learns the small data.
pub const QUICK: [&str; 8] = ["--lr", "1e-2", "--epochs", "6", "--batch-size", "8", "--threads", "1"];

pub fn finetune<'a>(task: &'a str, model: &'a str, data: &'a str, out: &'a str) -> Vec<&'a str> {
    let args = ["finetune", "--task", task, "--model", model, "--data-dir", data, "--out", out];
    [&args[..], &QUICK].concat()
}

/// The arguments with other values, or with more options behind them.
pub fn with<'a>(args: &[&'a str], options: &[&'a str]) -> Vec<&'a str> {
    let mut args = args.to_vec();
    for option in options.chunks(2) {
        match args.iter().position(|known| *known == option[0]) {
            Some(place) => args[place + 1] = option[1],
            None => args.extend(option),
        }
    }
    args
}

/// Row `i` of a split: an animal, a place, and a second animal that is the first in every other row.
fn row(i: usize) -> (&'static str, &'static str, &'static str) {
    let animal = ANIMALS[(i * 7) % 6];
    (animal, PLACES[(i * 3) % 5], if i.is_multiple_of(2) { animal } else { ANIMALS[(i * 7 + 1) % 6] })
}

/// Whether row `i` is of the second class: its place tells.
fn class(i: usize) -> usize {
    usize::from(PLACES.iter().position(|place| *place == row(i).1).unwrap() >= 2)
}

fn sentence(i: usize) -> String {
    let (animal, place, _) = row(i);
    format!("The {animal} lives near the {place}.")
}

fn other(i: usize) -> String {
    let (_, place, animal) = row(i);
    format!("The {place} likes the {animal}.")
}

/// A table with tabs; of a test set without what is right.
fn table(header: Option<&str>, rows: usize, line: impl Fn(usize) -> String) -> String {
    let header = header.map(|header| format!("{header}\n")).unwrap_or_default();
    header + &(0..rows).map(|i| line(i) + "\n").collect::<String>()
}

/// Writes the folder `glue` with all nine tasks and the diagnostic set.
pub fn write_glue(folder: &Folder) {
    for (split, rows) in ROWS {
        let labelled = split != "test";
        let put = |task: &str, split: &str, text: String| {
            fs::create_dir_all(folder.path(&format!("glue/{task}"))).unwrap();
            folder.write(&format!("glue/{task}/{split}.tsv"), text);
        };
        let name = |names: &'static [&'static str]| move |i: usize| names[class(i) % names.len()].to_owned();
        let entailment = name(&["entailment", "not_entailment"]);
        let digit = |i: usize| class(i).to_string();

        put(
            "CoLA",
            split,
            match labelled {
                true => table(None, rows, |i| format!("x\t{}\t\t{}", class(i), sentence(i))),
                false => table(Some("index\tsentence"), rows, |i| format!("{i}\t{}", sentence(i))),
            },
        );
        put(
            "SST-2",
            split,
            match labelled {
                true => table(Some("sentence\tlabel"), rows, |i| format!("{}\t{}", sentence(i), class(i))),
                false => table(Some("index\tsentence"), rows, |i| format!("{i}\t{}", sentence(i))),
            },
        );
        let quality = match labelled {
            true => "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
            false => "\u{feff}index\t#1 ID\t#2 ID\t#1 String\t#2 String",
        };
        put(
            "MRPC",
            split,
            table(Some(quality), rows, |i| format!("{}\t1\t2\t{}\t{}", class(i), sentence(i), other(i))),
        );
        put(
            "QQP",
            split,
            match labelled {
                true => table(Some("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"), rows, |i| {
                    format!("{i}\t1\t2\t{}\t{}\t{}", sentence(i), other(i), class(i))
                }),
                false => table(Some("id\tquestion1\tquestion2"), rows, |i| {
                    format!("{i}\t{}\t{}", sentence(i), other(i))
                }),
            },
        );
        let genre = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2";
        let stem = |i: usize| format!("{i}\tg\tf\ty\to\ts\ts\t{}\t{}", sentence(i), other(i));
        put(
            "STS-B",
            split,
            match labelled {
                true => table(Some(&format!("{genre}\tscore")), rows, |i| {
                    format!("{}\t{:.3}", stem(i), 5. * class(i) as f64)
                }),
                false => table(Some(genre), rows, stem),
            },
        );
        for (task, text) in [
            ("QNLI", "question\tsentence"),
            ("RTE", "sentence1\tsentence2"),
            ("WNLI", "sentence1\tsentence2"),
        ] {
            let label = |i: usize| if task == "WNLI" { digit(i) } else { entailment(i) };
            put(
                task,
                split,
                match labelled {
                    true => table(Some(&format!("index\t{text}\tlabel")), rows, |i| {
                        format!("{i}\t{}\t{}\t{}", sentence(i), other(i), label(i))
                    }),
                    false => table(Some(&format!("index\t{text}")), rows, |i| {
                        format!("{i}\t{}\t{}", sentence(i), other(i))
                    }),
                },
            );
        }
        mnli(rows, split, &put);
    }
    fs::create_dir_all(folder.path("glue/AX")).unwrap();
    let pairs =
        table(Some("index\tsentence1\tsentence2"), 7, |i| format!("{i}\t{}\t{}", sentence(i), other(i)));
    folder.write("glue/AX/diagnostic.tsv", pairs);
}

fn mnli(rows: usize, split: &str, put: &impl Fn(&str, &str, String)) {
    const NAMES: [&str; 3] = ["contradiction", "neutral", "entailment"];
    let columns = "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t\
                   sentence2_parse\tsentence1\tsentence2";
    let label = |i: usize| NAMES[class(i) + usize::from(row(i).1 == "city")];
    let stem = |i: usize| format!("{i}\t1\t1\tg\tb\tb\tp\tp\t{}\t{}", sentence(i), other(i));
    let with = |extra: usize| {
        let annotators: String = (1..=extra).map(|n| format!("\tlabel{n}")).collect();
        table(Some(&format!("{columns}{annotators}\tgold_label")), rows, |i| {
            format!("{}{}\t{}", stem(i), format!("\t{}", label(i)).repeat(extra), label(i))
        })
    };
    match split {
        "train" => put("MNLI", "train", with(1)),
        "dev" => ["dev_matched", "dev_mismatched"].into_iter().for_each(|split| put("MNLI", split, with(5))),
        _ => ["test_matched", "test_mismatched"]
            .into_iter()
            .for_each(|split| put("MNLI", split, table(Some(columns), rows, stem))),
    }
}

/// Writes the folder `squad` with version 1.1 and version 2.0, in which every third question has no answer.
pub fn write_squad(folder: &Folder) {
    fs::create_dir_all(folder.path("squad")).unwrap();
    for version in ["1.1", "2.0"] {
        for (split, rows) in [("train", 60), ("dev", 20)] {
            let text = squad(version, rows).to_string();
            folder.write(&format!("squad/{split}-v{version}.json"), text);
        }
    }
}

fn squad(version: &str, rows: usize) -> Value {
    let paragraph = |i: usize| {
        let (animal, place, _) = row(i);
        let context = format!("{} The {place} likes the {animal}.", sentence(i));
        let start = context.find(place).unwrap();
        let impossible = version == "2.0" && i.is_multiple_of(3);
        let answers = if impossible { json!([]) } else { json!([{ "text": place, "answer_start": start }]) };
        let subject = if impossible { ANIMALS[(i * 7 + 2) % 6] } else { animal };
        let mut question = json!({ "id": format!("q{i}"), "question": format!("The {subject} lives near?"), "answers": answers });
        if version == "2.0" {
            question["is_impossible"] = impossible.into();
        }
        json!({ "context": context, "qas": [question] })
    };
    let paragraphs: Vec<Value> = (0..rows).map(paragraph).collect();
    json!({ "version": version, "data": [{ "title": "Animals", "paragraphs": paragraphs }] })
}
