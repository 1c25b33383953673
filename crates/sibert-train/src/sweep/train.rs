//! The loop: so many runs at a time, until all are over or a signal comes.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::grid::SweptRun;
use super::job::{Ended, Job, LOG};
use super::state::State;
use crate::log::{Progress, Summary, clock};
use crate::signals::Stop;

/// Time between two looks at the processes: little beside a run, and beside the second that a signal is one request.
const PAUSE: Duration = Duration::from_millis(20);

/// Where the loop leaves the runs.
pub struct Trained {
    /// The state of each run.
    pub states: Vec<State>,
    /// Why a run failed.
    pub failures: Vec<Option<String>>,
    /// Whether a signal ended the loop.
    pub stopped: bool,
}

/// Trains what is not over of the runs that are this process's own. A run that fails stops no other.
pub fn train(
    runs: &[SweptRun],
    states: Vec<State>,
    jobs: usize,
    stop: &Stop,
    own: &dyn Fn(usize) -> bool,
) -> Trained {
    let over = states.iter().filter(|state| state.is_over()).count();
    let progress = Progress::counting("run", runs.len(), over);
    let mut waiting =
        (0..runs.len()).filter(|&run| !states[run].is_over() && own(run)).collect::<Vec<_>>().into_iter();
    let mut trained = Trained { failures: vec![None; runs.len()], states, stopped: false };
    let (mut working, mut done): (Vec<(Job, Instant)>, usize) = (Vec::new(), over);
    loop {
        if stop.requested() {
            trained.stopped = true;
            working.iter_mut().for_each(|(job, _)| job.stop());
        }
        while !trained.stopped && working.len() < jobs {
            let Some(run) = waiting.next() else { break };
            match Job::start(run, &runs[run]) {
                Ok(job) => {
                    progress.note(&format!("training {}", runs[run].config.out.join(LOG).display()));
                    working.push((job, Instant::now()));
                }
                Err(error) => {
                    done += 1;
                    progress.keep(done, &trained.end(run, &runs[run], Ended::Failed(format!("{error:#}"))));
                }
            }
        }
        working.retain_mut(|(job, began)| {
            let Some(ended) = job.ended() else { return true };
            done += usize::from(ended != Ended::Stopped);
            let line = trained.end(job.run, &runs[job.run], ended);
            progress.keep(done, &format!("{line} in {}", clock(began.elapsed())));
            false
        });
        if working.is_empty() && (trained.stopped || waiting.len() == 0) {
            progress.finish();
            return trained;
        }
        sleep(PAUSE);
    }
}

impl Trained {
    /// Notes how a run ended, and says so.
    fn end(&mut self, index: usize, run: &SweptRun, ended: Ended) -> String {
        let name = &run.name;
        match ended {
            Ended::Over(summary) => {
                let line = format!("{name}: {}", result(&summary));
                self.states[index] = State::Over(summary);
                line
            }
            Ended::Stopped => {
                self.states[index] = State::Half;
                if !self.stopped {
                    self.failures[index] =
                        Some("stopped before its last step, it can be continued".to_owned());
                }
                format!("{name}: stopped")
            }
            Ended::Failed(reason) => {
                let line = format!("{name}: failed: {reason}");
                self.failures[index] = Some(reason);
                line
            }
        }
    }
}

fn result(summary: &Summary) -> String {
    match (summary.eval_loss, &summary.diverged) {
        (Some(loss), None) => format!("held-out loss {loss:.4}"),
        (None, None) => format!("finished {} steps, nothing held out", summary.step),
        _ => format!("diverged at step {}", summary.step),
    }
}
