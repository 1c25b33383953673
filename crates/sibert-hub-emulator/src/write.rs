//! Answers to who changes something: repositories, branches, commits.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use crate::State;
use crate::http::{Answer, Request};
use crate::repo::{Files, Repo, Stored, place};

/// Larger files are always in the store of Git LFS.
const LARGEST_IN_GIT: u64 = 10 << 20;
/// Endings of the files that are in the store of Git LFS, as the hub's `.gitattributes` has them.
const LARGE: [&str; 7] = [".safetensors", ".bin", ".parquet", ".onnx", ".pt", ".gz", ".zip"];

impl State {
    /// Whether who asks may change things.
    pub fn allows(&self, who: Option<&str>) -> bool {
        self.token.as_ref().is_none_or(|token| who == Some(&format!("Bearer {token}")))
    }
}

/// The answer to POST or PUT; `who` is the value of the header `Authorization`.
pub fn answer(state: &mut State, request: &Request, who: Option<&str>) -> Answer {
    let path = request.url.split('?').next().unwrap_or_default();
    if path.starts_with("/lfs/") {
        return match request.method.as_str() {
            "PUT" => state.store.put(&request.url, &request.body),
            _ => state.store.complete(request),
        };
    }
    if !state.allows(who) {
        let why = if who.is_some() {
            "Invalid credentials in Authorization header"
        } else {
            "Invalid username or password."
        };
        return Answer::refusal(401, why);
    }
    match path {
        "/api/repos/create" => create(state, request),
        "/api/validate-yaml" => validate(request),
        _ => in_repository(state, request, path),
    }
}

/// A new repository.
fn create(state: &mut State, request: &Request) -> Answer {
    let asked = request.json();
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let id = format!("{}/{}", text("organization"), text("name"));
    let kind = if text("type") == "dataset" { "datasets/" } else { "" };
    let repo = format!("{kind}{id}");
    let url = format!("{}/{repo}", request.host());
    if state.repos.contains_key(&repo) {
        let body = json!({ "error": "You already created this model repo", "url": url });
        return Answer::new(409, Vec::new(), body.to_string().as_bytes());
    }
    let private = text("visibility") == "private" || asked["private"] == true;
    state.repos.insert(repo, Repo::new(private));
    Answer::document(&json!({ "url": url, "id": id, "name": id }))
}

/// Whether the metadata of a card can be read.
fn validate(request: &Request) -> Answer {
    let asked = request.json();
    let content = asked["content"].as_str().unwrap_or_default();
    let open = content.starts_with("---\n") && !content[4..].contains("\n---\n");
    let errors: Vec<Value> =
        open.then(|| json!({ "message": "the metadata has no end" })).into_iter().collect();
    let document = json!({ "errors": errors, "warnings": [] });
    let code = if errors.is_empty() { 200 } else { 400 };
    Answer::new(code, Vec::new(), document.to_string().as_bytes())
}

/// A change of a repository that is there.
fn in_repository(state: &mut State, request: &Request, path: &str) -> Answer {
    if let Some((repo, what)) = path[1..].split_once(".git/info/lfs/objects/") {
        return match what {
            _ if !state.repos.contains_key(repo) => Answer::none("RepoNotFound"),
            "batch" => state.store.batch(request, repo),
            _ => state.store.verify(request),
        };
    }
    let path = path.trim_start_matches("/api/").trim_start_matches("models/");
    let (repo, rest) = place(path).unwrap_or((path, ""));
    let Some(found) = state.repos.get_mut(repo) else { return Answer::none("RepoNotFound") };
    let (what, revision) = rest.split_once('/').unwrap_or((rest, "main"));
    let revision = revision.replace("%2F", "/");
    if what == "branch" {
        return branch(found, &revision);
    }
    if !found.branches.contains_key(&revision) {
        return Answer::none("RevisionNotFound");
    }
    match what {
        "preupload" => preupload(found, request, &revision),
        "commit" => match changed(state, request, repo, &revision) {
            Ok(files) => {
                let commit = state.repos.entry(repo.to_owned()).or_default().commit(&revision, files);
                let url = format!("{}/{repo}/commit/{commit}", request.host());
                Answer::document(
                    &json!({ "success": true, "commitOid": commit, "commitUrl": url, "hookOutput": "" }),
                )
            }
            Err(refusal) => refusal,
        },
        _ => Answer::none("NotFound"),
    }
}

/// A new branch, which begins where `main` is.
fn branch(repo: &mut Repo, name: &str) -> Answer {
    if repo.branches.contains_key(name) {
        return Answer::refusal(409, "Reference already exists");
    }
    let main = repo.branches["main"].clone();
    repo.branches.insert(name.to_owned(), main);
    Answer::document(&json!({}))
}

/// How each file is to be sent, and the digest of the one that is there.
fn preupload(repo: &Repo, request: &Request, revision: &str) -> Answer {
    let asked = request.json();
    let files = asked["files"].as_array().cloned().unwrap_or_default();
    let mode = |file: &Value| {
        let path = file["path"].as_str().unwrap_or_default();
        let sample = BASE64_STANDARD.decode(file["sample"].as_str().unwrap_or_default()).unwrap_or_default();
        // A sample may end in the middle of a character.
        let binary = std::str::from_utf8(&sample).is_err_and(|error| error.error_len().is_some());
        let large = LARGE.iter().any(|ending| path.ends_with(ending))
            || binary
            || file["size"].as_u64().is_some_and(|size| size > LARGEST_IN_GIT);
        let here = repo.at(revision).and_then(|(_, files)| files.get(path));
        let mode = if large { "lfs" } else { "regular" };
        json!({ "path": path, "uploadMode": mode, "shouldIgnore": false, "oid": here.map(Stored::oid) })
    };
    Answer::document(&json!({ "files": files.iter().map(mode).collect::<Vec<_>>() }))
}

/// The files of a branch after the changes of a commit, one a line.
fn changed(state: &State, request: &Request, repo: &str, revision: &str) -> Result<Files, Answer> {
    let (commit, files) = state.repos[repo].at(revision).unwrap();
    let mut files = files.clone();
    for line in request.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).map_err(|_| Answer::refusal(400, "not NDJSON"))?;
        let value = &line["value"];
        let path = value["path"].as_str().unwrap_or_default().to_owned();
        match line["key"].as_str() {
            Some("header") if value.get("parentCommit").is_some_and(|parent| parent != commit) => {
                let why = "A commit has happened since. Please refresh and try again.";
                return Err(Answer::refusal(412, why));
            }
            Some("header") => {}
            Some("file") => {
                let content = value["content"].as_str().unwrap_or_default();
                let bytes = BASE64_STANDARD.decode(content);
                let bytes = bytes.map_err(|_| Answer::refusal(400, "not base64"))?;
                files.insert(path, Stored { bytes, large: false });
            }
            Some("lfsFile") => {
                let oid = value["oid"].as_str().unwrap_or_default();
                let bytes = state.store.get(oid).cloned();
                let bytes = bytes.ok_or_else(|| {
                    Answer::refusal(400, "LFS pointer pointed to a file that does not exist")
                })?;
                files.insert(path, Stored { bytes, large: true });
            }
            Some("deletedFile") => drop(files.remove(&path)),
            _ => return Err(Answer::refusal(400, "an operation that is none")),
        }
    }
    Ok(files)
}
