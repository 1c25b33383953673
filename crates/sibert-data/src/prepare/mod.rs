//! Preparing a corpus: sources → documents → token ids, in parallel → shards.
//!
//! ```text
//! Reader ─▶ chunks ─▶ encoded by the threads of the pool ─▶ in the order of the documents ─▶ Writer ─▶ shards
//! ```
//!
//! In memory are a few chunks a thread and one shard. After each shard the place of the next document is recorded: a
//! preparation that was stopped, however, goes on behind the last shard recorded, and ends in the same bytes as one
//! that never stopped. These depend on the request alone, not on the number of threads.
//!
//! `OUT/.lock` stays, empty unless a process is at work there.

mod chunk;
mod copies;
mod encoding;
mod folder;
mod inputs;
mod job;
mod learn;
mod pipeline;
mod reader;
mod recipe;
mod request;
mod status;
mod writer;

pub use request::{Existing, Request, TokenizerChoice};

use anyhow::{Result, anyhow};

use super::shards::{Manifest, Shards};
use folder::{Folder, Progress, State};
use inputs::Inputs;
use job::Job;
use recipe::Recipe;
pub use status::{Event, Stage, Status, Watch};

/// A prepared corpus, and what it took.
#[derive(Debug)]
pub struct Prepared {
    /// The corpus, opened and verified.
    pub shards: Shards,
    /// Tokens that were written this time: none if everything was there.
    pub written: u64,
}

/// Prepares a corpus, goes on with a preparation that was stopped, or opens one that is finished.
///
/// `watch` sees it advance, gets notes for people, and can stop it by an error, as a signal would.
///
/// # Errors
/// If the folder holds something else, names what differs; if the documents or the tokenizer cannot be read, hold
/// no token or no two different documents; if the disk is full.
pub fn prepare(request: &Request, watch: Watch) -> Result<Prepared> {
    request.validate()?;
    let folder = Folder::open(&request.out)?;
    let status = Status::new(request);
    watch(Event::Advanced(&status))?;
    let inputs = Inputs::hash(request)?;
    let recipe = Recipe::wanted(request, &inputs)?;
    let recorded = match state(&folder, request, watch)? {
        State::Empty => None,
        State::Finished(manifest) => {
            let whose = "was prepared otherwise";
            if recipe.fits(&Recipe::of(&manifest), request.existing, whose, folder.path())?
                && let Some(shards) = finished(&folder, manifest, request, watch)?
            {
                return Ok(Prepared { shards, written: 0 });
            }
            None
        }
        State::Half(progress) => half(&folder, progress, &recipe, request, watch)?,
    };
    let mut job = Job { request, folder: &folder, inputs: &inputs, status, watch };
    let progress = match recorded {
        Some(progress) => progress,
        None => job.begin()?,
    };
    job.complete(progress)
}

/// The contents of the folder; an unreadable record counts as nothing, unless it is to be kept.
fn state(folder: &Folder, request: &Request, watch: Watch) -> Result<State> {
    let mut unchecked = None;
    let state = folder.state(|note| unchecked = Some(note));
    unchecked.map_or(Ok(()), |note| watch(Event::Note(note)))?;
    match (state, request.existing) {
        (_, Existing::Discard) => Ok(State::Empty),
        (Err(error), Existing::Renew) => {
            watch(Event::Note(format!("{error:#}: preparing again")))?;
            Ok(State::Empty)
        }
        (Err(error), Existing::Keep) => Err(anyhow!("{error:#}: prepare the shards again with --force")),
        (state, _) => state,
    }
}

/// How a corpus that was prepared differs from what a request would make today.
///
/// # Errors
/// If the request's sources cannot be read.
pub fn differences(request: &Request, prepared: &Manifest) -> Result<Vec<String>> {
    let inputs = Inputs::hash(request)?;
    Recipe::wanted(request, &inputs)?.differences(&Recipe::of(prepared))
}

/// Opens a finished corpus of this request; none if it is damaged.
fn finished(
    folder: &Folder,
    mut manifest: Manifest,
    request: &Request,
    watch: Watch,
) -> Result<Option<Shards>> {
    let shown = folder.path().display();
    let weighed = request.weigh(&mut manifest);
    if weighed.is_some() {
        folder.write_manifest(&manifest)?;
    }
    match Shards::open(folder.path()) {
        Ok(shards) => {
            folder.remove_leftovers(&manifest)?;
            folder.remove_progress()?;
            let done = weighed.as_deref().unwrap_or("nothing to do");
            watch(Event::Note(format!("{shown} is prepared already: {done}")))?;
            Ok(Some(shards))
        }
        Err(error) => {
            let damage = folder.verify(&manifest).err().map(|reason| format!("{shown}: {reason}"));
            let reason = damage.unwrap_or_else(|| format!("{error:#}"));
            watch(Event::Note(format!("{reason}: preparing again")))?;
            Ok(None)
        }
    }
}

/// Where a preparation stopped, if it was of this request; with no shard finished nothing is lost by starting over.
fn half(
    folder: &Folder,
    progress: Progress,
    recipe: &Recipe,
    request: &Request,
    watch: Watch,
) -> Result<Option<Progress>> {
    let found = Recipe::of(&progress.manifest);
    let whose = "holds an unfinished preparation of something else";
    let nothing_lost = progress.manifest.shards.is_empty();
    let existing = if nothing_lost { Existing::Renew } else { request.existing };
    if recipe.fits(&found, existing, whose, folder.path())? {
        return unfinished(folder, progress, request, watch);
    }
    if nothing_lost {
        let shown = folder.path().display();
        watch(Event::Note(format!(
            "{shown}: starting over, sources or settings have changed and no shard was finished"
        )))?;
    }
    Ok(None)
}

/// Where a preparation of this request stopped; none if what it left is damaged.
fn unfinished(
    folder: &Folder,
    mut progress: Progress,
    request: &Request,
    watch: Watch,
) -> Result<Option<Progress>> {
    let shown = folder.path().display();
    if let Err(reason) = folder.verify(&progress.manifest) {
        watch(Event::Note(format!("{shown}: {reason}: preparing again")))?;
        return Ok(None);
    }
    let weighed =
        request.weigh(&mut progress.manifest).map_or(String::new(), |weights| format!("; {weights}"));
    folder.remove_leftovers(&progress.manifest)?;
    let shards = match progress.manifest.shards.len() {
        0 => "no shard".to_owned(),
        1 => "1 shard".to_owned(),
        several => format!("{several} shards"),
    };
    watch(Event::Note(format!("{shown}: continuing, with {shards} finished before{weighed}")))?;
    Ok(Some(progress))
}

#[cfg(test)]
mod tests;
