//! Texts that are left out of a file: empty ones, and where it was asked for those that cannot be read.

use anyhow::Result;

/// Counts of what a file holds and its documents do not.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// Empty and null texts; in plain text nothing is, blank lines only end documents.
    pub empty: u64,
    /// Lines and rows that could not be read.
    pub bad: u64,
    /// The reason for the first of them.
    pub first: Option<String>,
    skip_bad: bool,
}

impl LeftOut {
    /// Nothing yet; bad lines will be counted if `skip_bad`, and are errors else.
    pub(super) fn new(skip_bad: bool) -> Self {
        Self { skip_bad, ..Self::default() }
    }

    /// Counts a line or row that cannot be read.
    ///
    /// # Errors
    /// `reason`, unless bad lines are to be skipped.
    pub(super) fn refuse(&mut self, reason: anyhow::Error) -> Result<()> {
        if !self.skip_bad {
            return Err(reason);
        }
        self.bad += 1;
        self.first.get_or_insert_with(|| format!("{reason:#}"));
        Ok(())
    }

    /// A line about what could not be read of the file `name`; none if all of it could.
    pub fn note(&self, name: &str) -> Option<String> {
        let first = self.first.as_ref()?;
        let lines = if self.bad == 1 { "1 bad line".to_owned() } else { format!("{} bad lines", self.bad) };
        Some(format!("{name}: {lines} left out, the first: {first}"))
    }
}
