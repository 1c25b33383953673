//! Work on a sequence by all threads of the pool, with its order kept and its memory bounded.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, anyhow};
use rayon::Yield;

/// Chunks read ahead for each thread.
const AHEAD: usize = 4;
/// No more is read while chunks of this many bytes wait: one chunk alone may be larger.
const MOST_BYTES: usize = 64 << 20;
/// Between two looks at a result that another thread is making while there is nothing else to do.
const PAUSE: Duration = Duration::from_micros(50);

/// Reads chunks with their sizes, works on them in parallel and hands the results on in the order of the chunks.
///
/// The calling thread reads and takes; while it has to wait it works too.
///
/// # Errors
/// The first error of `read`, `work` or `take`.
pub fn in_order<C: Send, T: Send>(
    mut read: impl FnMut() -> Result<Option<(C, usize)>>,
    work: impl Fn(C) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let most = AHEAD * rayon::current_num_threads();
    let work = &work;
    rayon::in_place_scope_fifo(|scope| {
        let (mut ahead, mut bytes, mut more) = (VecDeque::new(), 0, true);
        loop {
            while more && ahead.len() < most && (bytes < MOST_BYTES || ahead.is_empty()) {
                let Some((chunk, size)) = read()? else {
                    more = false;
                    break;
                };
                let (sender, result) = sync_channel(1);
                // The receiver is gone when the pipeline has failed elsewhere.
                scope.spawn_fifo(move |_| _ = sender.send(work(chunk)));
                ahead.push_back((result, size));
                bytes += size;
            }
            let Some((result, size)) = ahead.pop_front() else { return Ok(()) };
            take(wait(&result)?)?;
            bytes -= size;
        }
    })
}

/// The result of a chunk, when it is there; until then this thread works on what the others have not begun.
fn wait<T>(result: &Receiver<Result<T>>) -> Result<T> {
    loop {
        match result.try_recv() {
            Ok(result) => return result,
            // The scope passes the panic on.
            Err(TryRecvError::Disconnected) => return Err(anyhow!("a thread panicked")),
            Err(TryRecvError::Empty) if rayon::yield_now() == Some(Yield::Executed) => {}
            Err(TryRecvError::Empty) => sleep(PAUSE),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn in_pool(threads: usize, run: impl FnOnce() + Send) {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    }

    #[test]
    fn results_come_in_the_order_of_the_chunks_and_few_are_under_way() {
        for threads in [1, 2, 7] {
            let (mut next, mut taken, under_way) = (0_u64, Vec::new(), AtomicUsize::new(0));
            in_pool(threads, || {
                let read = || {
                    next += 1;
                    assert!(under_way.fetch_add(1, Ordering::SeqCst) <= AHEAD * threads);
                    Ok((next <= 500).then_some((next, 1)))
                };
                let work = |number: u64| {
                    sleep(Duration::from_micros(number * 7919 % 97));
                    Ok(number)
                };
                let take = |number| {
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    taken.push(number);
                    Ok(())
                };
                in_order(read, work, take).unwrap();
            });
            assert_eq!(taken, (1..=500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_large_chunk_is_alone() {
        in_pool(7, || {
            let (mut left, under_way) = (20, AtomicUsize::new(0));
            let read = || {
                left -= 1;
                assert!(left < 0 || under_way.fetch_add(1, Ordering::SeqCst) == 0);
                Ok((left >= 0).then_some(((), MOST_BYTES)))
            };
            let take = |()| {
                under_way.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            };
            in_order(read, Ok, take).unwrap();
        });
    }

    #[test]
    fn the_error_of_any_part_ends_it() {
        let failing =
            |number: u64, at: u64| if number == at { Err(anyhow!("at {number}")) } else { Ok(number) };
        for part in 0..3 {
            in_pool(2, || {
                let mut next = 0;
                let at = |which: u64| if which == part { 33 } else { u64::MAX };
                let read = || {
                    next += 1;
                    failing(next, at(0)).map(|number| Some((number, 1)))
                };
                let take = |number| failing(number, at(2)).map(drop);
                let error = in_order(read, |number| failing(number, at(1)), take).unwrap_err();
                assert_eq!(error.to_string(), "at 33");
            });
        }
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_panic_is_passed_on() {
        let mut left = 5;
        let read = || {
            left -= 1;
            Ok((left >= 0).then_some(((), 1)))
        };
        _ = in_order(read, |()| -> Result<()> { panic!("broken") }, |()| Ok(()));
    }
}
