#![allow(clippy::unwrap_used)]
use std::fs;
use std::io::{Cursor, Read};

use tempfile::TempDir;
use zip::{DateTime, ZipArchive};

use super::*;

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

fn classes(classes: &[u32]) -> Vec<Prediction> {
    classes.iter().map(|class| Prediction::Class(*class)).collect()
}

fn scores(scores: &[f32]) -> Vec<Prediction> {
    scores.iter().map(|score| Prediction::Score(*score)).collect()
}

/// A small one of each file: task, set, predictions, name, text.
fn samples() -> Vec<(Task, Split, Vec<Prediction>, &'static str, &'static str)> {
    use Split::{Test, TestMismatched};
    let digits = "index\tprediction\n0\t1\n1\t0\n";
    let pair = "index\tprediction\n0\tnot_entailment\n1\tentailment\n";
    let three = "index\tprediction\n0\tcontradiction\n1\tentailment\n2\tneutral\n";
    vec![
        (task("cola"), Test, classes(&[1, 0]), "CoLA.tsv", digits),
        (task("sst2"), Test, classes(&[1, 0]), "SST-2.tsv", digits),
        (task("mrpc"), Test, classes(&[1, 0]), "MRPC.tsv", digits),
        (
            task("stsb"),
            Test,
            scores(&[2.34567, 0., 5., 4.9996]),
            "STS-B.tsv",
            "index\tprediction\n0\t2.346\n1\t0.000\n2\t5.000\n3\t5.000\n",
        ),
        (task("qqp"), Test, classes(&[1, 0]), "QQP.tsv", digits),
        (task("mnli"), Test, classes(&[2, 0, 1]), "MNLI-m.tsv", three),
        (task("mnli"), TestMismatched, classes(&[2, 0, 1]), "MNLI-mm.tsv", three),
        (task("qnli"), Test, classes(&[1, 0]), "QNLI.tsv", pair),
        (task("rte"), Test, classes(&[1, 0]), "RTE.tsv", pair),
        (task("wnli"), Test, classes(&[1, 0]), "WNLI.tsv", digits),
        (task("ax"), Test, classes(&[2, 0, 1]), "AX.tsv", three),
    ]
}

fn write_all(folder: &TempDir) -> Vec<PathBuf> {
    let write = |(task, split, predictions, ..): &(_, _, Vec<_>, _, _)| {
        super::write(folder.path(), *task, *split, predictions).unwrap()
    };
    samples().iter().map(write).collect()
}

#[test]
fn every_file_has_its_name_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_all(&folder);
    assert_eq!(paths.len(), FILES.len());
    for (path, (.., name, text)) in paths.iter().zip(samples()) {
        assert_eq!(*path, folder.path().join(name));
        assert_eq!(fs::read_to_string(path).unwrap(), text, "{name}");
    }
}

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for (path, (task, _, predictions, ..)) in write_all(&folder).iter().zip(samples()) {
        let expected = if task.is_of_scores() { scores(&[2.346, 0., 5., 5.]) } else { predictions };
        assert_eq!(read(path, task).unwrap(), expected, "{task}");
        let text = fs::read_to_string(path).unwrap().replace('\n', "\r\n");
        fs::write(path, format!("\u{feff}{}", text.trim_end())).unwrap();
        assert_eq!(read(path, task).unwrap(), expected, "{task}, as Windows writes it");
    }
    let empty = write(folder.path(), task("rte"), Split::Test, &[]).unwrap();
    assert_eq!(fs::read_to_string(&empty).unwrap(), "index\tprediction\n");
    assert_eq!(read(&empty, task("rte")).unwrap(), []);
}

#[test]
fn development_sets_have_the_names_of_their_test_sets() {
    let folder = tempfile::tempdir().unwrap();
    for (split, name) in [(Split::Validation, "MNLI-m.tsv"), (Split::ValidationMismatched, "MNLI-mm.tsv")] {
        assert_eq!(write(folder.path(), task("mnli"), split, &[]).unwrap(), folder.path().join(name));
    }
    let error = write(folder.path(), task("rte"), Split::TestMismatched, &[]).unwrap_err();
    assert_eq!(error.to_string(), "RTE has no mismatched test set");
}

#[test]
fn scores_are_clipped_and_zero_has_no_sign() {
    let text = text(task("stsb"), &scores(&[-0.7, 5.2, -0., -0.0001, 1e30])).unwrap();
    assert_eq!(text, "index\tprediction\n0\t0.000\n1\t5.000\n2\t0.000\n3\t0.000\n4\t5.000\n");
}

#[test]
fn what_is_no_prediction_of_the_task_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            task("cola"),
            classes(&[0, 2]),
            "cannot write CoLA.tsv: prediction 1 is class 2, CoLA has only classes 0 to 1",
        ),
        (
            task("mnli"),
            classes(&[3]),
            "cannot write MNLI-m.tsv: prediction 0 is class 3, MNLI has only classes 0 to 2",
        ),
        (task("rte"), scores(&[0.5]), "cannot write RTE.tsv: prediction 0 is a score, RTE has classes"),
        (task("stsb"), classes(&[1]), "cannot write STS-B.tsv: prediction 0 is a class, STS-B has scores"),
        (
            task("stsb"),
            scores(&[1., f32::NAN]),
            "cannot write STS-B.tsv: prediction 1 is NaN, expected a number: has the training diverged?",
        ),
        (task("squad"), vec![], "SQuAD 1.1 has no file on the GLUE leaderboard"),
    ];
    for (task, predictions, expected) in cases {
        let error = write(folder.path(), task, Split::Test, &predictions).unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_damaged_file_is_refused_with_line_found_and_expected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("RTE.tsv");
    let header = "expected the header index⇥prediction, with a tab between, found";
    let cases: [(&[u8], String); 9] = [
        (b"", format!("RTE.tsv:1: {header} \"\": is it a file of the GLUE leaderboard?")),
        (b"index prediction\n", format!("RTE.tsv:1: {header} \"index prediction\": is it a file of the GLUE leaderboard?")),
        (
            b"index\tprediction\n0\tentailment\n1 entailment\n",
            "RTE.tsv:3: expected 2 columns with a tab between, found 1: \"1 entailment\"".into(),
        ),
        (
            b"index\tprediction\n0\tentailment\t0.9\n",
            "RTE.tsv:2: expected 2 columns with a tab between, found 3: \"0\\tentailment\\t0.9\"".into(),
        ),
        (
            b"index\tprediction\n0\tentailment\n2\tentailment\n",
            "RTE.tsv:3: expected index 1, found \"2\": the rows must be there all and in order".into(),
        ),
        (
            b"index\tprediction\n1\tentailment\n",
            "RTE.tsv:2: expected index 0, found \"1\": the rows must be there all and in order".into(),
        ),
        (
            b"index\tprediction\n0\tentails\n",
            "RTE.tsv:2: expected one of entailment, not_entailment, found \"entails\": is it the file of another task \
             than RTE?"
                .into(),
        ),
        (
            b"index\tprediction\n0\t1\n",
            "RTE.tsv:2: expected one of entailment, not_entailment, found \"1\": is it the file of another task than \
             RTE?"
                .into(),
        ),
        (
            b"index\tprediction\n0\tentail\xffment\n",
            "RTE.tsv: byte offset 25: not UTF-8: expected a text file as sibert predict writes it".into(),
        ),
    ];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let error = format!("{:#}", read(&path, task("rte")).unwrap_err());
        assert_eq!(error.split_once("RTE.tsv").map(|(_, rest)| format!("RTE.tsv{rest}")), Some(expected));
    }
    for score in ["nan", "inf", "", "4,5", "entailment"] {
        fs::write(&path, format!("index\tprediction\n0\t{score}\n")).unwrap();
        let error = format!("{:#}", read(&path, task("stsb")).unwrap_err());
        let expected =
            format!(":2: expected a number, found {score:?}: is it the file of another task than STS-B?");
        assert!(error.ends_with(&expected), "{error}");
    }
    fs::remove_file(&path).unwrap();
    assert!(read(&path, task("rte")).unwrap_err().to_string().starts_with("cannot read "));
}

#[test]
fn the_archive_holds_the_eleven_files_and_is_always_the_same() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = archive(folder.path(), &write_all(&folder)).unwrap();
    assert_eq!(path, folder.path().join("submission.zip"));
    let bytes = fs::read(&path).unwrap();
    let mut zip = ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(zip.len(), FILES.len());
    for (index, (.., name, text)) in samples().into_iter().enumerate() {
        let mut file = zip.by_index(index).unwrap();
        let mut found = String::new();
        file.read_to_string(&mut found).unwrap();
        assert_eq!((file.name().unwrap().as_ref(), found.as_str()), (name, text));
        assert_eq!(file.last_modified(), Some(DateTime::default()));
    }
    let mut files = write_all(&other);
    files.reverse();
    let old = fs::File::options().write(true).open(&files[0]).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(fs::read(archive(other.path(), &files).unwrap()).unwrap(), bytes);
}

#[test]
fn an_archive_of_other_files_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_all(&folder);
    let error = archive(folder.path(), &files[2..10]).unwrap_err().to_string();
    assert_eq!(
        error,
        "a submission has 11 files, missing: CoLA.tsv, SST-2.tsv, AX.tsv: make them all with sibert predict --task glue"
    );
    for odd in [PathBuf::from("notes/README.md"), files[0].clone(), PathBuf::from("elsewhere/AX.tsv")] {
        let error = archive(folder.path(), &[&files[..], std::slice::from_ref(&odd)].concat())
            .unwrap_err()
            .to_string();
        let expected = format!("a submission has each of its 11 files once, also found: {}", odd.display());
        assert_eq!(error, expected);
    }
    assert!(!folder.path().join("submission.zip").exists());
    fs::remove_file(&files[3]).unwrap();
    let error = format!("{:#}", archive(folder.path(), &files).unwrap_err());
    assert!(error.contains("submission.zip: cannot read ") && error.contains("STS-B.tsv"), "{error}");
}
