//! The end of waiting for ranks that never answer.
//!
//! A host that hangs does not close its connections, and a collective verb waits for it for ever. [`Watch`] is told when a
//! verb begins and ends; a thread of its own ends the process when one takes too long. The launcher then ends the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Time between two looks at the clock.
const PAUSE: Duration = Duration::from_millis(200);
/// The exit code of a process that gave up: `EX_UNAVAILABLE` of sysexits.h.
pub const GAVE_UP: i32 = 69;

/// Watches how long a process has been waiting for the others.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Milliseconds after the start of the program at which patience ends; 0 while nothing is waited for.
    deadline: AtomicU64,
    /// Milliseconds that a verb may take; 0 for any time.
    patience: AtomicU64,
}

impl Watch {
    /// Starts the thread; `last_words` are said, and what it waited for, before the process ends.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(last_words: impl Fn(Duration) + Send + 'static) -> Result<Self> {
        let watch = Self::default();
        now();
        let shared = watch.shared.clone();
        let look = move || loop {
            sleep(PAUSE);
            let deadline = shared.deadline.load(Ordering::Relaxed);
            if deadline > 0 && now() > deadline {
                last_words(Duration::from_millis(shared.patience.load(Ordering::Relaxed)));
                end();
            }
        };
        Builder::new().name("watch".to_owned()).spawn(look).context("cannot start a thread")?;
        Ok(watch)
    }

    /// From here on a verb may take so long; none is any time.
    pub fn patience(&self, patience: Option<Duration>) {
        let patience = patience.map_or(0, |patience| (patience.as_millis() as u64).max(1));
        self.shared.patience.store(patience, Ordering::Relaxed);
    }

    /// Calls `verb`, which waits for the other ranks.
    pub fn over<R>(&self, verb: impl FnOnce() -> R) -> R {
        let patience = self.shared.patience.load(Ordering::Relaxed);
        let deadline = if patience > 0 { now() + patience } else { 0 };
        self.shared.deadline.store(deadline, Ordering::Relaxed);
        let result = verb();
        self.shared.deadline.store(0, Ordering::Relaxed);
        result
    }
}

/// Milliseconds since the first call.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_millis() as u64
}

/// Ends the process without the engine's own farewell, which would wait for the same ranks.
fn end() -> ! {
    #[cfg(unix)]
    // SAFETY: nothing of this process is needed any more; files are whole or not there at any instant.
    unsafe {
        libc::_exit(GAVE_UP)
    };
    #[cfg(not(unix))]
    std::process::exit(GAVE_UP)
}
