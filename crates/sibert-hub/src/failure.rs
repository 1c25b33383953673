//! Failures between us and the hub, in plain words.

use std::fmt;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};

use super::reference::{Kind, RepoRef};

/// A request that came to nothing for good.
#[derive(Debug)]
pub enum Failure {
    /// The hub cannot be reached or keeps failing: the cache may stand in.
    Unreachable(String),
    /// The repository has no such file.
    NoFile(String),
    /// There is nothing behind the byte from which on a file was asked for.
    Range(String),
    /// The hub has already what is to be made, or something else came in between.
    Conflict(String),
    /// The hub knows who asks, and does not let them.
    Forbidden(String),
    /// The hub says no, or says nothing that makes sense.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(why)
        | Self::NoFile(why)
        | Self::Range(why)
        | Self::Conflict(why)
        | Self::Forbidden(why)
        | Self::Refused(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for Failure {}

/// Why one try of a request failed.
#[derive(Debug)]
pub enum Setback {
    /// The next try may go better.
    Passing {
        /// The reason, in words.
        why: String,
        /// How long the hub asks us to wait.
        wait: Option<Duration>,
        /// Whether this try brought something that the next one can go on from.
        progress: bool,
    },
    /// The next try would fail as well.
    Lasting(anyhow::Error),
}

impl Setback {
    /// A failure of the moment.
    pub fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), wait: None, progress: false }
    }
}

/// The subject of a request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The repository.
    pub repo: &'a RepoRef,
    /// A file of it.
    pub path: Option<&'a str>,
}

/// Judges an answer that is no success.
pub fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    url: &str,
    subject: Subject<'_>,
    endpoint: &str,
    token_sent: bool,
) -> Setback {
    if matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504) {
        return Setback::Passing {
            why: format!("{url}: {status}"),
            wait: asked_wait(headers),
            progress: false,
        };
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let repo = subject.repo;
    let failure = match (header("x-error-code"), status.as_u16()) {
        ("RevisionNotFound", _) => {
            Failure::Refused(format!("{repo}: there is no revision `{}`", repo.revision))
        }
        ("EntryNotFound", _) => {
            Failure::NoFile(format!("{repo}: there is no file `{}`", subject.path.unwrap_or_default()))
        }
        (_, 416) => Failure::Range(format!("{url}: {status}")),
        ("GatedRepo", _) => Failure::Refused(gated(repo, endpoint, token_sent)),
        (_, 401) if header("x-error-message").starts_with("Invalid credentials") => {
            Failure::Refused(format!("{repo}: the hub does not know the token: correct or unset HF_TOKEN"))
        }
        ("RepoNotFound", _) => Failure::Refused(no_repository(repo, endpoint, token_sent)),
        (_, 401 | 403) => Failure::Refused(format!(
            "{url}: {status}: the hub does not let us in, the repository is private or gated: {}",
            remedy(repo, endpoint, token_sent)
        )),
        _ => Failure::Refused(format!("{url}: {status} {}", header("x-error-message")).trim_end().to_owned()),
    };
    Setback::Lasting(failure.into())
}

/// Judges a refusal of a change; `reason` is what its body says.
pub fn judge_change(
    status: StatusCode,
    headers: &HeaderMap,
    reason: &str,
    url: &str,
    repo: &RepoRef,
    endpoint: &str,
    token_sent: bool,
) -> Setback {
    let header = |name| {
        headers.get(name).map_or("".into(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let said = if reason.is_empty() { header("x-error-message") } else { reason.to_owned() };
    let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
    let failure = match (status.as_u16(), header("x-error-code").as_str()) {
        (429, _) => {
            let why = format!("{url}: the hub limits requests, {status}{said}");
            return Setback::Passing { why, wait: asked_wait(headers), progress: false };
        }
        (408 | 500..=599, _) => {
            let why = format!("{url}: {status}{said}");
            return Setback::Passing { why, wait: asked_wait(headers), progress: false };
        }
        (401, _) if !token_sent => Failure::Refused(nobody(repo, endpoint)),
        (401, _) => Failure::Refused(format!(
            "{repo}: the hub does not know the token{said}: set HF_TOKEN to one from {endpoint}/settings/tokens"
        )),
        (403, _) => Failure::Forbidden(format!(
            "{repo}: the token may not write there{said}: use one of an account of `{}` with write access, from \
             {endpoint}/settings/tokens",
            repo.id.split('/').next().unwrap_or_default()
        )),
        (_, "RevisionNotFound") => {
            Failure::Refused(format!("{repo}: there is no branch `{}`{said}", repo.revision))
        }
        (_, "RepoNotFound") => Failure::Refused(no_repository(repo, endpoint, token_sent)),
        (404, _) => Failure::Refused(format!("{url}: {status}{said}: look at HF_ENDPOINT")),
        (409 | 412, _) => Failure::Conflict(format!(
            "{repo}: something else was pushed meanwhile{said}: look at it, and push again"
        )),
        (400 | 422, _) => Failure::Refused(format!("{repo}: the hub does not accept what was sent{said}")),
        _ => Failure::Refused(format!("{url}: {status}{said}")),
    };
    Setback::Lasting(failure.into())
}

/// Nobody may push without saying who they are.
pub fn nobody(repo: &RepoRef, endpoint: &str) -> String {
    format!(
        "{repo}: the hub must know who pushes: log in with `hf auth login`, or set HF_TOKEN to a token with write access \
         from {endpoint}/settings/tokens"
    )
}

/// The wait that the hub asks for: `Retry-After`, or the reset of its own rate limit.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let after = || text("retry-after")?.trim().parse().ok();
    // For instance `"api";r=0;t=55`.
    let reset =
        || text("ratelimit")?.split(';').find_map(|part| part.trim().strip_prefix("t=")?.parse().ok());
    after().or_else(reset).map(Duration::from_secs)
}

fn gated(repo: &RepoRef, endpoint: &str, token_sent: bool) -> String {
    format!("{repo}: access is restricted: {}", remedy(repo, endpoint, token_sent))
}

fn remedy(repo: &RepoRef, endpoint: &str, token_sent: bool) -> String {
    let kind = if repo.kind == Kind::Dataset { "datasets/" } else { "" };
    let token = if token_sent { "use the token of an account that has access in" } else { "set" };
    format!("accept its terms in the browser at {endpoint}/{kind}{}, and {token} HF_TOKEN", repo.id)
}

fn no_repository(repo: &RepoRef, endpoint: &str, token_sent: bool) -> String {
    let (kind, other) = match repo.kind {
        Kind::Model => ("model", format!(" (a dataset is written hf://datasets/{})", repo.id)),
        Kind::Dataset => ("dataset", String::new()),
    };
    let private =
        if token_sent { "the token has no access to it" } else { "it is private, then set HF_TOKEN" };
    format!("{repo}: {endpoint} has no {kind} `{}`{other}, or {private}", repo.id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn said(code: u16, pairs: &[(&'static str, &str)], token_sent: bool) -> String {
        let repo = RepoRef::model("org/name@v1").unwrap();
        let subject = Subject { repo: &repo, path: Some("a.txt") };
        let status = StatusCode::from_u16(code).unwrap();
        match judge(status, &headers(pairs), "http://hub/x", subject, "http://hub", token_sent) {
            Setback::Passing { why, wait, .. } => format!("{why} {wait:?}"),
            Setback::Lasting(failure) => failure.to_string(),
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let gated = said(403, &[("x-error-code", "GatedRepo")], false);
        assert_eq!(
            gated,
            "hf://org/name@v1: access is restricted: accept its terms in the browser at http://hub/org/name, \
             and set HF_TOKEN"
        );
        assert!(said(401, &[("x-error-code", "GatedRepo")], true).contains("use the token of an account"));
        assert!(said(401, &[("x-error-code", "RepoNotFound")], false).contains("then set HF_TOKEN"));
        assert!(said(404, &[("x-error-code", "RevisionNotFound")], false).contains("no revision `v1`"));
        let invalid = [("x-error-message", "Invalid credentials in Authorization header")];
        assert!(said(401, &invalid, true).contains("correct or unset HF_TOKEN"));
        assert_eq!(said(418, &[], false), "http://hub/x: 418 I'm a teapot");
    }

    #[test]
    fn rate_limits_say_how_long_they_last() {
        assert!(said(429, &[("retry-after", "7")], false).ends_with("Some(7s)"));
        assert!(said(429, &[("ratelimit", "\"api\";r=0;t=55")], false).ends_with("Some(55s)"));
        assert!(said(503, &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")], false).ends_with("None"));
    }
}
