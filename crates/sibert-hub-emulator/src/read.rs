//! Answers to who reads: revisions, listings, files.

use serde_json::json;

use crate::http::Answer;
use crate::repo::{Files, Stored, place};
use crate::{State, git_sha1, sha256};

/// The answer to GET or HEAD; `who` is the value of the header `Authorization`.
pub fn answer(state: &State, url: &str, range: Option<&str>, who: Option<&str>) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (is_api, path) = path.strip_prefix("/api/").map_or((false, &path[1..]), |path| (true, path));
    let path = path.trim_start_matches("models/");
    let (repo, rest) = place(path).unwrap_or((path, ""));
    let known = state.repos.get(repo).filter(|found| !found.private || state.allows(who));
    let Some(found) = known else { return Answer::none("RepoNotFound") };
    let mut rest = rest.splitn(3, '/');
    let (what, revision, file) = (rest.next().unwrap(), rest.next().unwrap_or("main"), rest.next());
    let Some((commit, files)) = found.at(&revision.replace("%2F", "/")) else {
        return Answer::none("RevisionNotFound");
    };
    match (is_api, what) {
        (true, "revision" | "") => {
            let siblings: Vec<_> = files.keys().map(|path| json!({ "rfilename": path })).collect();
            let id = repo.trim_start_matches("datasets/");
            let private = found.private;
            Answer::document(
                &json!({ "id": id, "sha": commit, "private": private, "tags": [], "siblings": siblings }),
            )
        }
        (true, "tree") => listing(state, files, path, query),
        _ => match file.and_then(|path| files.get(path)) {
            Some(file) => content(file, commit, range),
            None => Answer::none("EntryNotFound"),
        },
    }
}

fn listing(state: &State, files: &Files, path: &str, query: &str) -> Answer {
    let entry = |(path, file): (&String, &Stored)| {
        let (oid, size) = (git_sha1(&file.bytes), file.bytes.len());
        let mut entry = json!({ "type": "file", "path": path, "oid": oid, "size": size });
        if file.large {
            entry["lfs"] = json!({ "oid": sha256(&file.bytes), "size": size, "pointerSize": 134 });
        }
        entry
    };
    let mut files: Vec<_> = files.iter().map(entry).collect();
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

fn content(file: &Stored, commit: &str, range: Option<&str>) -> Answer {
    let Stored { bytes, large } = file;
    let mut headers = vec![("X-Repo-Commit", commit.to_owned())];
    if *large {
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
