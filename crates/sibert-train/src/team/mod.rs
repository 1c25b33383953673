//! The processes that train one model together, or the one that trains it alone.
//!
//! Every process runs the same program on the same settings and takes the same decisions; what may differ between them is
//! made common here: which rows of a batch each computes, the sums of gradients and losses, whether to stop. The first
//! process alone speaks and writes to the run's folder.

mod ahead;
#[cfg(feature = "nccl")]
mod device;
mod engine;
mod flat;
mod join;
mod numbers;
mod sums;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sibert_ranks::{Alone, Communicator, Watch, shares};

pub use join::{of_launcher, run, threads_of};
pub use sums::{Finished, GradientSums, Sharing};

/// Shares of a batch that several processes compute, at least: so many of them can take the run over.
const SHARES: usize = 4;

/// The shares of a batch that so many processes compute, where no setting says it.
pub fn shares_for(size: usize) -> usize {
    if size == 1 { 1 } else { size.next_power_of_two().max(SHARES) }
}

/// One of the processes, and its way to the others.
pub struct Team {
    ranks: Box<dyn Communicator>,
    watch: Watch,
    /// The name of its host.
    host: String,
    /// Whether it prepares what its host needs once.
    first_of_host: bool,
    /// How many of them its host has.
    on_host: usize,
    /// Whether the error that ends this process has ended all of them, as [`Team::agree`] found.
    agreed: AtomicBool,
    /// What is sent while the backward pass of the next step goes on.
    plan: Mutex<ahead::Plan>,
    /// What adds gradients on the GPUs, since [`Team::join_gpus`].
    #[cfg(feature = "nccl")]
    nccl: std::sync::Mutex<Option<std::sync::Arc<sibert_ranks::Nccl>>>,
}

impl Team {
    /// One process alone.
    pub fn alone() -> Self {
        Self::of(Box::new(Alone), Watch::default(), String::new(), true, 1)
    }

    fn of(
        ranks: Box<dyn Communicator>,
        watch: Watch,
        host: String,
        first_of_host: bool,
        on_host: usize,
    ) -> Self {
        Self {
            ranks,
            watch,
            host,
            first_of_host,
            on_host,
            agreed: AtomicBool::new(false),
            plan: Mutex::default(),
            #[cfg(feature = "nccl")]
            nccl: std::sync::Mutex::default(),
        }
    }

    /// The team of one of the threads of a test.
    #[cfg(test)]
    pub fn of_thread(ranks: sibert_ranks::Threads) -> Self {
        let (first, size) = (ranks.rank() == 0, ranks.size());
        Self::of(Box::new(ranks), Watch::default(), "host".to_owned(), first, size)
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.ranks.size()
    }

    /// How many of them this machine has.
    pub fn on_host(&self) -> usize {
        self.on_host
    }

    /// Whether this is the process that speaks and writes.
    pub fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// `process 3 of 4 on node7`.
    pub fn name(&self) -> String {
        format!("process {} of {} on {}", self.ranks.rank(), self.size(), self.host)
    }

    /// From here on the processes wait so long for each other; none is any time.
    pub fn patience(&self, patience: Option<Duration>) {
        self.watch.patience(patience);
    }

    /// The shares of a batch that this process computes.
    ///
    /// # Errors
    /// If there are fewer shares than processes.
    pub fn shares(&self, shares: usize) -> Result<Range<usize>> {
        let size = self.size();
        ensure!(
            size <= shares,
            "{size} processes, but shares is {shares}, and each needs one: start no more than that, or set shares to \
             {}, which changes the last bits of what follows",
            shares_for(size)
        );
        Ok(self.part_of(shares))
    }

    /// The part of `count` things next to each other that this process takes.
    pub fn part_of(&self, count: usize) -> Range<usize> {
        shares::of_rank(count, self.ranks.rank(), self.size())
    }

    /// What the first process makes of `work`; or its error, on all of them.
    ///
    /// # Errors
    /// That of `work`, or of the engine.
    pub fn first<T: Serialize + DeserializeOwned>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.size() == 1 {
            return work();
        }
        let own = self.is_first().then(work);
        let said = match &own {
            Some(Ok(value)) => serde_json::to_vec(&Ok::<_, String>(value))?,
            Some(Err(error)) => serde_json::to_vec(&Err::<T, _>(format!("{error:#}")))?,
            None => Vec::new(),
        };
        let said = self.ranks.all_gather(&said)?;
        let said: Result<T, String> = serde_json::from_slice(&said[0])?;
        match (own, said) {
            (_, Ok(value)) => Ok(value),
            (Some(Err(error)), _) => Err(self.ends_all(error)),
            (_, Err(error)) => Err(self.ends_all(anyhow!("process 0: {error}"))),
        }
    }

    /// The result of this process, if all have one; else an error on all of them.
    ///
    /// # Errors
    /// Its own, or that of the first process that has one.
    pub fn agree<T>(&self, result: Result<T>) -> Result<T> {
        if self.size() == 1 {
            return result;
        }
        let said =
            result.as_ref().err().map(|error| format!("{}: {error:#}", self.name())).unwrap_or_default();
        let said = self.ranks.all_gather(said.as_bytes())?;
        let failed = said.into_iter().find(|said| !said.is_empty());
        match (result, failed) {
            (Ok(value), None) => Ok(value),
            (Err(error), _) if self.is_first() => Err(self.ends_all(error)),
            (_, Some(said)) => Err(self.ends_all(anyhow!("{}", String::from_utf8_lossy(&said)))),
            (Err(error), None) => Err(error),
        }
    }

    /// Calls `work` on one process after the other: the first, then one of each other host, then the rest. What the
    /// first ones leave on a disk is there for those behind them.
    ///
    /// # Errors
    /// That of any of them.
    pub fn in_turn<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let own_turn = if self.is_first() { 0 } else { 2 - usize::from(self.first_of_host) };
        let (mut work, mut made) = (Some(work), None);
        for turn in 0..3 {
            let done = match work.take_if(|_| turn == own_turn) {
                Some(work) => work().map(|value| made = Some(value)),
                None => Ok(()),
            };
            self.agree(done)?;
        }
        made.context("no turn came")
    }

    /// What every process says, in their order.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn all<T: Serialize + DeserializeOwned>(&self, own: &T) -> Result<Vec<T>> {
        let said = self.ranks.all_gather(&serde_json::to_vec(own)?)?;
        said.iter().map(|said| Ok(serde_json::from_slice(said)?)).collect()
    }

    /// The sums of the numbers of all processes.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn totals<const N: usize>(&self, own: [u64; N]) -> Result<[u64; N]> {
        if self.size() == 1 {
            return Ok(own);
        }
        let bytes: Vec<u8> = own.into_iter().flat_map(u64::to_le_bytes).collect();
        let mut totals = [0; N];
        for said in self.ranks.all_gather(&bytes)? {
            let numbers = said.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
            totals.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
        }
        Ok(totals)
    }

    /// Refuses what is not the same on all processes, named `what`.
    ///
    /// # Errors
    /// Names a process that has another.
    pub fn ensure_same(&self, what: &str, own: &[u8]) -> Result<()> {
        if self.size() == 1 {
            return Ok(());
        }
        let said = self.ranks.all_gather(own)?;
        let other = said.iter().position(|said| said != own);
        let same = match other {
            None => Ok(()),
            Some(other) => Err(anyhow!("{what} of process {other} are not those of {}", self.name())),
        };
        self.agree(same)
    }

    fn plan(&self) -> MutexGuard<'_, ahead::Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks an error that every process has found by itself, or that all have been told.
    pub fn ends_all<E>(&self, error: E) -> E {
        self.agreed.store(true, Ordering::Relaxed);
        error
    }

    /// Leaves the others with this result: together, if all have it; else they are ended.
    fn end<R>(&self, result: Result<R>) -> Result<R> {
        if self.size() == 1 {
            return result;
        }
        match result {
            Err(error) if !self.agreed.load(Ordering::Relaxed) => {
                crate::console::last_words(format!("{}: {}", self.name(), crate::describe(&error)));
                self.ranks.abort(1)
            }
            result => {
                self.ranks.leave()?;
                result
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
