//! Promise of the loader: the batches of the steps, in order, whoever made them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::fixture::{corpus, settings};

fn train() -> Arc<TrainBatches> {
    corpus(&settings(1)).train
}

/// The rows of a batch of 32 in micro-batches.
fn parts(size: usize) -> Vec<Range<usize>> {
    (0..32).step_by(size).map(|row| row..(row + size).min(32)).collect()
}

fn load(train: &Arc<TrainBatches>, steps: Range<u64>, threads: usize) -> Vec<Step> {
    let count = steps.end - steps.start;
    let mut loader = Loader::start(train.clone(), steps, parts(8), threads).unwrap();
    let loaded = (0..count).map(|_| loader.next_step().unwrap()).collect();
    assert_eq!(loader.next_step().unwrap_err().to_string(), "no step is left to load");
    loaded
}

#[test]
fn batches_are_the_same_whatever_the_number_of_threads() {
    let train = train();
    let expected: Vec<Step> = (3..20).map(|step| cut(&train, step, &parts(8))).collect();
    assert_eq!(expected[0].iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 8, 16, 24]);
    for threads in [1, 2, 3, 7, 30] {
        assert_eq!(load(&train, 3..20, threads), expected, "{threads} threads");
    }
}

#[test]
fn a_loader_started_anywhere_gives_what_the_uninterrupted_one_does() {
    let train = train();
    let epoch = train.sequences().div_ceil(32);
    let whole = load(&train, 0..epoch + 12, 1);
    for start in [1, epoch / 2, epoch - 1, epoch, epoch + 5] {
        assert_eq!(load(&train, start..epoch + 12, 2), whole[start as usize..], "from step {start}");
    }
}

#[test]
fn a_batch_that_does_not_divide_ends_with_what_is_left() {
    let rows: Vec<_> = cut(&train(), 0, &parts(12)).iter().map(|(row, batch)| (*row, batch.batch)).collect();
    assert_eq!(rows, [(0, 12), (12, 12), (24, 8)]);
}

#[test]
fn a_panic_is_an_error_that_names_the_step() {
    let make = |step| if step == 5 { panic!("no such row") } else { Vec::new() };
    let mut loader = Loader::of(4..9, 2, Arc::new(make)).unwrap();
    assert_eq!(loader.next_step().unwrap(), []);
    assert_eq!(loader.next_step().unwrap_err().to_string(), "making the batch of step 5 failed: no such row");
    assert_eq!(loader.next_step().unwrap(), []);
    assert!(
        loader.next_step().unwrap_err().to_string().starts_with("the loader thread of the batch of step 7")
    );
}

#[test]
fn dropping_the_loader_ends_its_threads() {
    let train = train();
    let mut loader = Loader::start(train.clone(), 0..u64::MAX, parts(8), 3).unwrap();
    loader.next_step().unwrap();
    drop(loader);
    assert_eq!(Arc::strong_count(&train), 1);
}

#[test]
fn waiting_is_counted_from_call_to_call() {
    let make = |_| {
        std::thread::sleep(Duration::from_millis(3));
        Vec::new()
    };
    let mut loader = Loader::of(0..2, 1, Arc::new(make)).unwrap();
    loader.next_step().unwrap();
    assert!(loader.waited() > Duration::ZERO);
    assert_eq!(loader.waited(), Duration::ZERO);
}

#[test]
fn nothing_to_do_and_nobody_to_do_it_are_refused() {
    let error = |rows: Range<usize>, threads| {
        Loader::start(train(), 0..1, vec![rows], threads).unwrap_err().to_string()
    };
    assert_eq!(error(3..3, 1), "rows 3..3 of a batch of 32");
    assert_eq!(error(31..33, 1), "rows 31..33 of a batch of 32");
    assert_eq!(error(0..1, 0), "loader threads are 0, expected at least 1");
}
