//! Promises of tasks that are made of a table.
#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::dataset::DataSource;
use crate::examples::{self, Target};
use crate::task::{Kind, Split};

fn own(texts: &[&str], label: &str) -> Own {
    Own {
        name: "own".into(),
        train: "train".into(),
        validation: Some("dev".into()),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        labels: vec![label.into()],
        ..Own::default()
    }
}

/// The task of a training set, and its examples; or the message of the error, which begins after the folder.
fn read(own: &Own, name: &str, text: &str) -> Result<(Task, Vec<Option<Target>>), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let read = || {
        let task = own.task(std::slice::from_ref(&path))?;
        let source = DataSource::of_files(vec![("train".into(), vec![path.clone()])], task);
        let examples = examples::read(task, Split::Train, &source, &|_| {})?;
        Ok((task, examples.into_iter().map(|example| example.target).collect()))
    };
    read().map_err(|error: anyhow::Error| {
        format!("{error:#}").replace(&format!("{}/", folder.path().display()), "")
    })
}

fn classes(text: &str) -> (Vec<String>, Vec<Option<Target>>) {
    let (task, targets) = read(&own(&["text"], "label"), "a.csv", text).unwrap();
    (task.class_names().to_vec(), targets)
}

#[test]
fn classes_are_those_of_the_data_letter_by_letter() {
    let class = |class| Some(Target::Class(class));
    let (names, targets) = classes("text,label\na,C++\nb,C\nc,c\nd, C++ \n");
    assert_eq!(names, ["C", "C++", "c"]);
    assert_eq!(targets, [class(1), class(0), class(2), class(1)]);
    let (names, targets) = classes("text,label\na,10\nb,-1\nc,2\nd,-1\n");
    assert_eq!(names, ["-1", "2", "10"], "by size, and -1 is a class");
    assert_eq!(targets, [class(2), class(0), class(1), class(0)]);
    let json = "{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}\n";
    let (task, targets) = read(&own(&["text"], "label"), "a.jsonl", json).unwrap();
    assert_eq!(
        (task.class_names(), targets),
        (&["false".to_owned(), "true".to_owned()][..], vec![class(1), class(0)])
    );
}

#[test]
fn a_column_with_fractions_holds_numbers_and_lists_hold_several_labels() {
    let (task, targets) = read(&own(&["text"], "label"), "a.csv", "text,label\na,1\nb,-2.5\n").unwrap();
    assert_eq!(task.kind(), Kind::Score(Range::default()));
    assert_eq!(targets, [Some(Target::Score(1.)), Some(Target::Score(-2.5))]);
    let labels = |labels: &[u32]| Some(Target::Labels(labels.to_vec()));
    let json = "{\"text\": \"a\", \"label\": [\"y\", \"x\"]}\n{\"text\": \"b\", \"label\": []}\n";
    let (task, targets) = read(&own(&["text"], "label"), "a.jsonl", json).unwrap();
    assert_eq!((task.class_names().len(), targets), (2, vec![labels(&[0, 1]), labels(&[])]));
    let several = Own { kind: Some(Asked::Labels), between: Some(";".into()), ..own(&["text"], "label") };
    let (_, targets) = read(&several, "a.csv", "text,label\na,y; x\nb,\nc,x\n").unwrap();
    assert_eq!(targets, [labels(&[0, 1]), labels(&[]), labels(&[0])]);
}

#[test]
fn what_cannot_be_learned_is_named_by_file_line_and_column() {
    let refused = |text: &str| read(&own(&["text"], "label"), "a.csv", text).unwrap_err();
    assert_eq!(
        refused("text,lable\na,b\n"),
        "a.csv: no column label (did you mean lable?), found text, lable"
    );
    assert_eq!(
        refused("text,label\na,x\nb,\n"),
        "a.csv:3: no label in the column label: fill it in, or leave the row out"
    );
    assert_eq!(
        refused("text,label\na,x\nb,x\n"),
        "a.csv: the column label holds one class alone, x, in all 2 rows: expected two or more"
    );
    assert_eq!(
        refused("text,label\na,x\n ,y\n"),
        "a.csv:3: the text is empty: fill it in, or leave the row out"
    );
    let many: String = (0..10_000).map(|row| format!("a,{row}\n")).collect();
    let refused = refused(&format!("text,label\n{many}"));
    assert!(refused.starts_with("a.csv: the column label holds 10000 classes in 10000 rows"), "{refused}");
    let twice: String = (0..20_000).map(|row| format!("a,{}\n", row % 10_000)).collect();
    assert_eq!(classes(&format!("text,label\n{twice}")).0.len(), 10_000, "that come again are learned");
}

#[test]
fn a_label_of_the_development_set_that_training_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.csv"), "text,label\na,x\nb,y\n").unwrap();
    fs::write(path("b.csv"), "text,label\na,x\nb,z\n").unwrap();
    let task = own(&["text"], "label").task(&[path("a.csv")]).unwrap();
    let source = DataSource::of_files(vec![("dev".into(), vec![path("b.csv")])], task);
    let error = examples::read(task, Split::Validation, &source, &|_| {}).unwrap_err().to_string();
    assert!(error.ends_with("b.csv:3: unknown label, expected one of x, y, found `z`"), "{error}");
}

#[test]
fn classes_are_those_of_all_files_of_a_training_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.csv"), "text,label\na,x\nb,x\n").unwrap();
    fs::write(path("b.csv"), "text,label\na,z\nb,y\n").unwrap();
    let task = own(&["text"], "label").task(&[path("a.csv"), path("b.csv")]).unwrap();
    assert_eq!(task.class_names(), ["x", "y", "z"]);
}

#[test]
fn a_part_of_the_training_set_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let rows: String =
        (0..100).map(|row| format!("text {row},{}\n", if row % 4 == 0 { "x" } else { "y" })).collect();
    fs::write(&path, format!("text,label\n{rows}")).unwrap();
    let own = Own { validation: None, held_out: Some(0.2), ..own(&["text"], "label") };
    let task = own.task(std::slice::from_ref(&path)).unwrap();
    let source = DataSource::of_files(vec![("train".into(), vec![path])], task);
    let read = |split| examples::read(task, split, &source, &|_| {}).unwrap();
    let (train, dev) = (read(Split::Train), read(Split::Validation));
    assert!(train.len() + dev.len() == 100 && dev.len().abs_diff(20) < 9, "{}", dev.len());
    let of_x = dev.iter().filter(|example| example.target == Some(Target::Class(0))).count();
    assert!(of_x.abs_diff(5) < 5, "{of_x}");
    assert!(dev.iter().all(|example| !train.contains(example)));
}

fn marked(columns: &[&str]) -> Own {
    Own { labels: columns.iter().map(|name| (*name).to_owned()).collect(), ..own(&["text"], "") }
}

#[test]
fn columns_of_marks_are_labels_of_their_names_in_any_kind_of_table() {
    let labels = |labels: &[u32]| Some(Target::Labels(labels.to_vec()));
    let expected = [labels(&[]), labels(&[0, 2]), labels(&[1])];
    let csv = "late,text,rude,lost\n0,a,0,0\n1,b,0,1\n0,c,1,0\n";
    let tsv = "late\ttext\trude\tlost\nFalse\ta\tFalse\tFalse\nTrue\tb\tno\tyes\n0.0\tc\t1.0\t0.0\n";
    let json = "{\"text\": \"a\", \"late\": 0, \"rude\": false, \"lost\": 0.0}\n\
                {\"text\": \"b\", \"late\": 1, \"rude\": 0, \"lost\": true}\n\
                {\"text\": \"c\", \"late\": \"no\", \"rude\": 1, \"lost\": false}\n";
    for (name, text) in [("a.csv", csv), ("a.tsv", tsv), ("a.jsonl", json)] {
        let (task, targets) = read(&marked(&["late", "rude", "lost"]), name, text).unwrap();
        assert_eq!(task.class_names(), ["late", "rude", "lost"], "in the order of the options");
        assert_eq!(targets, expected, "{name}");
        let saved = serde_json::to_string(&task).unwrap();
        assert_eq!(serde_json::from_str::<Task>(&saved).unwrap(), task);
    }
}

#[test]
fn a_mark_that_is_none_is_named_by_file_line_and_column() {
    let refused = |columns: &[&str], text: &str| read(&marked(columns), "a.csv", text).unwrap_err();
    assert_eq!(
        refused(&["x", "y"], "text,x,y\na,0,1\nb,1,2\n"),
        "a.csv:3: the column y: expected 0 or 1, true or false, yes or no, found `2`"
    );
    assert!(
        refused(&["x", "y"], "text,x,y\na,,1\n")
            .ends_with("a.csv:2: the column x: expected 0 or 1, true or false, yes or no, found nothing")
    );
    assert_eq!(
        refused(&["x", "z"], "text,x,y\na,0,1\n"),
        "a.csv: no column z (did you mean x?), found text, x, y"
    );
    assert!(refused(&["x", "x"], "text,x\na,0\n").contains("labels: expected names that differ"));
    let classes = Own { kind: Some(Asked::Classes), ..marked(&["x", "y"]) };
    assert_eq!(
        read(&classes, "a.csv", "text,x,y\na,0,1\n").unwrap_err(),
        "train: a column for each of several labels, expected --kind labels, found Classes"
    );
}
