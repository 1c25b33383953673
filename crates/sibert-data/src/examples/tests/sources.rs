//! Which files a set is read from, and what is said of it.

use sibert_hub::{Hub, Settings};
use sibert_hub_emulator::{COMMIT, Server};

use super::parquet::mrpc;
use super::*;

const RTE: &[u8] = b"index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\tentailment\n";
const COLA: &[u8] = b"gj04\t1\t\tIt is.\n";

fn message(task: Task, split: Split, source: &DataSource) -> String {
    format!("{:#}", read(task, split, source).unwrap_err())
}

#[test]
fn a_set_is_found_in_glue_s_folder_and_in_its_own() {
    for (name, below) in
        [("RTE/train.tsv", ""), ("rte/train.tsv", ""), ("RTE/train.tsv", "RTE"), ("x/train.tsv", "x")]
    {
        let folder = folder(&[(name, RTE)]);
        let path = folder.path().join(below);
        let source = DataSource::of(Some(&path), None, task("rte"), no_hub).unwrap();
        assert_eq!(read(task("rte"), Split::Train, &source).unwrap().len(), 1, "{name} {below}");
    }
}

#[test]
fn the_folder_of_another_task_is_not_taken() {
    let folder = folder(&[("RTE/train.tsv", RTE)]);
    let source = DataSource::of(Some(&folder.path().join("RTE")), None, task("wnli"), no_hub).unwrap();
    let message = message(task("wnli"), Split::Train, &source);
    assert!(message.starts_with("no training set of WNLI: "), "{message}");
    assert!(
        message.contains("; found train.tsv; get https://dl.fbaipublicfiles.com/glue/data/WNLI.zip"),
        "{message}"
    );
}

#[test]
fn another_number_of_rows_than_the_official_is_noted() {
    let folder = folder(&[("CoLA/train.tsv", COLA), ("RTE/train.tsv", RTE)]);
    let source = source(&folder, task("cola"));
    let found = load(task("cola"), Split::Train, &source).unwrap();
    let expected = format!(
        "CoLA: 1 row(s) in the training set of {source}, expected the official 8551: figures are not comparable with \
         published ones"
    );
    assert_eq!(found.notes, [expected]);
    let whole: Vec<u8> = COLA.repeat(1043);
    fs::write(folder.path().join("CoLA/dev.tsv"), whole).unwrap();
    assert!(load(task("cola"), Split::Validation, &source).unwrap().notes.is_empty());
    check(task("cola"), Split::Validation, &source).unwrap();
    fs::write(folder.path().join("CoLA/test.tsv"), "index\tsentence\n0\tIt is.\n").unwrap();
    let notes = load(task("cola"), Split::Test, &source).unwrap().notes;
    assert!(notes[0].ends_with("1063: the leaderboard takes no other number of predictions"), "{notes:?}");
}

#[test]
fn parts_of_a_set_are_read_in_order() {
    let (first, second) = (mrpc(&[0, 0], None), mrpc(&[1], None));
    let name = |part| format!("mrpc/train-0000{part}-of-00002.parquet");
    let folder = folder(&[(&name(1), &second), (&name(0), &first)]);
    let examples = read(task("mrpc"), Split::Train, &source(&folder, task("mrpc"))).unwrap();
    let targets: Vec<_> = examples.into_iter().map(|example| example.target).collect();
    assert_eq!(targets, [class(0), class(0), class(1)]);
    fs::remove_file(folder.path().join(name(0))).unwrap();
    let message = message(task("mrpc"), Split::Train, &source(&folder, task("mrpc")));
    assert!(message.contains("expected 2 parts that belong together"), "{message}");
}

#[test]
fn the_hub_has_the_sets_of_its_configurations() {
    let (train, test) = (mrpc(&[0, 1], None), mrpc(&[1, 1, 0], None));
    let files: [(&str, &[u8]); 2] = [
        ("datasets/nyu-mll/glue/mrpc/train-00000-of-00001.parquet", &train),
        ("datasets/nyu-mll/glue/mrpc/test-00000-of-00001.parquet", &test),
    ];
    let (server, home) = (Server::start(&files), tempfile::tempdir().unwrap());
    let hub = Hub::new(Settings::of(&server.url(), home.path()).unwrap(), |_| {}).unwrap();
    let source = DataSource::of_hub(hub, "nyu-mll/glue", task("mrpc")).unwrap();
    assert_eq!(read(task("mrpc"), Split::Train, &source).unwrap().len(), 2);
    assert_eq!(read(task("mrpc"), Split::Test, &source).unwrap()[2].target, class(0));
    let message = message(task("mrpc"), Split::Validation, &source);
    let start = format!("no development set of MRPC: nyu-mll/glue@{COMMIT}: expected one of MRPC/dev.tsv, ");
    assert!(message.starts_with(&start), "{message}");
    assert!(
        message.contains("found mrpc/test-00000-of-00001.parquet, mrpc/train-00000-of-00001.parquet; get ")
    );
}

#[test]
fn the_original_mrpc_is_parted_by_its_list() {
    let header = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n";
    let train = format!("{header}1\t1\t2\ta\tb\r\n0\t3\t4\tc\td\r\n1\t5\t6\te\tf\r\n");
    let files: [(&str, &[u8]); 2] = [
        ("MRPC/msr_paraphrase_train.txt", train.as_bytes()),
        ("MRPC/msr_paraphrase_test.txt", train.as_bytes()),
    ];
    let folder = folder(&files);
    let source = source(&folder, task("mrpc"));
    let message = message(task("mrpc"), Split::Train, &source);
    assert!(message.contains("expected dev_ids.tsv or mrpc_dev_ids.tsv beside it"), "{message}");
    fs::write(folder.path().join("MRPC/mrpc_dev_ids.tsv"), "3\t4\n9\t9\n").unwrap();
    let texts = |split| -> Vec<String> {
        read(task("mrpc"), split, &source).unwrap().into_iter().map(|example| example.text).collect()
    };
    assert_eq!(texts(Split::Train), ["a", "e"]);
    assert_eq!(texts(Split::Validation), ["c"]);
    assert_eq!(texts(Split::Test), ["a", "c", "e"]);
    fs::write(folder.path().join("MRPC/mrpc_dev_ids.tsv"), "3\t4\n5\n").unwrap();
    let message = self::message(task("mrpc"), Split::Train, &source);
    assert!(message.ends_with("mrpc_dev_ids.tsv:2: expected two ids, tab separated, found `5`"), "{message}");
}
