//! The data sets themselves, in the folder named by `SIBERT_DATA`: `squad` with the official files, `hub` with those of
//! the hub below `datasets/rajpurkar`, and `tokenizer/bert-base-uncased`.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Instant;

use sibert_data::dataset::DataSource;
use sibert_data::squad::{AnswerSettings, SpanLogits, Window, WindowSettings, answers, read, windows};
use sibert_data::task::Task;
use sibert_data::tokenizer;

use super::{per_question, score_v1, score_v2};

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("SIBERT_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: set SIBERT_DATA to a folder with squad/, hub/ and tokenizer/bert-base-uncased/");
    }
    folder
}

fn source(folder: PathBuf) -> DataSource {
    DataSource::of(Some(&folder), None, task("squad"), || panic!("the hub is not to be asked")).unwrap()
}

#[test]
fn development_sets_have_their_official_sizes_and_are_the_same_as_on_the_hub() {
    let Some(data) = data() else { return };
    for (task, name, size) in [(task("squad"), "squad", 10_570), (task("squad_v2"), "squad_v2", 11_873)] {
        let official = read(task, false, &source(data.join("squad")), &|_| {}).unwrap();
        let hub =
            read(task, false, &source(data.join("hub/datasets/rajpurkar").join(name)), &|_| {}).unwrap();
        assert_eq!(official.len(), size);
        assert!(official == hub, "{task}: the files differ");
        for question in &official {
            for answer in &question.answers {
                let text: String =
                    question.context.chars().skip(answer.start).take(answer.text.chars().count()).collect();
                assert_eq!(text, answer.text, "{}", question.id);
            }
        }
    }
}

#[test]
fn training_set_has_its_official_size_and_is_the_same_as_on_the_hub() {
    let Some(data) = data() else { return };
    let official = read(task("squad"), true, &source(data.join("squad")), &|_| {}).unwrap();
    let hub = read(task("squad"), true, &source(data.join("hub/datasets/rajpurkar/squad")), &|_| {}).unwrap();
    assert_eq!(official.len(), 87_599);
    assert!(official == hub);
}

/// Gold logits miss answers of more than 30 tokens, and those that begin or end inside a token: `Roman` in `Romanian`.
#[test]
fn gold_logits_answer_nearly_all_of_the_development_sets() {
    let Some(data) = data() else { return };
    let tokenizer = tokenizer::load(&data.join("tokenizer/bert-base-uncased")).unwrap();
    let settings = WindowSettings { max_seq_len: 384, doc_stride: 128, max_query_len: 64 };
    for task in [task("squad"), task("squad_v2")] {
        let questions = read(task, false, &source(data.join("squad")), &|_| {}).unwrap();
        let begun = Instant::now();
        let windows = windows(&questions, &tokenizer, &settings, &|_| {}).unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let logits: Vec<SpanLogits> = windows.iter().map(spiked_or_none).collect();
        let unanswerable = task.name() == "squad_v2";
        let settings =
            AnswerSettings { max_answer_len: 30, unanswerable, n_best: 20, null_score_diff_threshold: 0. };
        let found = answers(&questions, &windows, &logits, &settings);
        let missed = per_question(&questions, &found.answers).iter().filter(|score| score.0 < 1.).count();
        let (exact, f1) = if unanswerable {
            let score = score_v2(&questions, &found.answers, Some(&found.null_odds), f64::INFINITY);
            assert_eq!(score.no_ans.as_ref().unwrap().exact, 100.);
            (score.exact, score.f1)
        } else {
            let score = score_v1(&questions, &found.answers);
            (score.exact_match, score.f1)
        };
        let count = windows.len();
        eprintln!("{task}: {count} windows in {seconds:.1} s, exact match {exact}, F1 {f1}, {missed} missed");
        assert!(exact > 98. && f1 > 99., "{task}: exact match {exact}, F1 {f1}");
    }
}

/// Gold logits; no answer where a window has none.
fn spiked_or_none(window: &Window) -> SpanLogits {
    let zeros = vec![0.; window.input_ids.len()];
    let mut logits = SpanLogits { start: zeros.clone(), end: zeros };
    let (start, end) = window.span;
    let height = if end > 0 { 10. } else { 5. };
    (logits.start[start as usize], logits.end[end as usize]) = (height, height);
    logits
}
