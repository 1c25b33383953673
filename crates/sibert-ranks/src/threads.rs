//! Ranks that are threads of one process: for tests, and to try out how a run is shared.

use std::sync::{Arc, Barrier, Mutex, PoisonError};

use anyhow::{Result, ensure};

use crate::Communicator;

/// One rank of a group of threads.
pub struct Threads {
    rank: usize,
    group: Arc<Group>,
}

/// What the threads share: a place for what each has to say, and a barrier before and after it is read.
struct Group {
    said: Vec<Mutex<Said>>,
    barrier: Barrier,
}

/// What a rank lays down for the others.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    numbers: Vec<f32>,
    counts: Vec<usize>,
}

impl Threads {
    /// The ranks of a group; each goes to a thread of its own.
    pub fn group(size: usize) -> Vec<Self> {
        let said = (0..size).map(|_| Mutex::default()).collect();
        let group = Arc::new(Group { said, barrier: Barrier::new(size) });
        (0..size).map(|rank| Self { rank, group: group.clone() }).collect()
    }

    /// Calls `work` on every rank of a group of `size`, each on its own thread, and returns what they returned.
    ///
    /// # Panics
    /// If one of them panics, and then the others may wait for it for ever: for tests alone.
    #[allow(clippy::unwrap_used)]
    pub fn run<R: Send>(size: usize, work: impl Fn(Self) -> R + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let ranks = Self::group(size).into_iter().map(|rank| scope.spawn(|| work(rank)));
            let ranks: Vec<_> = ranks.collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    /// Lays down what this rank says, and reads what each rank has said.
    fn round<R>(&self, said: Said, mut read: impl FnMut(usize, &Said) -> R) -> Vec<R> {
        let of = |rank: usize| self.group.said[rank].lock().unwrap_or_else(PoisonError::into_inner);
        *of(self.rank) = said;
        self.group.barrier.wait();
        let read = (0..self.size()).map(|rank| read(rank, &of(rank))).collect();
        self.group.barrier.wait(); // nobody speaks again before all have read
        read
    }
}

impl Communicator for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.group.said.len()
    }

    fn engine(&self) -> String {
        "threads".to_owned()
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(self.round(Said { bytes: bytes.to_vec(), ..Said::default() }, |_, said| said.bytes.clone()))
    }

    fn exchange(&self, send: &[f32], to: &[usize], receive: &mut [f32], from: &[usize]) -> Result<()> {
        let said = Said { numbers: send.to_vec(), counts: to.to_vec(), ..Said::default() };
        let mut rest = receive;
        let fits = self.round(said, |rank, said| {
            let start = said.counts[..self.rank].iter().sum::<usize>();
            let sent = &said.numbers[start..start + said.counts[self.rank]];
            let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(from[rank]) else {
                return false;
            };
            rest = behind;
            let fits = place.len() == sent.len();
            if fits {
                place.copy_from_slice(sent);
            }
            fits
        });
        ensure!(fits.into_iter().all(|fits| fits), "counts and lengths differ");
        Ok(())
    }

    fn all_gather_numbers(&self, own: &[f32], all: &mut [f32], counts: &[usize]) -> Result<()> {
        let to = vec![own.len(); self.size()];
        self.exchange(&own.repeat(self.size()), &to, all, counts)
    }

    /// In the order of the ranks, backwards: another than that of the tree.
    fn sum_in_any_order(&self, numbers: &mut [f32]) -> Result<()> {
        let said = Said { numbers: numbers.to_vec(), ..Said::default() };
        let all = self.round(said, |_, said| said.numbers.clone());
        numbers.fill(0.);
        for other in all.iter().rev() {
            ensure!(other.len() == numbers.len(), "lengths differ");
            numbers.iter_mut().zip(other).for_each(|(sum, number)| *sum += number);
        }
        Ok(())
    }

    fn abort(&self, code: u8) -> ! {
        std::process::exit(code.into())
    }
}
