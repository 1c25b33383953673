//! Processes that MPI started.

use std::thread::{sleep, yield_now};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mpi::Count;
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::request::{LocalScope, Request, scope};
use mpi::topology::{Communicator as _, SimpleCommunicator};
use mpi::traits::*;

use crate::{Communicator, Watch};

/// Bytes, or numbers, of one call: MPI counts in 32 bits.
const MOST: usize = 1 << 30;

/// Looks after which a wait sleeps between two of them, and for how long: short messages need not wait for a sleeper.
const LOOKS: usize = 20;
const PAUSE: Duration = Duration::from_micros(20);

/// Where no bytes lie. An empty slice of Rust may have the address 1, which Open MPI takes for `MPI_IN_PLACE`.
static PLACE: [u8; 1] = [0];

/// The ranks of `MPI_COMM_WORLD`.
pub struct Mpi {
    world: SimpleCommunicator,
    watch: Watch,
}

// SAFETY: MPI was started so that any thread may call it, and a communicator is a handle that every thread may use.
unsafe impl Send for Mpi {}
// SAFETY: as above.
unsafe impl Sync for Mpi {}

impl Mpi {
    /// Joins the processes that the launcher started; `watch` ends this one if they do not answer.
    ///
    /// # Errors
    /// If MPI was started before in this process, or cannot serve threads.
    pub fn join(watch: Watch) -> Result<Self> {
        let (universe, given) =
            mpi::initialize_with_threading(Threading::Serialized).context("MPI was started before")?;
        let universe: &'static Universe = Box::leak(Box::new(universe)); // it ends with `leave`, or not in peace
        ensure!(given >= Threading::Serialized, "this MPI serves one thread alone: {given:?}");
        Ok(Self { world: universe.world(), watch })
    }

    fn ranks(&self) -> usize {
        self.world.size() as usize
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.ranks()
    }

    fn engine(&self) -> String {
        let version = mpi::environment::library_version().unwrap_or_else(|_| "MPI".to_owned());
        let first = version.lines().next().unwrap_or_default().trim();
        let name = first.split(',').next().unwrap_or(first); // Open MPI goes on with who built it
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        ensure!(bytes.len() <= MOST / self.ranks(), "{} bytes are too many for one message", bytes.len());
        self.watch.over(|| {
            let mut lengths = vec![0 as Count; self.ranks()];
            self.world.all_gather_into(&count(bytes.len())?, &mut lengths);
            let mut all = vec![0_u8; lengths.iter().map(|&length| length as usize).sum()];
            if all.is_empty() {
                return Ok(vec![Vec::new(); self.ranks()]);
            }
            let bytes = if bytes.is_empty() { &PLACE[..0] } else { bytes };
            let mut received = PartitionMut::new(&mut all, &lengths[..], displacements(&lengths)?);
            self.world.all_gather_varcount_into(bytes, &mut received);
            let mut rest = all.as_slice();
            let mut next = |length: &Count| {
                let (own, behind) = rest.split_at(*length as usize);
                rest = behind;
                own.to_vec()
            };
            Ok(lengths.iter().map(&mut next).collect())
        })
    }

    fn exchange(&self, send: &[f32], to: &[usize], receive: &mut [f32], from: &[usize]) -> Result<()> {
        let (to, from) = (counts(to, send.len())?, counts(from, receive.len())?);
        self.watch.over(|| {
            let send = Partition::new(send, &to[..], displacements(&to)?);
            let mut receive = PartitionMut::new(receive, &from[..], displacements(&from)?);
            scope(|scope| settle(self.world.immediate_all_to_all_varcount_into(scope, &send, &mut receive)));
            Ok(())
        })
    }

    fn all_gather_numbers(&self, own: &[f32], all: &mut [f32], sizes: &[usize]) -> Result<()> {
        let sizes = counts(sizes, all.len())?;
        self.watch.over(|| {
            let mut all = PartitionMut::new(all, &sizes[..], displacements(&sizes)?);
            scope(|scope| settle(self.world.immediate_all_gather_varcount_into(scope, own, &mut all)));
            Ok(())
        })
    }

    fn sum_in_any_order(&self, numbers: &mut [f32]) -> Result<()> {
        let mut sums = vec![0_f32; numbers.len().min(MOST)];
        for numbers in numbers.chunks_mut(MOST) {
            let sums = &mut sums[..numbers.len()];
            let sum = SystemOperation::sum();
            self.watch.over(|| {
                scope(|scope| settle(self.world.immediate_all_reduce_into(scope, &*numbers, sums, sum)));
            });
            numbers.copy_from_slice(sums);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.watch.over(|| self.world.barrier());
        Ok(())
    }

    fn abort(&self, code: u8) -> ! {
        self.world.abort(code.into())
    }

    fn leave(&self) -> Result<()> {
        // SAFETY: every rank leaves, none of them calls MPI after this, and the universe was leaked.
        let done = self.watch.over(|| unsafe { mpi::ffi::MPI_Finalize() });
        ensure!(done == 0, "MPI_Finalize failed with {done}");
        Ok(())
    }
}

/// Waits for numbers without keeping a core from the backward pass: MPI moves them along at every look.
fn settle<'a, D: ?Sized>(mut request: Request<'a, D, &LocalScope<'a>>) {
    for look in 0.. {
        match request.test() {
            Ok(_) => return,
            Err(unfinished) => request = unfinished,
        }
        if look < LOOKS {
            yield_now();
        } else {
            sleep(PAUSE);
        }
    }
}

fn count(length: usize) -> Result<Count> {
    Count::try_from(length).context("too many for one message")
}

fn counts(lengths: &[usize], all: usize) -> Result<Vec<Count>> {
    ensure!(lengths.iter().sum::<usize>() == all, "counts and lengths differ");
    lengths.iter().map(|&length| count(length)).collect()
}

/// Where the part of each rank begins.
fn displacements(counts: &[Count]) -> Result<Vec<Count>> {
    let (mut starts, mut end): (Vec<Count>, Count) = (Vec::new(), 0);
    for &count in counts {
        starts.push(end);
        end = end.checked_add(count).context("too many for one message")?;
    }
    Ok(starts)
}
