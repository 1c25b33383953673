//! The real files, where they are: a folder with `glue/` and `hub/datasets/nyu-mll/glue/`, named by `SIBERT_DATA`.

use super::*;

/// Sets of the official files, and whether they are whole.
const SETS: &[(&str, Split, bool)] = &[
    ("cola", Split::Train, true),
    ("cola", Split::Validation, true),
    ("cola", Split::Test, true),
    ("sst2", Split::Train, true),
    ("sst2", Split::Validation, true),
    ("sst2", Split::Test, true),
    ("mrpc", Split::Train, true),
    ("mrpc", Split::Validation, true),
    ("mrpc", Split::Test, true),
    ("stsb", Split::Train, true),
    ("stsb", Split::Validation, true),
    ("stsb", Split::Test, true),
    ("mnli", Split::Train, false),
    ("mnli", Split::Validation, true),
    ("mnli", Split::ValidationMismatched, true),
    ("mnli", Split::Test, true),
    ("mnli", Split::TestMismatched, true),
    ("qnli", Split::Train, false),
    ("qnli", Split::Validation, true),
    ("qnli", Split::Test, true),
];

fn real(below: &str, task: Task) -> Option<DataSource> {
    let folder = PathBuf::from(std::env::var_os("SIBERT_DATA")?).join(below);
    Some(DataSource::of(Some(&folder), None, task, no_hub).unwrap())
}

#[test]
fn official_files_and_those_of_the_hub_say_the_same() {
    for &(name, split, is_whole) in SETS {
        let task = task(name);
        let place = format!("{task}, {split}");
        let Some(official) = real("glue", task) else {
            eprintln!("skipped: SIBERT_DATA names no folder");
            return;
        };
        let official = load(task, split, &official).unwrap();
        assert_eq!(official.notes.is_empty(), is_whole, "{place}: {:?}", official.notes);
        assert_eq!(
            official.examples.iter().all(|example| example.target.is_some()),
            !split.is_test(),
            "{place}"
        );
        let hub = real("hub/datasets/nyu-mll/glue", task).unwrap();
        if !is_whole {
            let message = format!("{:#}", load(task, split, &hub).unwrap_err());
            assert!(message.starts_with(&format!("no {split} of {task}: ")), "{message}");
            continue;
        }
        let hub = load(task, split, &hub).unwrap();
        assert!(hub.notes.is_empty(), "{place}: {:?}", hub.notes);
        let has_labels = name == "mrpc" && split == Split::Test; // only the hub's
        for (row, (hub, official)) in hub.examples.iter().zip(&official.examples).enumerate() {
            let official = official.clone();
            let target = if has_labels { hub.target.clone() } else { official.target.clone() };
            assert_eq!(*hub, Example { target, ..official }, "{place}, row {row}");
        }
        assert!(!has_labels || hub.examples.iter().all(|example| example.target.is_some()));
    }
}
