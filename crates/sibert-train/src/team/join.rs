//! How the processes of a launcher come together.

use std::thread::available_parallelism;

use anyhow::{Result, bail};
use sibert_ranks::{Launcher, Place};

use super::Team;
use crate::console;
use crate::threads::run_in_pool;

/// The place that `mpirun` or `srun` gave this process; none if it was started alone.
///
/// # Errors
/// If there are several and this build cannot bring them together.
pub fn of_launcher() -> Result<Option<Place>> {
    Place::end_with_launcher();
    let place = Place::from_environment();
    match place {
        Some(Place { launcher, size, .. }) if cfg!(not(feature = "mpi")) => {
            let launcher = match launcher {
                Launcher::OpenMpi => "mpirun",
                Launcher::Hydra => "mpiexec",
                Launcher::Slurm => "srun",
            };
            bail!(
                "{launcher} started {size} processes, but this build has no MPI: build with --features mpi, which needs \
                 libopenmpi-dev and libclang-dev; or start one process"
            )
        }
        place => Ok(place),
    }
}

/// The threads of this process: those that were asked for, or its part of the cores of its host.
pub fn threads_of(asked: Option<usize>, place: Option<&Place>) -> Option<usize> {
    let part = place.map(|place| {
        let allowed = available_parallelism().map_or(1, usize::from);
        allowed.min((num_cpus::get() / place.local_size).max(1))
    });
    asked.or(part)
}

/// Runs `work` in a pool of `threads`, in the team of `place`.
///
/// # Errors
/// If the processes cannot come together, or what `work` fails with.
pub fn run<R: Send>(
    place: Option<Place>,
    threads: Option<usize>,
    work: impl FnOnce(&Team) -> Result<R> + Send,
) -> Result<R> {
    if place.is_some_and(|place| place.rank > 0) {
        console::say_nothing();
    }
    run_in_pool(threads, || {
        let team = join(place)?;
        let result = work(&team);
        team.end(result)
    })
}

#[cfg(not(feature = "mpi"))]
fn join(_: Option<Place>) -> Result<Team> {
    Ok(Team::alone())
}

#[cfg(feature = "mpi")]
fn join(place: Option<Place>) -> Result<Team> {
    use anyhow::Context;
    use sibert_ranks::{Mpi, Watch};

    use crate::console::note;

    let Some(place) = place else { return Ok(Team::alone()) };
    let host = host();
    let of = format!("process {} of {} on {host}", place.rank, place.size);
    let watch = Watch::start(move |patience| {
        console::last_words(format!(
            "error: {of} has waited {} s for the others, and gives up: one of them hangs; the last checkpoint is valid, and \
             --resume goes on from it",
            patience.as_secs()
        ));
    })?;
    let ranks: Box<dyn sibert_ranks::Communicator> = Box::new(Mpi::join(watch.clone())?);
    let (rank, size) = (ranks.rank(), ranks.size());
    if (rank, size) != (place.rank, place.size) {
        bail!(
            "the launcher says process {} of {}, MPI says {rank} of {size}: the program was built with another MPI than the \
             launcher's; build it with that of the cluster (module load …)",
            place.rank,
            place.size
        );
    }
    let hosts = ranks.all_gather(host.as_bytes())?;
    let same: Vec<usize> = (0..size).filter(|&other| hosts[other] == host.as_bytes()).collect();
    let (first_of_host, on_host) = (same.first() == Some(&rank), same.len());
    let engine = ranks.engine();
    let mut counts = indexmap::IndexMap::<String, usize>::new();
    for host in hosts {
        *counts.entry(String::from_utf8(host).context("the name of a host")?).or_default() += 1;
    }
    let hosts: Vec<String> = counts.iter().map(|(host, count)| format!("{count} on {host}")).collect();
    let threads = match rayon::current_num_threads() {
        1 => "1 thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    note(format!("{size} processes ({}), {threads} each, {engine}", hosts.join(", ")));
    Ok(Team::of(ranks, watch, host, first_of_host, on_host))
}

/// The name of this machine.
#[cfg(feature = "mpi")]
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "this host".to_owned())
}
