//! A small Hugging Face hub on this machine, with files in memory and faults on demand, for tests.
//!
//! Repositories can be read, created and changed: branches, commits, and the store of Git LFS, whole objects and parts.
//! A test that meets what it did not expect panics, here too.
#![allow(clippy::unwrap_used)]

mod http;
mod lfs;
mod read;
mod repo;
mod write;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use sha1::{Digest, Sha1};
use sha2::Sha256;

use lfs::Store;
use repo::{Repo, place};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The first commit of every repository that is there from the start; all its branches stand for it.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A fault in place of the right answer.
#[derive(Clone)]
pub enum Fault {
    /// Answers with this status and these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Sends so many bytes of the body that is due, and closes.
    Cut(usize),
    /// Sends other bytes under the right headers.
    Other(&'static [u8]),
    /// Sends these headers with the right answer.
    Headers(Vec<(&'static str, String)>),
    /// Sends the whole file, whatever range was asked for, but only so many bytes.
    Whole(usize),
    /// Closes the connection without an answer.
    HangUp,
}

#[derive(Default)]
struct State {
    /// Repositories by `datasets/OWNER/NAME` or `OWNER/NAME`.
    repos: BTreeMap<String, Repo>,
    store: Store,
    /// The token that every change needs, and every look at a private repository.
    token: Option<String>,
    faults: HashMap<String, VecDeque<Fault>>,
    lasting: HashMap<String, Fault>,
    asked: Vec<Asked>,
    pages: bool,
}

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and address, as in `GET /o/n/resolve/main/a.txt`.
    pub line: String,
    /// The value of the header `Authorization`.
    pub authorization: Option<String>,
    /// The value of the header `Range`.
    pub range: Option<String>,
}

/// A running hub; it ends with the process.
pub struct Server {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl Server {
    /// A hub with these files, each by `datasets/OWNER/NAME/PATH` or `OWNER/NAME/PATH`.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(files: &[(&str, &[u8])]) -> Self {
        let mut repos = BTreeMap::<String, Repo>::new();
        for (path, bytes) in files {
            let (repo, file) = place(path).unwrap();
            repos.entry(repo.to_owned()).or_default().put(file, bytes);
        }
        let state = Arc::new(Mutex::new(State { repos, ..State::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                std::thread::spawn(move || drop(http::serve(&shared, stream.unwrap())));
            }
        });
        Self { state, port }
    }

    /// Lets only this token change repositories, and see private ones.
    pub fn require(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    /// Objects of Git LFS of more bytes are sent in parts of so many.
    pub fn part_size(&self, bytes: usize) {
        self.state.lock().unwrap().store.part_size = bytes;
    }

    /// The bytes of a file, by the repository, a branch or commit, and the path.
    pub fn file(&self, repo: &str, revision: &str, path: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let (_, files) = state.repos.get(repo)?.at(revision)?;
        Some(files.get(path)?.bytes.clone())
    }

    /// The address of the hub.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next requests `METHOD ….SUFFIX` meet these faults, one after the other.
    pub fn then(&self, request: &str, faults: &[Fault]) {
        self.state.lock().unwrap().faults.insert(request.to_owned(), faults.iter().cloned().collect());
    }

    /// Ends all faults.
    pub fn mend(&self) {
        let mut state = self.state.lock().unwrap();
        state.faults.clear();
        state.lasting.clear();
    }

    /// All requests `METHOD ….SUFFIX` meet this fault.
    pub fn always(&self, request: &str, fault: Fault) {
        self.state.lock().unwrap().lasting.insert(request.to_owned(), fault);
    }

    /// Lists one file a page from now on.
    pub fn list_in_pages(&self) {
        self.state.lock().unwrap().pages = true;
    }

    /// The requests so far, which are forgotten.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// The requests so far, as lines.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// An answer with this status.
pub fn status(code: u16) -> Fault {
    Fault::Status(code, Vec::new())
}

/// An answer with this status and the name of an error, as in `EntryNotFound`.
pub fn error(code: u16, name: &str) -> Fault {
    Fault::Status(code, vec![("X-Error-Code", name.to_owned())])
}

/// The digest by which git knows a file.
pub fn git_sha1(bytes: &[u8]) -> String {
    hex(&Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

/// The digest by which Git LFS knows a file.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
