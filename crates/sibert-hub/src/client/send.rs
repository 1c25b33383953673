//! Requests that change something: documents to the hub, bytes to its store.

use std::cell::Cell;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::anyhow;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use ureq::http::{Response, StatusCode};
use ureq::{Body, SendBody};

use super::{Client, JSON_LIMIT, MAX_REDIRECTS, no_answer, redirect, same_origin};
use crate::event::Event;
use crate::failure::{Failure, Setback, judge_change};
use crate::reference::RepoRef;

/// A commit of many files, or the end of a large one, may take the hub this long.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most of a refusal that is read.
const REASON_LIMIT: u64 = 1 << 16;

/// A document for the hub, in bytes and with their type.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Their type, as in `application/json`.
    pub kind: &'a str,
}

/// A part of a file for the store, or all of it.
pub struct Part<'a> {
    /// Where it goes: an address that needs no token, and is not to be shown.
    pub url: &'a str,
    /// The file's name for messages.
    pub name: &'a str,
    /// Its first byte, and the bytes of the whole file.
    pub place: (u64, u64),
    /// Its own bytes.
    pub length: u64,
}

impl Client {
    /// Sends a document and reads the one that the hub answers with.
    ///
    /// # Errors
    /// If the hub refuses, all tries fail, or the answer is not what was asked for.
    pub fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        document: Document<'_>,
        repo: &RepoRef,
    ) -> anyhow::Result<T> {
        self.persist(|| {
            let mut answer = self.post_once(url, document, repo)?;
            let text = answer.body_mut().with_config().limit(JSON_LIMIT).read_to_vec();
            let text = text.map_err(|error| Setback::passing(format!("{url}: {error}")))?;
            let text = if text.is_empty() { b"{}".as_slice() } else { &text };
            serde_json::from_slice(text).map_err(|error| {
                let why =
                    format!("{url}: not what a Hugging Face hub answers ({error}): look at HF_ENDPOINT");
                Setback::Lasting(Failure::Refused(why).into())
            })
        })
    }

    /// One try, and those that its redirects ask for; the token goes to the hub alone.
    fn post_once(
        &self,
        url: &str,
        document: Document<'_>,
        repo: &RepoRef,
    ) -> Result<Response<Body>, Setback> {
        let mut url = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let mut request = self.agent.post(&url).header(CONTENT_TYPE, document.kind);
            let who = self.authorization().filter(|_| same_origin(&url, &self.settings.endpoint));
            let is_known = who.is_some();
            if let Some(who) = who {
                request = request.header(AUTHORIZATION, who);
            }
            let request = request.config().timeout_recv_response(Some(PATIENCE)).build();
            let answer = request.send(document.bytes).map_err(|error| no_answer(&url, &error))?;
            match answer.status() {
                status if status.is_success() => return Ok(answer),
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    url = redirect(&url, &answer).ok_or_else(|| {
                        Setback::Lasting(anyhow!("{url}: a redirect to an address that makes no sense"))
                    })?;
                }
                status => {
                    let (headers, reason) = (answer.headers().clone(), reason(answer));
                    let endpoint = &self.settings.endpoint;
                    return Err(judge_change(status, &headers, &reason, &url, repo, endpoint, is_known));
                }
            }
        }
        Err(Setback::Lasting(Failure::Refused(format!("{url}: more than {MAX_REDIRECTS} redirects")).into()))
    }

    /// Puts a part of a file into the store, and returns the entity tag that it gets there; `open` gives its bytes.
    ///
    /// # Errors
    /// If the file cannot be read, the store refuses it, or all tries fail.
    pub fn put(
        &self,
        part: &Part<'_>,
        open: impl Fn() -> io::Result<Box<dyn Read>>,
    ) -> anyhow::Result<String> {
        self.persist(|| self.put_once(part, &open))
    }

    fn put_once(
        &self,
        part: &Part<'_>,
        open: impl Fn() -> io::Result<Box<dyn Read>>,
    ) -> Result<String, Setback> {
        let Part { url, name, place: (start, size), length } = *part;
        let unreadable = Cell::new(None);
        let file = open().map_err(|error| Setback::Lasting(anyhow!("cannot read {name}: {error}")))?;
        let tell = |done| self.tell(Event::Transferred { done: start + done, size: Some(size) });
        let mut body = Telling { file, done: 0, tell, failed: &unreadable };
        let request = self.agent.put(url).header(CONTENT_LENGTH, length);
        let request = request.config().timeout_recv_response(Some(PATIENCE)).build();
        let answer = request.send(SendBody::from_reader(&mut body));
        if let Some(error) = unreadable.take() {
            return Err(Setback::Lasting(anyhow!("cannot read {name}: {error}")));
        }
        let answer = answer.map_err(|error| no_answer(&format!("{name}: the store of the hub"), &error))?;
        let status = answer.status();
        if status.is_success() {
            let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
            return Ok(etag.unwrap_or_default().to_owned());
        }
        let why = format!("{name}: the store of the hub answers {status}");
        Err(match status.as_u16() {
            408 | 429 | 500..=599 => Setback::passing(why),
            403 => {
                Setback::Lasting(anyhow!("{why}: the leave to send it is over: push again to get a new one"))
            }
            _ => Setback::Lasting(anyhow!("{why}: did the file change meanwhile? {}", reason(answer))),
        })
    }
}

/// The reason that stands in the body of a refusal, on one line.
fn reason(mut answer: Response<Body>) -> String {
    let text = answer.body_mut().with_config().limit(REASON_LIMIT).read_to_string().unwrap_or_default();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let said = document["error"].as_str().or(document["message"].as_str()).unwrap_or_default();
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A reader that tells how much was read, and remembers why it failed.
struct Telling<'a, F> {
    file: Box<dyn Read>,
    done: u64,
    tell: F,
    failed: &'a Cell<Option<io::Error>>,
}

impl<F: Fn(u64)> Read for Telling<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Ok(length) => {
                self.done += length as u64;
                (self.tell)(self.done);
                Ok(length)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed.set(Some(error));
                Err(kind.into())
            }
        }
    }
}
