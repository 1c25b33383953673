//! Batches made ahead of time, on threads of their own.
//!
//! Thread `t` of `n` makes the steps that are `t` modulo `n` and stays at most two ahead of the trainer. A batch is a
//! function of its step, so the threads need no more than that, and their number changes nothing but the wait.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::batches::{MaskedBatch, TrainBatches};
use super::contained::contained;

/// Steps that a thread may be ahead.
const AHEAD: usize = 2;

/// The micro-batches of one step, each with the index of its first row in the batch.
pub type Step = Vec<(usize, MaskedBatch)>;

/// The threads, and the steps they have made.
#[derive(Debug)]
pub struct Loader {
    /// The steps that thread `t` makes.
    made: Vec<Receiver<Result<Step>>>,
    threads: Vec<JoinHandle<()>>,
    first: u64,
    steps: Range<u64>,
    waited: Duration,
}

impl Loader {
    /// Begins to make the batches of `steps`, each as the micro-batches of these rows.
    ///
    /// # Errors
    /// If a micro-batch has no row or one that the batch does not have, or a thread cannot be started.
    pub fn start(
        train: Arc<TrainBatches>,
        steps: Range<u64>,
        rows: Vec<Range<usize>>,
        threads: usize,
    ) -> Result<Self> {
        let size = train.batch_size();
        for rows in &rows {
            ensure!(!rows.is_empty() && rows.end <= size, "rows {rows:?} of a batch of {size}");
        }
        ensure!(threads > 0, "loader threads are 0, expected at least 1");
        let make = move |step| cut(&train, step, &rows);
        Self::of(steps, threads, Arc::new(make))
    }

    fn of(steps: Range<u64>, threads: usize, make: Arc<dyn Fn(u64) -> Step + Send + Sync>) -> Result<Self> {
        let mut loader =
            Self { made: Vec::new(), threads: Vec::new(), first: steps.start, steps, waited: Duration::ZERO };
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(AHEAD);
            let own = loader.steps.clone().skip(thread).step_by(threads);
            let make = make.clone();
            let work = move || make_all(own, &*make, &sender);
            let name = format!("loader {thread}");
            loader
                .threads
                .push(Builder::new().name(name).spawn(work).context("cannot start a loader thread")?);
            loader.made.push(receiver);
        }
        Ok(loader)
    }

    /// The micro-batches of the next step; waits until they are made.
    ///
    /// # Errors
    /// If the thread that makes them panicked, or there is no step left.
    pub fn next_step(&mut self) -> Result<Step> {
        let step = self.steps.next().context("no step is left to load")?;
        let began = Instant::now();
        let thread = (step - self.first) as usize % self.made.len();
        let made = self.made[thread].recv();
        self.waited += began.elapsed();
        made.with_context(|| format!("the loader thread of the batch of step {step} has ended"))?
    }

    /// Time that [`Loader::next_step`] has waited since the last call.
    pub fn waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}

impl Drop for Loader {
    /// Ends the threads: each fails to hand over the step it is at.
    fn drop(&mut self) {
        self.made.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // a panic was handed over as an error
        }
    }
}

/// Makes the steps of one thread until all are made, one panics, or nobody takes them any more.
fn make_all(
    steps: impl Iterator<Item = u64>,
    make: &(dyn Fn(u64) -> Step + Send + Sync),
    made: &SyncSender<Result<Step>>,
) {
    for step in steps {
        let result = contained(|| Ok(make(step)))
            .map_err(|panic| anyhow!("making the batch of step {step} failed: {panic}"));
        let failed = result.is_err();
        if made.send(result).is_err() || failed {
            return;
        }
    }
}

/// The micro-batches of a step.
fn cut(train: &TrainBatches, step: u64, rows: &[Range<usize>]) -> Step {
    rows.iter().map(|rows| (rows.start, train.micro_batch(step, rows.clone()))).collect()
}

#[cfg(test)]
#[path = "loader_tests.rs"]
mod tests;
