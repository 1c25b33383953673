//! SIGINT, SIGTERM, SIGHUP and SIGUSR1: finish the step, save, leave. SIGXFSZ: report it as an error of the write.
//!
//! A signal that was ignored when the program began stays ignored: `nohup` and shells mean it so. A run that a signal
//! ended exits with 128 + the signal's number, as if it had been killed by it: what follows behind `&&` does not begin.

#[cfg(not(unix))]
#[path = "signals/other.rs"]
mod system;
#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;

use std::fmt;
use std::process::ExitStatus;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::console::note;

/// Signals closer than this are one request: `timeout` and batch systems signal the process and its group.
const SAME_REQUEST: Duration = Duration::from_secs(1);
/// Time between two looks for a signal.
const PAUSE: Duration = Duration::from_millis(20);
/// Set for a process that is to end with the one that began it, whose pipe it has as standard input.
pub const FOLLOWS: &str = "SIBERT_FOLLOWS";

/// SIGTERM.
const TERMINATE: i32 = 15;
/// The code of a run whose time is up: `EX_TEMPFAIL` of sysexits.h, try again.
const OUT_OF_TIME: u8 = 75;

/// The first signal; 0 before.
static FIRST: AtomicI32 = AtomicI32::new(0);
/// How many there were.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Set by one of the signals; a second signal ends the process at once. Once it is dropped, the first does.
#[derive(Debug)]
pub struct Stop(system::Caught);

/// The error of a run that was stopped before its end and can be continued.
#[derive(Debug)]
enum Interrupted {
    BySignal(i32),
    /// Its time is up.
    ByTime,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BySignal(signal) => write!(f, "stopped by signal {signal}"),
            Self::ByTime => f.write_str("stopped at its time limit"),
        }
    }
}

impl std::error::Error for Interrupted {}

impl Stop {
    /// Catches the signals from here on.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn install() -> Result<Self> {
        static WATCHED: Once = Once::new();
        let caught = system::Caught::all()?;
        WATCHED.call_once(|| {
            watch(|| note("stopping after this step; press Ctrl-C again to stop at once, without saving"));
        });
        Ok(Self(caught))
    }

    /// Whether the run should save and end after this step.
    pub fn requested(&self) -> bool {
        FIRST.load(Ordering::Relaxed) != 0
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Ends the process at a signal, but does `last` before.
///
/// # Errors
/// As [`Stop::install`].
pub fn before_end(last: impl FnOnce() + Send + 'static) -> Result<()> {
    system::Caught::all()?;
    watch(move || {
        last();
        std::process::exit(code(FIRST.load(Ordering::Relaxed)));
    });
    Ok(())
}

/// The error of a run that ends because of the signal that came.
pub fn interrupted() -> anyhow::Error {
    match FIRST.load(Ordering::Relaxed) {
        0 => Interrupted::BySignal(TERMINATE), // that came to another process of the run
        signal => Interrupted::BySignal(signal),
    }
    .into()
}

/// The error of a run that ends because its time is up.
pub fn out_of_time() -> anyhow::Error {
    Interrupted::ByTime.into()
}

/// The code to exit with, if the error is that of a run that a signal ended.
pub fn exit_code(error: &anyhow::Error) -> Option<u8> {
    let interrupted: &Interrupted = error.downcast_ref()?;
    match interrupted {
        Interrupted::BySignal(signal) => u8::try_from(code(*signal)).ok(),
        Interrupted::ByTime => Some(OUT_OF_TIME),
    }
}

/// Whether a process of ours ended because a signal asked it to.
pub fn was_interrupted(status: ExitStatus) -> bool {
    [1, 2, 10, 15].into_iter().any(|signal| status.code() == Some(code(signal)))
}

fn code(signal: i32) -> i32 {
    128 + signal
}

/// Ends this process, as by SIGTERM, when the one that began it is gone.
pub fn follow() {
    if std::env::var_os(FOLLOWS).is_some() {
        spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink()); // its end comes with the other's
            system::terminate_self();
        });
    }
}

/// Calls `first` at the first signal, and ends the process at one that comes later.
fn watch(first: impl FnOnce() + Send + 'static) {
    let mut first = Some(first);
    let (mut seen, mut since) = (0, Instant::now());
    spawn(move || {
        loop {
            sleep(PAUSE);
            let count = COUNT.load(Ordering::Relaxed);
            if count == seen {
                continue;
            }
            seen = count;
            match first.take() {
                Some(first) => {
                    first();
                    since = Instant::now();
                }
                None if since.elapsed() > SAME_REQUEST => {
                    std::process::exit(code(FIRST.load(Ordering::Relaxed)));
                }
                None => {}
            }
        }
    });
}

/// Takes note of a signal: all that is allowed while one is handled.
fn arrived(signal: i32) {
    let _ = FIRST.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Lets a write beyond the limit of file sizes (`ulimit -f`) fail, where it would end the process without a word.
#[cfg(unix)]
pub fn ignore_file_size_signal() {
    // SAFETY: no handler of ours is installed; the signal is ignored from here on, by every thread.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Other systems have no such signal.
#[cfg(not(unix))]
pub fn ignore_file_size_signal() {}

#[cfg(all(test, target_os = "linux"))]
mod tests;
