//! `sibert sweep`: every combination of some settings as a run of `pretrain`, and what they come to.
//!
//! ```text
//! OUT/sweep.json        what the sweep consists of
//! OUT/data/             the text, if all runs have the same
//! OUT/lr=0.1,seed=0/    a run, as pretrain leaves it, and log.txt, what it said
//! OUT/summary.csv, .json, curves.svg, .png
//! ```
//! How far a run is stands in its own folder and nowhere else: a sweep that was killed finds there what is left to do,
//! and the results are a function of these folders.

mod axis;
mod curves;
mod files;
#[cfg(test)]
mod fixture;
mod grid;
mod job;
mod name;
mod record;
mod results;
mod split;
mod state;
mod table;
mod text;
mod train;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use record::runs_of;
pub use table::align;

use sibert_files::FolderLock;

use crate::args::SweepArgs;
use crate::console::{note, result};
use crate::signals::{self, Stop};
use crate::team::Team;
use grid::Grid;
use record::Record;
use state::State;
use text::Text;
use train::{Trained, train};

/// A sweep that is killed while it starts a run leaves its lock to that process until it has begun.
const MOMENT: Duration = Duration::from_secs(2);

/// Trains what is not over, then prints and draws what all runs came to.
///
/// # Errors
/// If a combination is no run, the folder holds something else, the text cannot be prepared, or a run failed.
pub fn run(args: &SweepArgs, team: &Team) -> Result<()> {
    let sweep = team.agree(Sweep::plan(args))?;
    if args.dry_run {
        return sweep.list();
    }
    let mut lock = None;
    team.first(|| {
        lock = Some(FolderLock::acquire_within(&sweep.folder, MOMENT)?);
        sweep.prepare(&sweep.states()?) // again: it may have gone on before the lock
    })?;
    let states = team.agree(sweep.states())?;
    let mut trained = match states.iter().all(State::is_over) {
        true => Trained { failures: vec![None; states.len()], states, stopped: false },
        false => {
            let stop = Stop::install()?; // before, there is nothing to save
            train(&sweep.grid.runs, states, args.jobs, &stop, &|run| team.makes(run))
        }
    };
    sweep.gather(&mut trained, team)?;
    let reported = if team.is_first() { sweep.report(&trained) } else { Ok(()) };
    let stopped = trained.stopped && reported.as_ref().err().and_then(signals::exit_code).is_some();
    match team.totals([u64::from(stopped)])? {
        [0] => team.agree(reported),
        _ => Err(team.ends_all(signals::interrupted())),
    }
}

/// A sweep whose runs are checked against the settings and the folder.
struct Sweep<'a> {
    file: &'a Path,
    folder: PathBuf,
    grid: Grid,
    /// The text that it prepares for all runs.
    text: Option<Text>,
    /// Whether it was recorded in the folder before.
    began: bool,
}

impl<'a> Sweep<'a> {
    fn plan(args: &'a SweepArgs) -> Result<Self> {
        let file = args.text.config.as_deref().context("expected a config file")?;
        let folder = grid::folder(args, file);
        let mut grid = Grid::new(args)?;
        let mut text = Text::shared(&grid.runs);
        let record = Record::read(&folder)?;
        if let (Some(text), Some(earlier)) =
            (&mut text, record.as_ref().and_then(|record| record.text.as_ref()))
        {
            text.keep(earlier, &folder)?;
        }
        let threads = (rayon::current_num_threads() / args.jobs.min(grid.runs.len())).max(1);
        for run in &mut grid.runs {
            run.config.threads.get_or_insert(threads);
            if let Some(text) = &text {
                text.give(&mut run.config, &folder);
            }
        }
        let sweep = Self { file, folder, grid, text, began: record.is_some() };
        sweep.states()?;
        sweep.open_devices()?;
        Ok(sweep)
    }

    fn states(&self) -> Result<Vec<State>> {
        self.grid.runs.iter().map(|run| State::of(run, self.text.is_some())).collect()
    }

    /// Refuses a device that is not there before anything starts.
    fn open_devices(&self) -> Result<()> {
        let mut opened = Vec::new();
        for run in &self.grid.runs {
            let device = run.config.device;
            if !opened.contains(&device) {
                device.open().with_context(|| run.name.clone())?;
                opened.push(device);
            }
        }
        Ok(())
    }

    /// Prints the runs, how far they are, and the threads they would have.
    fn list(&self) -> Result<()> {
        let states = self.states()?;
        let rows = self.grid.runs.iter().zip(&states);
        let rows: Vec<_> = rows.map(|(run, state)| vec![state.word().to_owned(), run.name.clone()]).collect();
        result(table::align(&rows, |_| true))?;
        let left = states.iter().filter(|state| !state.is_over()).count();
        result(format!("{} runs in {}, {left} of them to train", rows.len(), self.folder.display()))
    }

    /// The text, unless nothing is left to train; then the record.
    fn prepare(&self, states: &[State]) -> Result<()> {
        if let Some(text) = self.text.as_ref().filter(|_| !states.iter().all(State::is_over)) {
            text.prepare(&self.folder, self.began)?;
        }
        Record::new(self.file, &self.grid, self.text.clone()).write(&self.folder)
    }

    /// Adds what the other processes of a team have made of their runs.
    fn gather(&self, trained: &mut Trained, team: &Team) -> Result<()> {
        let failures = team.all(&trained.failures)?;
        for of_one in failures {
            trained.failures.iter_mut().zip(of_one).for_each(|(all, own)| *all = all.take().or(own));
        }
        trained.stopped = team.totals([u64::from(trained.stopped)])?[0] > 0;
        trained.states = team.agree(self.states())?;
        Ok(())
    }

    /// The table, the files, the pictures.
    fn report(&self, trained: &Trained) -> Result<()> {
        let groups = results::groups(&self.grid, trained);
        files::write(&self.folder, &self.grid, &groups)?;
        let over = self.grid.runs.iter().zip(&trained.states).filter(|(_, state)| state.is_over());
        let missing = curves::draw_missing(over.map(|(run, _)| run));
        let drawn = missing.and_then(|()| curves::draw(&self.folder, &self.grid));
        result(table::table(&self.grid, &groups))?;
        result(format!("\nsummary     {}", self.folder.join("summary.csv").display()))?;
        let drawn = drawn.unwrap_or_else(|error| {
            note(format!("the curves are not drawn: {error:#}"));
            Vec::new()
        });
        for file in drawn.iter().filter(|file| file.extension().is_some_and(|extension| extension == "png")) {
            result(format!("curves      {}", file.display()))?;
        }
        let failed = trained.failures.iter().flatten().count();
        let all = self.grid.runs.len();
        if trained.stopped {
            let over = trained.states.iter().filter(|state| state.is_over()).count();
            note(format!("stopped with {over} of {all} runs over: the same command continues"));
            if over < all {
                return Err(signals::interrupted());
            }
        }
        ensure!(
            failed == 0,
            "{failed} of {all} runs failed, see {} in their folders: the same command tries them again",
            job::LOG
        );
        Ok(())
    }
}
