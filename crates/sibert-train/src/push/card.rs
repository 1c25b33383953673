//! The model card: the one that lies in the folder, or one for a pretrained model.

mod pretrained;
#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use sibert_hub::RepoRef;

use super::CARD;
use super::files::Folder;
use crate::finetune::quoted;

/// The text of the card; `license` goes into its metadata.
///
/// # Errors
/// If the folder's card cannot be read, or names another licence.
pub fn text(folder: &Folder, repo: &RepoRef, license: Option<&str>) -> Result<String> {
    match folder.text(CARD)? {
        None => pretrained::text(folder, repo, license),
        Some(card) => match license {
            None => Ok(card),
            Some(license) => with_license(&card, license),
        },
    }
}

/// The card with the licence as first line of its metadata.
fn with_license(card: &str, license: &str) -> Result<String> {
    let line = license_line(license);
    if front_matter_has(card, "license") {
        ensure!(
            front_matter(card).is_some_and(|metadata| metadata.lines().any(|other| other == line.trim_end())),
            "the {CARD} of the model names another licence than --license {license}: change one of them"
        );
        return Ok(card.to_owned());
    }
    Ok(match card.strip_prefix("---\n") {
        Some(rest) => format!("---\n{line}{rest}"),
        None => format!("---\n{line}---\n\n{card}"),
    })
}

fn license_line(license: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-.".contains(letter);
    let plain = !license.is_empty() && license.chars().all(is_plain);
    format!("license: {}\n", if plain { license.to_owned() } else { quoted(license) })
}

/// The metadata of a card, between its two lines of dashes.
fn front_matter(card: &str) -> Option<&str> {
    Some(card.strip_prefix("---\n")?.split_once("\n---\n")?.0)
}

/// Whether the metadata of a card have a key.
pub fn front_matter_has(card: &str, key: &str) -> bool {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    front_matter(card).is_some_and(|metadata| metadata.lines().any(is_key))
}
