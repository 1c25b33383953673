//! Texts in small batches, each of which one thread takes through the whole model.
//!
//! A small model gains by that: a thread waits for no other between two operations, and what one operation writes is
//! still in the cache when the next one reads it. The batches do not depend on the number of threads, nor do their results.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use rayon::ThreadPoolBuilder;

/// Tokens of a batch, padding included, of which a longer text takes a batch of its own.
const TOKENS: usize = 512;

/// The texts by their number, in batches of like lengths, the longest first: at most `most` texts and [`TOKENS`] tokens.
pub fn cut(lengths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut by_length: Vec<usize> = (0..lengths.len()).collect();
    by_length.sort_by_key(|&text| std::cmp::Reverse(lengths[text])); // stable
    let mut rest = &by_length[..];
    let mut batches = Vec::new();
    while let Some(&longest) = rest.first() {
        let room = (TOKENS / lengths[longest].max(1)).clamp(1, most.max(1));
        let (batch, after) = rest.split_at(room.min(rest.len()));
        batches.push(batch.to_vec());
        rest = after;
    }
    batches
}

/// Calls `work` for each batch on one of `threads` threads, and `done` on this one with what it gave, in any order.
///
/// Operations inside `work` stay on its thread. With fewer batches than threads they are done here one after the other, each
/// by all threads of the pool.
///
/// # Errors
/// The first that `work` or `done` gave; or if a thread ends without a result.
pub fn each<R: Send>(
    batches: &[Vec<usize>],
    threads: usize,
    work: impl Fn(&[usize]) -> Result<R> + Sync,
    mut done: impl FnMut(&[usize], R) -> Result<()>,
) -> Result<()> {
    if threads < 2 || batches.len() < 2 * threads {
        return batches.iter().try_for_each(|batch| done(batch, work(batch)?));
    }
    let (next, (sender, results)) = (AtomicUsize::new(0), mpsc::channel());
    let take_some = |sender: mpsc::Sender<(usize, Result<R>)>| -> Result<()> {
        let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let alone = alone.context("a thread cannot be a pool of its own")?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(index) else { return Ok(()) };
            let result = alone.install(|| work(batch));
            if sender.send((index, result)).is_err() {
                return Ok(()); // an error ended the work
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let sender = sender.clone();
                scope.spawn(|| take_some(sender))
            })
            .collect();
        drop(sender);
        let all = results.iter().try_for_each(|(index, result)| done(&batches[index], result?));
        drop(results); // the threads stop at their next batch
        let ended =
            workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a thread failed"))?);
        all.and(ended.collect())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..1003).map(|text| 3 + (text * 37) % 250).chain([0, 5000, 1]).collect()
    }

    #[test]
    fn every_text_is_in_one_batch_of_bounded_size() {
        let lengths = lengths();
        let batches = cut(&lengths, 20);
        for batch in &batches {
            let longest = batch.iter().map(|&text| lengths[text]).max().unwrap();
            assert!(batch.len() <= 20 && (batch.len() == 1 || batch.len() * longest <= TOKENS), "{batch:?}");
        }
        let mut all = batches.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..lengths.len()));
        assert!(cut(&[], 20).is_empty());
    }

    #[test]
    fn padding_is_little() {
        let lengths = lengths();
        let padded =
            |batch: &Vec<usize>| batch.len() * batch.iter().map(|&text| lengths[text]).max().unwrap();
        let padded: usize = cut(&lengths, 32).iter().map(padded).sum();
        assert!(padded * 100 < lengths.iter().sum::<usize>() * 102);
    }

    #[test]
    fn every_batch_is_done_once_by_any_number_of_threads() {
        let batches = cut(&lengths(), 7);
        for threads in [1, 2, 5, 10_000] {
            let mut seen = Vec::new();
            let sum = |batch: &[usize]| Ok(batch.iter().sum::<usize>());
            each(&batches, threads, sum, |batch, sum| {
                assert_eq!(sum, batch.iter().sum::<usize>());
                seen.extend_from_slice(batch);
                Ok(())
            })
            .unwrap();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..1006), "{threads} threads");
        }
    }

    #[test]
    fn an_error_in_a_thread_ends_the_work() {
        let batches = cut(&lengths(), 7);
        for threads in [1, 3] {
            let fails = |batch: &[usize]| if batch.contains(&9) { Err(anyhow!("nine")) } else { Ok(()) };
            let error = each(&batches, threads, fails, |_, ()| Ok(())).unwrap_err();
            assert_eq!(error.to_string(), "nine");
        }
    }
}
