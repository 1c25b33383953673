//! Promises of tasks: those that are built in, and those of one's own files.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::fixture::task;

#[test]
fn the_usual_spellings_are_understood() {
    let cases = [
        ("SST-2", task("sst2")),
        ("sst2", task("sst2")),
        ("sst_2", task("sst2")),
        ("STS-B", task("stsb")),
        ("CoLA", task("cola")),
        ("MNLI-m", task("mnli")),
        ("SQuAD v1.1", task("squad")),
        ("squad_v2", task("squad_v2")),
        ("SQuAD2.0", task("squad_v2")),
    ];
    for (text, task) in cases {
        assert_eq!(text.parse(), Ok(task), "{text}");
    }
    for task in Task::built_in() {
        assert_eq!(task.name().parse(), Ok(*task));
        assert_eq!(task.title().parse(), Ok(*task));
    }
    assert!("glu".parse::<Task>().unwrap_err().contains("expected one of cola, sst2"));
    let glue: Vec<&str> = Task::glue().iter().map(|task| task.name()).collect();
    assert_eq!(glue, ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"]);
}

fn own(text: &str) -> Result<Task, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    fs::write(&path, text).unwrap();
    Task::named(path.to_str().unwrap()).map_err(|why| why.replace(path.to_str().unwrap(), "own.toml"))
}

#[test]
fn a_file_of_one_s_own_is_a_task() {
    let text = "name = \"reviews\"\nlabels = [\"bad\", \"So-so\", \"good\"]\n[columns]\ntext = \"text\"\nlabel = \"verdict\"\n\
                [files]\ntrain = \"train.csv\"\nvalidation = [\"dev.csv\", \"dev.jsonl\"]\n";
    let task = own(text).unwrap();
    assert_eq!((task.name(), task.title(), task.metrics()), ("reviews", "reviews", &[Metric::Accuracy][..]));
    assert_eq!([task.class("GOOD"), task.class("so so"), task.class("1")], [Some(2), Some(1), None]);
    assert!(task.has(Split::Validation) && !task.has(Split::Test) && !task.is_built_in());
    let json = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task);
    assert_eq!(serde_json::to_string(&"sst2".parse::<Task>().unwrap()).unwrap(), "\"sst2\"");
}

#[test]
fn what_is_no_task_is_named_by_its_key() {
    let refused = |text: &str| own(text).unwrap_err();
    assert_eq!(
        refused("name = \"CoLA 2\"\nlabels = [\"a\", \"b\"]"),
        "own.toml: name: expected small letters, digits, _ and -, found `CoLA 2`"
    );
    assert!(refused("name = \"a\"").contains("expected either labels = "), "{}", refused("name = \"a\""));
    assert!(refused("name = \"a\"\nlabels = [\"x\", \"X\"]").contains("found `X`"));
    assert!(refused("name = \"a\"\nlabels = [\"x\", \"y\"]").contains("no [columns]"));
    assert!(
        refused("name = \"a\"\nscore = {}\nmetrics = [\"f1\"]")
            .contains("metrics: expected some of pearson, spearman, found f1")
    );
    let columns = "labels = [\"x\", \"y\"]\n[columns]\ntext = \"t\"\nlabel = \"l\"\n";
    assert!(refused(&format!("name = \"sst-2\"\n{columns}")).contains("`sst-2` is built in"));
    let typo = refused(&format!("name = \"a\"\n{columns}[files]\ntrian = \"a.csv\""));
    assert!(typo.contains("own.toml: TOML parse error at line 7") && typo.contains("trian"), "{typo}");
    assert!(Task::named("none.toml").unwrap_err().starts_with("cannot read the task in none.toml"));
}
