//! `sibert push`: a model's files and its card, as one commit on the hub.

mod card;
mod files;

use anyhow::{Result, ensure};
use indicatif::DecimalBytes;
use sibert_hub::{Content, Push, RepoRef, Upload};

use crate::args::PushArgs;
use crate::console::{note, result};
use crate::hub;
use crate::sweep::align;
use files::Folder;

/// The model card.
const CARD: &str = "README.md";

/// Pushes a model, or says what a push would send.
///
/// # Errors
/// If the model or the repository's name is none, a file is damaged, or the hub refuses.
pub fn run(args: &PushArgs) -> Result<()> {
    let repo = repository(args)?;
    let folder = Folder::find(&args.model)?;
    let card = card::text(&folder, &repo, args.license.as_deref())?;
    let mut files = folder.uploads();
    files.push(Upload { path: CARD.into(), content: Content::Bytes(card.clone().into_bytes()) });
    files.sort_by(|one, other| one.path.cmp(&other.path));
    if !card::front_matter_has(&card, "license") {
        note("the card names no licence: add one with --license, such as apache-2.0");
    }
    if args.dry_run {
        return show(&repo, &files, &card);
    }
    let push = Push { repo: &repo, private: args.private, message: &args.message, files: &files };
    let pushed = hub::open()?.push(&push)?;
    let (url, commit) = (&pushed.url, &pushed.commit);
    if pushed.changed == 0 {
        return result(format!("nothing has changed: {url}, commit {commit}"));
    }
    let stored = match (pushed.sent, pushed.kept) {
        (0, 0) => String::new(),
        (sent, 0) => format!("\nlarge files: {} sent", DecimalBytes(sent)),
        (sent, kept) => {
            format!("\nlarge files: {} sent, {} was there", DecimalBytes(sent), DecimalBytes(kept))
        }
    };
    result(format!("pushed {} of {} files to {url}, commit {commit}{stored}", pushed.changed, files.len()))
}

/// The repository and the branch that are meant.
fn repository(args: &PushArgs) -> Result<RepoRef> {
    let mut repo = RepoRef::model(&args.repo)?;
    ensure!(repo.id.contains('/'), "{}: expected ORG/NAME, such as my-name/my-model", args.repo);
    if let Some(revision) = &args.revision {
        ensure!(!args.repo.contains('@'), "{}: the branch is named twice: leave out --revision", args.repo);
        repo = RepoRef::model(&format!("{}@{}", repo.id, revision.replace('/', "%2F")))?;
    }
    Ok(repo)
}

/// Lists the files with their sizes, and the card.
fn show(repo: &RepoRef, files: &[Upload], card: &str) -> Result<()> {
    let size = |file: &Upload| match &file.content {
        Content::File(path) => path.metadata().map_or(0, |metadata| metadata.len()),
        Content::Bytes(bytes) => bytes.len() as u64,
    };
    let rows = files.iter().map(|file| vec![file.path.clone(), DecimalBytes(size(file)).to_string()]);
    let rows: Vec<_> = std::iter::once(vec!["file".into(), "size".into()]).chain(rows).collect();
    let table = align(&rows, |column| column == 0);
    result(format!("{repo}, nothing is sent\n\n{}\n\n{CARD}:\n\n{card}", table.trim_end()))
}
