//! Requests to the hub: tokens, redirects, and patience.
//!
//! The token goes to the hub's own address only; files often lie elsewhere, behind a redirect.

mod send;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::de::DeserializeOwned;
use sibert_files::bounded;
use ureq::http::header::{ACCEPT_ENCODING, AUTHORIZATION, LINK, LOCATION, RANGE};
use ureq::http::{Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::failure::{Failure, Setback, Subject, judge};
use super::settings::Settings;
use crate::event::{Event, Watch};

pub use send::{Document, Part};

const MAX_REDIRECTS: usize = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No listing of a page of files is longer.
const JSON_LIMIT: u64 = 64 << 20;

/// Speaks HTTP to one hub.
pub struct Client {
    agent: Agent,
    settings: Settings,
    watch: Box<Watch>,
}

/// The part of an answer that a request wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    /// The headers, those of the hub itself and not of the store it redirects to.
    Headers,
    /// The body from this byte on, as it is stored.
    BodyFrom(u64),
    /// A document.
    Json,
}

impl Client {
    /// A client for the hub that `settings` name; `watch` sees what it does.
    ///
    /// # Errors
    /// If the certificates given cannot be read.
    pub fn new(settings: Settings, watch: Box<Watch>) -> Result<Self> {
        let mut config = Agent::config_builder()
            .user_agent(concat!("sibert/", env!("CARGO_PKG_VERSION"), "; rust"))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(settings.timeout))
            .timeout_per_read(Some(settings.timeout));
        if is_loopback(&settings.endpoint) {
            config = config.proxy(None);
        }
        if let Some(roots) = roots(&settings)? {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().into(), settings, watch })
    }

    /// Tells whoever watches.
    pub fn tell(&self, event: Event<'_>) {
        (self.watch)(event);
    }

    /// Tells whoever watches a sentence.
    pub fn note(&self, sentence: String) {
        self.tell(Event::Note(sentence));
    }

    /// The settings that the client was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The headers of the answer to HEAD; a redirect to another address is an answer too.
    ///
    /// # Errors
    /// If the hub refuses, or all tries fail.
    pub fn head(&self, url: &str, subject: Subject<'_>) -> Result<Response<Body>> {
        self.persist(|| self.ask(url, subject, Want::Headers))
    }

    /// One try to get the file at `url`, from byte `start` on.
    ///
    /// # Errors
    /// The failure of this try, passing or lasting.
    pub fn get_once(&self, url: &str, subject: Subject<'_>, start: u64) -> Result<Response<Body>, Setback> {
        self.ask(url, subject, Want::BodyFrom(start))
    }

    /// The document at `url`, and the address of its next page.
    ///
    /// # Errors
    /// If the hub refuses, all tries fail, or the answer is not what was asked for.
    pub fn json<T: DeserializeOwned>(&self, url: &str, subject: Subject<'_>) -> Result<(T, Option<String>)> {
        self.persist(|| {
            let mut answer = self.ask(url, subject, Want::Json)?;
            let next =
                answer.headers().get(LINK).and_then(|link| join(url, &next_page(link.to_str().ok()?)?));
            let text = answer.body_mut().with_config().limit(JSON_LIMIT).read_to_vec();
            let text = text.map_err(|error| Setback::passing(format!("{url}: {error}")))?;
            let document = serde_json::from_slice(&text).map_err(|error| {
                let why =
                    format!("{url}: not what a Hugging Face hub answers ({error}): look at HF_ENDPOINT");
                Setback::Lasting(Failure::Refused(why).into())
            })?;
            Ok((document, next))
        })
    }

    /// Repeats `attempt` until it succeeds, fails for good, or has failed too often in a row.
    ///
    /// # Errors
    /// The last failure.
    pub fn persist<T>(&self, mut attempt: impl FnMut() -> Result<T, Setback>) -> Result<T> {
        let tries = self.settings.tries;
        let mut failed = 0;
        loop {
            let (why, asked) = match attempt() {
                Ok(value) => return Ok(value),
                Err(Setback::Lasting(error)) => return Err(error),
                Err(Setback::Passing { why, wait, progress }) => {
                    failed = if progress { 1 } else { failed + 1 };
                    (why, wait)
                }
            };
            if failed >= tries {
                return Err(Failure::Unreachable(format!("{why} ({tries} tries)")).into());
            }
            let wait = self.settings.wait(failed, asked);
            self.note(format!(
                "{why}: trying again in {:.1} s ({failed} of {tries} tries)",
                wait.as_secs_f64()
            ));
            std::thread::sleep(wait);
        }
    }

    /// One request, and those that its redirects ask for.
    fn ask(&self, url: &str, subject: Subject<'_>, want: Want) -> Result<Response<Body>, Setback> {
        let mut url = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let (answer, token_sent) = self.send(&url, want)?;
            let status = answer.status();
            if status.is_redirection() {
                let next = redirect(&url, &answer).ok_or_else(|| {
                    Setback::Lasting(anyhow!("{url}: {status} to an address that makes no sense"))
                })?;
                if want == Want::Headers && !same_origin(&next, &self.settings.endpoint) {
                    return Ok(answer);
                }
                url = next;
            } else if status.is_success() {
                return Ok(answer);
            } else {
                let endpoint = &self.settings.endpoint;
                return Err(judge(status, answer.headers(), &url, subject, endpoint, token_sent));
            }
        }
        Err(Setback::Lasting(Failure::Refused(format!("{url}: more than {MAX_REDIRECTS} redirects")).into()))
    }

    /// Who asks: the name and password of the hub's address, or else the token.
    pub fn authorization(&self) -> Option<String> {
        let Settings { password, token, .. } = &self.settings;
        let basic = password.as_ref().map(|password| format!("Basic {}", BASE64_STANDARD.encode(password)));
        basic.or_else(|| token.as_ref().map(|token| format!("Bearer {token}")))
    }

    /// One request, and whether the token went with it.
    fn send(&self, url: &str, want: Want) -> Result<(Response<Body>, bool), Setback> {
        let mut request = if want == Want::Headers { self.agent.head(url) } else { self.agent.get(url) };
        if want != Want::Json {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        if let Want::BodyFrom(start @ 1..) = want {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        let who = self.authorization().filter(|_| same_origin(url, &self.settings.endpoint));
        let is_known = who.is_some();
        if let Some(who) = who {
            request = request.header(AUTHORIZATION, who);
        }
        let answer = request.call().map_err(|error| no_answer(url, &error))?;
        Ok((answer, is_known))
    }
}

/// Judges the failure of a request without an answer.
fn no_answer(url: &str, error: &ureq::Error) -> Setback {
    use ureq::Error::{ConnectProxyFailed, ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    let is_certificate = error.to_string().contains("certificate");
    match error {
        Io(_) | Timeout(_) | HostNotFound | ConnectionFailed | ConnectProxyFailed(_) | Protocol(_)
            if !is_certificate =>
        {
            Setback::passing(format!("{url}: {}", error.to_string().trim_start_matches("io: ")))
        }
        _ => {
            let remedy =
                if is_certificate { ": name the certificates to trust in SSL_CERT_FILE" } else { "" };
            Setback::Lasting(Failure::Refused(format!("{url}: {error}{remedy}")).into())
        }
    }
}

/// The certificates to trust, if others than the built-in ones.
fn roots(settings: &Settings) -> Result<Option<RootCerts>> {
    let Some(path) = &settings.certificates else { return Ok(None) };
    let named = || format!("SSL_CERT_FILE: cannot read the certificates in {}", path.display());
    let pem = bounded::bytes(path, bounded::CONFIG).with_context(named)?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, _>>()
        .with_context(named)?;
    Ok(Some(RootCerts::new_with_certs(&certificates)))
}

fn origin(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
}

fn same_origin(one: &str, other: &str) -> bool {
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

fn is_loopback(url: &str) -> bool {
    let host = url.parse().ok().and_then(|uri: Uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

/// Where an answer redirects to.
fn redirect(url: &str, answer: &Response<Body>) -> Option<String> {
    join(url, answer.headers().get(LOCATION)?.to_str().ok()?)
}

/// `location` as seen from `url`.
fn join(url: &str, location: &str) -> Option<String> {
    let (scheme, authority) = origin(url)?;
    if location.starts_with("http://") || location.starts_with("https://") {
        Some(location.to_owned())
    } else if let Some(rest) = location.strip_prefix("//") {
        Some(format!("{scheme}://{rest}"))
    } else if location.starts_with('/') {
        Some(format!("{scheme}://{authority}{location}"))
    } else {
        let folder = url.split(['?', '#']).next()?.rsplit_once('/')?.0;
        Some(format!("{folder}/{location}"))
    }
}

/// The address in `<ADDRESS>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (url, relation) = part.trim().strip_prefix('<')?.split_once('>')?;
        relation.contains("rel=\"next\"").then(|| url.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_seen_from_where_they_are_met() {
        let join = |location| join("https://hub/a/b?c=d/e", location).unwrap_or_default();
        assert_eq!(join("https://else/x"), "https://else/x");
        assert_eq!(join("//else/x"), "https://else/x");
        assert_eq!(join("/x?y"), "https://hub/x?y");
        assert_eq!(join("x"), "https://hub/a/x");
    }

    #[test]
    fn an_origin_is_scheme_and_host_and_port() {
        assert!(same_origin("https://hub/x", "https://HUB"));
        for other in ["http://hub", "https://hub:8443", "https://hub.evil", "nonsense"] {
            assert!(!same_origin("https://hub/x", other), "{other}");
        }
    }

    #[test]
    fn the_next_page_is_found_in_the_link_header() {
        let link = "<https://hub/a?cursor=1>; rel=\"prev\", <https://hub/a?cursor=3>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("https://hub/a?cursor=3"));
        assert_eq!(next_page("<https://hub/a>; rel=\"last\""), None);
    }
}
