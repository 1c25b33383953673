//! A small Hugging Face hub on this machine, with files in memory and faults on demand, for tests.
//!
//! A test that meets what it did not expect panics, here too.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha1::{Digest, Sha1};
use sha2::Sha256;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The commit that the branches of every repository stand for.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The repository's branches.
const BRANCHES: [&str; 3] = ["main", "v1", "refs/convert/parquet"];

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
}

/// Files by `datasets/OWNER/NAME/PATH` or `OWNER/NAME/PATH`.
type Files = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct State {
    files: Files,
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
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                std::thread::spawn(move || drop(serve(&shared, stream.unwrap())));
            }
        });
        Self { state, port }
    }

    /// The address of the hub.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next requests `METHOD ….SUFFIX` meet these faults, one after the other.
    pub fn then(&self, request: &str, faults: &[Fault]) {
        self.state.lock().unwrap().faults.insert(request.to_owned(), faults.iter().cloned().collect());
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

/// An answer in the making.
struct Answer {
    code: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The bytes of the body that are sent.
    sent: usize,
}

impl Answer {
    fn new(code: u16, headers: Vec<(&'static str, String)>, body: &[u8]) -> Self {
        Self { code, headers, body: body.to_vec(), sent: body.len() }
    }

    fn document(document: &serde_json::Value) -> Self {
        Self::new(200, Vec::new(), document.to_string().as_bytes())
    }

    fn none(name: &str) -> Self {
        Self::new(404, vec![("X-Error-Code", name.to_owned())], b"{}")
    }
}

fn serve(state: &Mutex<State>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut head) = (String::new(), HashMap::new());
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        head.insert(name.to_lowercase(), value.to_owned());
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let range = head.remove("range");
    let asked =
        Asked { line: line.clone(), authorization: head.remove("authorization"), range: range.clone() };
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked);
        answer(&mut state, &line, range.as_deref())
    };
    write!(
        stream,
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        answer.code,
        answer.body.len()
    )?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    if line.starts_with("GET") {
        stream.write_all(&answer.body[..answer.sent])?;
    }
    stream.flush()?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Closing with unread bytes would reset the connection under the reader.
    stream.take(1 << 16).read_to_end(&mut Vec::new()).map(drop)
}

fn answer(state: &mut State, line: &str, range: Option<&str>) -> Answer {
    // The only character of the tests' paths that urls write otherwise, but for the slash in a revision.
    let line = &line.replace("%20", " ");
    let is_meant = |name: &str| {
        let (method, suffix) = name.split_once(' ').unwrap();
        line.starts_with(method) && line.ends_with(suffix)
    };
    let once =
        state.faults.iter_mut().find(|(name, _)| is_meant(name)).and_then(|(_, faults)| faults.pop_front());
    let fault = once
        .or_else(|| state.lasting.iter().find(|(name, _)| is_meant(name)).map(|(_, fault)| fault.clone()));
    let right = |range| right_answer(state, line.split_once(' ').unwrap().1, range);
    match fault {
        None => right(range),
        Some(Fault::Status(code, headers)) => Answer::new(code, headers, b"<html>no</html>"),
        Some(Fault::Headers(more)) => {
            let right = right(range);
            Answer { headers: [right.headers, more].concat(), ..right }
        }
        Some(Fault::Cut(sent)) => Answer { sent, ..right(range) },
        Some(Fault::Whole(sent)) => Answer { sent, ..right(None) },
        Some(Fault::Other(body)) => Answer { body: body.to_vec(), sent: body.len(), ..right(None) },
    }
}

fn right_answer(state: &State, url: &str, range: Option<&str>) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (is_api, path) = path.strip_prefix("/api/").map_or((false, &path[1..]), |path| (true, path));
    let path = path.trim_start_matches("models/");
    let parts: Vec<&str> = path.splitn(if path.starts_with("datasets/") { 4 } else { 3 }, '/').collect();
    let [owner @ .., rest] = &parts[..] else { return Answer::none("RepoNotFound") };
    let repo = format!("{}/", owner.join("/"));
    if !state.files.keys().any(|path| path.starts_with(&repo)) {
        return Answer::none("RepoNotFound");
    }
    let mut rest = rest.splitn(3, '/');
    let (what, revision, file) = (rest.next().unwrap(), rest.next().unwrap_or("main"), rest.next());
    let revision = revision.replace("%2F", "/");
    if revision != COMMIT && !BRANCHES.contains(&revision.as_str()) {
        return Answer::none("RevisionNotFound");
    }
    match (is_api, what) {
        (true, "revision") => Answer::document(&json!({ "sha": COMMIT, "siblings": [] })),
        (true, "tree") => listing(state, &repo, path, query),
        _ => match file.and_then(|file| Some((file, state.files.get(&format!("{repo}{file}"))?))) {
            Some((file, bytes)) => content(file, bytes, range),
            None => Answer::none("EntryNotFound"),
        },
    }
}

fn is_large(path: &str) -> bool {
    path.ends_with(".bin") || path.ends_with(".parquet")
}

fn listing(state: &State, repo: &str, path: &str, query: &str) -> Answer {
    let entry = |path: &str, bytes: &[u8]| {
        let mut entry = json!({ "type": "file", "path": path, "oid": git_sha1(bytes), "size": bytes.len() });
        if is_large(path) {
            entry["lfs"] = json!({ "oid": sha256(bytes), "size": bytes.len(), "pointerSize": 134 });
        }
        entry
    };
    let files = state.files.iter().filter_map(|(path, bytes)| Some(entry(path.strip_prefix(repo)?, bytes)));
    let mut files: Vec<_> = files.collect();
    files.insert(0, json!({ "type": "directory", "path": "data", "oid": "0", "size": 0 }));
    if !state.pages {
        return Answer::document(&json!(files));
    }
    let page: usize = query.rsplit_once("page=").map_or(0, |(_, page)| page.parse().unwrap());
    let mut answer = Answer::document(&json!([files[page]]));
    if page + 1 < files.len() {
        // The real hub sends whole addresses; this one does not know its own.
        let kind = if path.starts_with("datasets/") { "" } else { "models/" };
        answer.headers.push(("Link", format!("</api/{kind}{path}?page={}>; rel=\"next\"", page + 1)));
    }
    answer
}

fn content(file: &str, bytes: &[u8], range: Option<&str>) -> Answer {
    let mut headers = vec![("X-Repo-Commit", COMMIT.to_owned())];
    if is_large(file) {
        headers.push(("X-Linked-Etag", format!("\"{}\"", sha256(bytes))));
        headers.push(("X-Linked-Size", bytes.len().to_string()));
        headers.push(("ETag", "\"of-the-store\"".to_owned()));
    } else {
        headers.push(("ETag", format!("W/\"{}\"", git_sha1(bytes))));
    }
    let start = range.map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    match start {
        Some(start) if start >= bytes.len() => Answer::new(416, headers, b""),
        Some(start) => {
            headers.push(("Content-Range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len())));
            Answer::new(206, headers, &bytes[start..])
        }
        None => Answer::new(200, headers, bytes),
    }
}
