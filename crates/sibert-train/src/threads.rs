//! One pool of threads, in which a whole command runs.

use std::thread::available_parallelism;

use anyhow::{Context, Result};

use crate::console::note;

/// The variable from which candle's products, and every other pool, read their size.
const VARIABLE: &str = "RAYON_NUM_THREADS";
/// Space for a thread's calls: the command itself runs on one, where a main thread would have 8 MiB.
const STACK: usize = 16 << 20;

/// Runs `command` on a thread of a pool of `threads`, so that a parallel loop starts without waking a pool up.
///
/// Without `threads` the pool has as many as `RAYON_NUM_THREADS` says, else one for each core. To be called on the
/// main thread before any other exists.
///
/// # Errors
/// If the threads cannot be started, or what `command` fails with.
pub fn run_in_pool<R: Send>(threads: Option<usize>, command: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    let cores = available_parallelism().map_or(1, usize::from);
    if let Some(threads) = threads.filter(|&threads| threads > cores) {
        note(format!("threads {threads} are more than the {cores} cores here, which slows everything down"));
    }
    let threads = threads.or_else(from_environment).unwrap_or(cores);
    // SAFETY: this is the main thread, and no other thread exists yet.
    unsafe { std::env::set_var(VARIABLE, threads.to_string()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    pool.context("cannot start threads")?.install(command)
}

fn from_environment() -> Option<usize> {
    std::env::var(VARIABLE).ok()?.parse().ok().filter(|&threads| threads > 0)
}
