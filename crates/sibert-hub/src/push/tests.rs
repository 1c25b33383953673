#![allow(clippy::unwrap_used)]
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sibert_hub_emulator::{Fault, Server, status};
use tempfile::TempDir;

use super::*;
use crate::Settings;
use crate::digest::sha256;

const TOKEN: &str = "hf_secret";
const SMALL: &[u8] = b"{\"hidden_size\": 128}\n";
const LARGE: &[u8] = b"\x08\0\0\0\0\0\0\0 pretend to be weights, of 41 bytes..";

struct Fixture {
    server: Server,
    home: TempDir,
    said: Arc<Mutex<String>>,
}

impl Fixture {
    /// A hub without repositories that only `TOKEN` may change.
    fn new() -> Self {
        let server = Server::start(&[]);
        server.require(TOKEN);
        Self { server, home: tempfile::tempdir().unwrap(), said: Arc::default() }
    }

    fn hub(&self, token: Option<&str>) -> Hub {
        let mut settings = Settings::of(&self.server.url(), self.home.path()).unwrap();
        (settings.first_wait, settings.longest_asked) = (Duration::from_millis(1), Duration::from_millis(5));
        settings.token = token.map(str::to_owned);
        let said = self.said.clone();
        Hub::new(settings, move |event| *said.lock().unwrap() += &format!("{event:?}\n")).unwrap()
    }

    /// Pushes to `repo` with the right token.
    fn push(&self, repo: &str, files: &[Upload]) -> Result<Pushed> {
        self.push_as(Some(TOKEN), repo, files)
    }

    fn push_as(&self, token: Option<&str>, repo: &str, files: &[Upload]) -> Result<Pushed> {
        let repo = RepoRef::model(repo).unwrap();
        self.hub(token).push(&Push { repo: &repo, private: false, message: "first", files })
    }

    /// The refusal of a push that meets this fault.
    fn refused(&self, request: &str, fault: Fault) -> String {
        self.server.always(request, fault);
        let said = self.push("o/m", &files()).unwrap_err().to_string();
        self.server.mend();
        said
    }

    fn puts(&self) -> Vec<String> {
        self.server.lines().into_iter().filter(|line| line.starts_with("PUT")).collect()
    }
}

fn bytes(path: &str, bytes: &[u8]) -> Upload {
    Upload { path: path.into(), content: Content::Bytes(bytes.to_vec()) }
}

fn files() -> Vec<Upload> {
    vec![bytes("config.json", SMALL), bytes("model.safetensors", LARGE), bytes("empty.txt", b"")]
}

/// An answer with this status and reason.
fn code(code: u16, why: &str) -> Fault {
    Fault::Status(code, vec![("X-Error-Message", why.to_owned())])
}

#[test]
fn pushed_files_come_back_as_they_were() {
    let fixture = Fixture::new();
    let path = fixture.home.path().join("weights");
    fs::write(&path, LARGE).unwrap();
    let mut files = files();
    files[1].content = Content::File(path);
    let pushed = fixture.push("o/m", &files).unwrap();
    assert_eq!((pushed.changed, pushed.sent, pushed.kept), (3, LARGE.len() as u64, 0));
    assert_eq!(pushed.url, format!("{}/o/m", fixture.server.url()));
    let hub = fixture.hub(None);
    let repo = RepoRef::model("o/m").unwrap();
    assert_eq!(hub.commit(&repo).unwrap(), pushed.commit);
    assert_eq!(hub.files(&repo).unwrap(), ["config.json", "empty.txt", "model.safetensors"]);
    for (name, bytes) in [("config.json", SMALL), ("model.safetensors", LARGE), ("empty.txt", b"")] {
        assert_eq!(fs::read(hub.fetch(&repo, name).unwrap()).unwrap(), bytes, "{name}");
    }
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let fixture = Fixture::new();
    let first = fixture.push("o/m", &files()).unwrap();
    fixture.server.asked();
    let again = fixture.push("o/m", &files()).unwrap();
    assert_eq!((again.changed, again.sent, &again.commit), (0, 0, &first.commit));
    let lines = fixture.server.lines().join("\n");
    assert!(!lines.contains("PUT") && !lines.contains("/commit/"), "{lines}");
    let other = [bytes("config.json", b"{}"), bytes("model.safetensors", LARGE)];
    let third = fixture.push("o/m", &other).unwrap();
    assert_eq!((third.changed, third.sent), (1, 0));
    assert_eq!(fixture.server.file("o/m", "main", "config.json").unwrap(), b"{}");
    assert_eq!(fixture.server.file("o/m", &first.commit, "config.json").unwrap(), SMALL);
    assert_eq!(fixture.server.file("o/m", "main", "empty.txt").unwrap(), b"");
}

#[test]
fn a_stopped_push_goes_on_without_what_arrived() {
    let fixture = Fixture::new();
    let [a, b] = [&b"\0the first"[..], b"\0the second, longer"];
    let files = [bytes("a.bin", a), bytes("b.bin", b)];
    let last = [a, b].map(|bytes| sha256(bytes).unwrap()).into_iter().max().unwrap();
    let request = format!("PUT /lfs/{last}?signature=secret");
    fixture.server.always(&request, status(500));
    let error = fixture.push("o/m", &files).unwrap_err().to_string();
    assert!(
        error.contains(".bin: the store of the hub answers 500") && error.contains("(5 tries)"),
        "{error}"
    );
    assert!(fixture.server.file("o/m", "main", "a.bin").is_none(), "half a push is visible");
    fixture.server.mend();
    assert_eq!(fixture.puts().len(), 6);
    let pushed = fixture.push("o/m", &files).unwrap();
    assert_eq!(fixture.puts(), [request]);
    assert_eq!(pushed.sent + pushed.kept, (a.len() + b.len()) as u64);
    assert!(pushed.sent > 0 && pushed.kept > 0);
    assert_eq!(fixture.server.file("o/m", "main", "b.bin").unwrap(), b);
}

#[test]
fn large_files_go_in_parts_and_a_lost_part_once_more() {
    let fixture = Fixture::new();
    fixture.server.part_size(10);
    let oid = sha256(LARGE).unwrap();
    fixture.server.then(&format!("PUT /lfs/{oid}?signature=secret&part=3"), &[Fault::HangUp, status(503)]);
    fixture.push("o/m", &files()).unwrap();
    let puts = fixture.puts();
    let part = |line: &String| line.rsplit('=').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(puts.iter().map(part).collect::<Vec<_>>(), [1, 2, 3, 3, 3, 4, 5]);
    assert_eq!(fixture.server.file("o/m", "main", "model.safetensors").unwrap(), LARGE);
}

#[test]
fn a_branch_is_made_and_main_stays() {
    let fixture = Fixture::new();
    fixture.push("o/m", &files()).unwrap();
    let pushed = fixture.push("o/m@try%2F1", &[bytes("config.json", b"{}")]).unwrap();
    assert!(pushed.url.ends_with("/o/m/tree/try%2F1"), "{}", pushed.url);
    assert_eq!(fixture.server.file("o/m", "try/1", "config.json").unwrap(), b"{}");
    assert_eq!(fixture.server.file("o/m", "try/1", "model.safetensors").unwrap(), LARGE);
    assert_eq!(fixture.server.file("o/m", "main", "config.json").unwrap(), SMALL);
    let commit = "a".repeat(40);
    let error = fixture.push(&format!("o/m@{commit}"), &files()).unwrap_err().to_string();
    assert!(error.contains("a commit never changes: name a branch"), "{error}");
}

#[test]
fn a_private_repository_is_seen_by_its_token_alone() {
    let fixture = Fixture::new();
    let repo = RepoRef::model("o/m").unwrap();
    let push = Push { repo: &repo, private: true, message: "first", files: &files() };
    fixture.hub(Some(TOKEN)).push(&push).unwrap();
    assert!(fixture.hub(None).fetch(&repo, "config.json").is_err());
    assert!(fixture.hub(Some(TOKEN)).fetch(&repo, "config.json").is_ok());
    fixture.hub(Some(TOKEN)).push(&push).unwrap();
    let said = fixture.said.lock().unwrap().clone();
    assert!(said.contains("hf://o/m is there already: whether it is private does not change"), "{said}");
}

#[test]
fn the_token_goes_to_the_hub_and_into_no_message() {
    let fixture = Fixture::new();
    let mut errors =
        vec![fixture.push_as(Some("hf_secret_of_another"), "o/m", &files()).unwrap_err().to_string()];
    assert!(errors[0].contains("does not know the token (Invalid credentials"), "{}", errors[0]);
    for code in [401, 403, 404, 409, 418, 422, 429, 500] {
        errors.push(fixture.refused("POST /preupload/main", status(code)));
    }
    fixture.push("o/m", &files()).unwrap();
    let said = fixture.said.lock().unwrap().clone() + &errors.join("\n");
    assert!(said.contains("Uploading") && !said.contains("secret"), "{said}");
    for asked in fixture.server.asked() {
        let known = asked.authorization.is_some_and(|who| who.starts_with("Bearer hf_secret"));
        assert_eq!(known, !asked.line.starts_with("PUT"), "{}", asked.line);
    }
}

#[test]
fn without_a_token_nothing_is_asked() {
    let fixture = Fixture::new();
    let error = fixture.push_as(None, "o/m", &files()).unwrap_err().to_string();
    assert!(error.contains("log in with `hf auth login`, or set HF_TOKEN"), "{error}");
    assert_eq!(fixture.server.lines(), [""; 0]);
}

#[test]
fn refusals_say_what_to_do() {
    let fixture = Fixture::new();
    let create = "POST /api/repos/create";
    let forbidden = fixture.refused(create, code(403, "You don't have the rights to create a model"));
    assert!(
        forbidden.contains("may not write there (You don't have the rights")
            && forbidden.contains("account of `o`"),
        "{forbidden}"
    );
    let nowhere = fixture.refused(create, status(404));
    assert!(nowhere.ends_with("404 Not Found: look at HF_ENDPOINT"), "{nowhere}");
    let meanwhile = fixture.refused("POST /commit/main", code(412, "A commit has happened since."));
    assert!(meanwhile.contains("pushed meanwhile (A commit has happened since.)"), "{meanwhile}");
    let unfit = fixture.refused("POST /commit/main", code(422, "\"license\" must be one of …"));
    assert!(unfit.contains("does not accept what was sent (\"license\" must be"), "{unfit}");
    let busy = fixture.refused("POST /commit/main", Fault::Status(429, vec![("Retry-After", "1".into())]));
    assert!(busy.contains("the hub limits requests, 429") && busy.contains("(5 tries)"), "{busy}");
}

#[test]
fn a_token_that_may_not_make_repositories_may_change_one() {
    let fixture = Fixture::new();
    fixture.push("o/m", &files()).unwrap();
    fixture.server.always("POST /api/repos/create", status(403));
    assert_eq!(fixture.push("o/m", &[bytes("new.txt", b"new")]).unwrap().changed, 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let fixture = Fixture::new();
    let gone = Upload { path: "a".into(), content: Content::File("/nowhere/a".into()) };
    let error = fixture.push("o/m", &[gone]).unwrap_err().to_string();
    assert_eq!(error, "cannot read /nowhere/a");
    let error = fixture.push("o/m", &[bytes("../a", b"")]).unwrap_err().to_string();
    assert!(error.contains("found `../a`"), "{error}");
}
