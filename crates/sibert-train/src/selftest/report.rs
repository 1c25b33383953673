//! The results of the checks: rows of a table as they come, and everything as JSON.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Result, anyhow};
use serde::Serialize;

use crate::console::{result, without_backtrace};

/// One number and what it may be.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The claim; a row of the table holds all of its cases.
    pub claim: String,
    /// The case, by its sizes.
    pub case: String,
    /// The number found; null if none was finite.
    pub found: Option<f64>,
    /// The most that is allowed.
    pub allowed: f64,
    pub verdict: Verdict,
    /// Why nothing was found.
    pub error: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// All checks; the keys of the JSON file.
#[derive(Debug, Serialize)]
pub struct Report {
    device: String,
    quick: bool,
    /// Named numbers that nothing is claimed of, such as the losses of both devices.
    pub curves: serde_json::Map<String, serde_json::Value>,
    pub checks: Vec<Check>,
    /// Whether rows are printed as they come.
    #[serde(skip)]
    echo: bool,
    #[serde(skip)]
    printed: usize,
    #[serde(skip)]
    began: Instant,
}

/// A claim and the most that is allowed for it.
pub type Claim<'a> = (&'a str, f64);

impl Report {
    /// Nothing is checked yet.
    pub fn new(device: String, quick: bool, echo: bool) -> Self {
        let (curves, checks) = (serde_json::Map::new(), Vec::new());
        Self { device, quick, curves, checks, echo, printed: 0, began: Instant::now() }
    }

    /// Checks what `measure` returns, in the order of the claims; its errors and panics are failures of all of them.
    pub fn check<const N: usize>(
        &mut self,
        claims: [Claim; N],
        case: &str,
        measure: impl FnOnce() -> Result<[f64; N]>,
    ) {
        let found = match catch_unwind(AssertUnwindSafe(measure)) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(without_backtrace(&format!("{error:#}"))),
            Err(panic) => Err(said_by(panic.as_ref())),
        };
        for (i, (claim, allowed)) in claims.into_iter().enumerate() {
            let number = found.as_ref().ok().map(|found| found[i]);
            let verdict = match number {
                Some(number) if number <= allowed => Verdict::Passed, // not NaN
                _ => Verdict::Failed,
            };
            let (claim, case, error) = (claim.to_string(), case.to_string(), found.as_ref().err().cloned());
            let found = number.filter(|number| number.is_finite());
            self.checks.push(Check { claim, case, found, allowed, verdict, error });
        }
    }

    /// Notes a claim that cannot be checked here.
    pub fn skip(&mut self, claim: &str, why: &str) {
        let (claim, case, error) = (claim.to_string(), String::new(), Some(why.to_string()));
        let verdict = Verdict::Skipped;
        self.checks.push(Check { claim, case, found: None, allowed: 0., verdict, error });
    }

    /// Prints what was checked since the last call: a row for each claim, and a line for each case that failed.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn print(&mut self) -> Result<()> {
        if !self.echo {
            return Ok(());
        }
        if self.printed == 0 {
            result(format!("{:<46} {:>5} {:>9} {:>9}", "should be zero", "cases", "found", "allowed"))?;
        }
        let checks = &self.checks[self.printed..];
        let mut claims: Vec<&str> = Vec::new();
        checks.iter().for_each(|check| {
            if !claims.contains(&check.claim.as_str()) {
                claims.push(&check.claim);
            }
        });
        for claim in claims {
            let cases: Vec<&Check> = checks.iter().filter(|check| check.claim == claim).collect();
            cases_of(claim, &cases)?;
        }
        self.printed = self.checks.len();
        Ok(())
    }

    /// How many checks passed, failed and were skipped.
    pub fn counts(&self) -> [usize; 3] {
        [Verdict::Passed, Verdict::Failed, Verdict::Skipped]
            .map(|verdict| self.checks.iter().filter(|check| check.verdict == verdict).count())
    }

    /// Seconds since the first check.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

/// Prints the row of a claim, whose found number is the largest part of what is allowed.
fn cases_of(claim: &str, cases: &[&Check]) -> Result<()> {
    if let Some(skipped) = cases.iter().find(|check| check.verdict == Verdict::Skipped) {
        return result(format!("{claim:<46} skipped: {}", skipped.error.as_deref().unwrap_or_default()));
    }
    let part = |check: &&&Check| check.found.map_or(f64::INFINITY, |found| found / check.allowed);
    let Some(worst) = cases.iter().max_by(|a, b| part(a).total_cmp(&part(b))) else { return Ok(()) };
    let failed: Vec<_> = cases.iter().filter(|check| check.verdict == Verdict::Failed).collect();
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    let found = number(worst.found);
    result(format!("{claim:<46} {:>5} {found:>9} {:>9.0e}  {verdict}", cases.len(), worst.allowed))?;
    failed.iter().try_for_each(|check| {
        let reason = check.error.clone().unwrap_or_else(|| number(check.found));
        result(format!("    {}: {}", check.case, reason.replace('\n', "\n      ")))
    })
}

fn number(found: Option<f64>) -> String {
    found.map_or("no number".to_string(), |found| format!("{found:.1e}"))
}

fn said_by(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    anyhow!("panicked: {}", text.unwrap_or_default()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_what_is_allowed_nan_errors_and_panics_fail() {
        let mut report = Report::new("cpu".to_string(), true, false);
        report.check([("a", 1.), ("b", 1.), ("c", 1.)], "case", || Ok([1., 1.1, f64::NAN]));
        report.check([("d", 1.)], "case", || Err(anyhow!("broken")));
        report.check([("e", 1.)], "case", || panic!("worse"));
        report.skip("f", "no GPU");
        assert_eq!(report.counts(), [1, 4, 1]);
        let errors: Vec<_> = report.checks.iter().filter_map(|check| check.error.as_deref()).collect();
        assert_eq!(errors, ["broken", "panicked: worse", "no GPU"]);
    }
}
