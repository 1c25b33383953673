#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;
use std::time::Duration;

use sibert_hub_emulator::{COMMIT, Fault, Server, error, git_sha1, sha256, status};
use tempfile::TempDir;

use super::*;

const TEXT: &[u8] = b"one two three\n";
const LARGE: &[u8] = b"PAR1 pretend to be large PAR1";

struct Fixture {
    server: Server,
    home: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start(&[
            ("datasets/o/n/README.md", TEXT),
            ("datasets/o/n/data/train-0.parquet", LARGE),
            ("datasets/o/n/data/train 1.parquet", b"other"),
            ("o/m/config.json", b"{}"),
            ("o/m/empty.txt", b""),
        ]);
        Self { server, home: tempfile::tempdir().unwrap() }
    }

    fn hub(&self) -> Hub {
        self.hub_with(|_| {})
    }

    fn hub_with(&self, change: impl FnOnce(&mut Settings)) -> Hub {
        let mut settings = Settings::of(&self.server.url(), self.home.path()).unwrap();
        (settings.first_wait, settings.longest_asked) = (Duration::from_millis(1), Duration::from_millis(20));
        change(&mut settings);
        Hub::new(settings, |_| {}).unwrap()
    }

    fn offline(&self) -> Hub {
        self.hub_with(|settings| settings.offline = true)
    }

    /// A hub at an address where nobody listens.
    fn unreachable(&self) -> Hub {
        self.hub_with(|settings| settings.endpoint = "http://127.0.0.1:1".into())
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("hub/datasets--o--n")
    }

    /// The names of the blobs in the cache, unfinished ones included.
    fn blobs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join("blobs")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn repo(spec: &str) -> RepoRef {
    parse(spec).unwrap().0
}

fn dataset() -> RepoRef {
    repo("hf://datasets/o/n")
}

fn gets(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("GET") && line.contains("/resolve/")).count()
}

const README: &str = "GET /README.md";
const TRAIN: &str = "GET /train-0.parquet";
const TRAIN_PATH: &str = "data/train-0.parquet";

#[test]
fn a_file_is_downloaded_once_into_the_layout_of_python() {
    let fixture = Fixture::new();
    let hub = fixture.hub();
    let path = hub.fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(fs::read(&path).unwrap(), LARGE);
    assert_eq!(path, fixture.folder().join("snapshots").join(COMMIT).join(TRAIN_PATH));
    let target = Path::new("../../../blobs").join(sha256(LARGE));
    assert_eq!(fs::read_link(&path).unwrap(), target);
    assert_eq!(fs::read_to_string(fixture.folder().join("refs/main")).unwrap(), COMMIT);
    let pinned = format!("/datasets/o/n/resolve/{COMMIT}/data/train-0.parquet");
    assert_eq!(
        fixture.server.lines(),
        ["GET /api/datasets/o/n/revision/main".to_owned(), format!("HEAD {pinned}"), format!("GET {pinned}"),]
    );
    assert_eq!(hub.fetch(&dataset(), TRAIN_PATH).unwrap(), path);
    assert_eq!(fixture.server.lines(), [""; 0]);
    assert_eq!(fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap(), path);
    assert_eq!(fixture.server.lines(), ["GET /api/datasets/o/n/revision/main"]);
}

#[test]
fn small_and_empty_files_and_names_with_spaces_arrive() {
    let fixture = Fixture::new();
    let hub = fixture.hub();
    let readme = hub.fetch(&dataset(), "README.md").unwrap();
    assert_eq!(fs::read_link(readme).unwrap(), Path::new("../../blobs").join(git_sha1(TEXT)));
    assert_eq!(fs::read(hub.fetch(&dataset(), "data/train 1.parquet").unwrap()).unwrap(), b"other");
    let model = RepoRef::model("o/m").unwrap();
    assert_eq!(fs::read(hub.fetch(&model, "empty.txt").unwrap()).unwrap(), b"");
    assert_eq!(fs::read(hub.fetch(&model, "config.json").unwrap()).unwrap(), b"{}");
    assert!(hub.fetch(&dataset(), "data").unwrap_err().to_string().contains("there is no file `data`"));
}

#[test]
fn a_whole_commit_that_is_cached_asks_nobody() {
    let fixture = Fixture::new();
    let pinned = repo(&format!("hf://datasets/o/n@{COMMIT}"));
    let path = fixture.hub().fetch(&pinned, "README.md").unwrap();
    fixture.server.asked();
    assert_eq!(fixture.hub().commit(&pinned).unwrap(), COMMIT);
    assert_eq!(fixture.hub().fetch(&pinned, "README.md").unwrap(), path);
    assert_eq!(fixture.server.lines(), [""; 0]);
    assert!(!fixture.folder().join("refs").exists());
}

#[test]
fn branches_stand_for_their_commit_and_slashes_are_encoded() {
    let fixture = Fixture::new();
    let converted = repo("hf://datasets/o/n@refs/convert/parquet");
    assert_eq!(fixture.hub().commit(&converted).unwrap(), COMMIT);
    assert_eq!(fixture.server.lines(), ["GET /api/datasets/o/n/revision/refs%2Fconvert%2Fparquet"]);
    fixture.hub().fetch(&converted, "README.md").unwrap();
    assert_eq!(fixture.offline().commit(&converted).unwrap(), COMMIT);
}

#[test]
fn files_are_listed_in_order_over_all_pages_and_kept() {
    let fixture = Fixture::new();
    fixture.server.list_in_pages();
    let expected = ["README.md", "data/train 1.parquet", "data/train-0.parquet"];
    assert_eq!(fixture.hub().files(&dataset()).unwrap(), expected);
    assert_eq!(fixture.server.lines().len(), 5);
    assert_eq!(fixture.hub().files(&dataset()).unwrap(), expected);
    assert_eq!(fixture.server.lines(), ["GET /api/datasets/o/n/revision/main"]);
}

#[test]
fn missing_things_are_told_apart() {
    let fixture = Fixture::new();
    let said = |spec: &str, path: &str| fixture.hub().fetch(&repo(spec), path).unwrap_err().to_string();
    let found = said("hf://datasets/o/x", "a");
    assert!(found.contains("no dataset `o/x`") && found.contains("set HF_TOKEN"), "{found}");
    assert!(said("hf://o/n", "a").contains("a dataset is written hf://datasets/o/n"));
    assert_eq!(said("hf://datasets/o/n@v9", "a"), "hf://datasets/o/n@v9: there is no revision `v9`");
    let near = said("hf://datasets/o/n@v1", "data/train_0.parquet");
    assert_eq!(
        near,
        "hf://datasets/o/n@v1: there is no file `data/train_0.parquet`, did you mean `data/train-0.parquet`?"
    );
    assert!(said("hf://datasets/o/n", "../../x").contains("expected a path such as"));
}

#[test]
fn refusals_are_not_repeated_and_leave_nothing() {
    for (code, name) in [(401, "GatedRepo"), (403, ""), (403, "GatedRepo")] {
        for method in ["HEAD", "GET"] {
            let fixture = Fixture::new();
            fixture.server.always(&format!("{method} /README.md"), error(code, name));
            let said = fixture.hub().fetch(&dataset(), "README.md").unwrap_err().to_string();
            assert!(said.contains("in the browser at") && said.contains("set HF_TOKEN"), "{said}");
            let of_method = |line: &&String| line.starts_with(method) && line.contains("/resolve/");
            assert_eq!(fixture.server.lines().iter().filter(of_method).count(), 1);
            assert!(!fixture.folder().join("snapshots").exists());
        }
    }
}

#[test]
fn faults_that_pass_are_waited_out() {
    let wait = Fault::Status(429, vec![("Retry-After", "3600".into())]);
    for faults in [vec![wait], vec![status(503), status(500)], vec![status(504); 4]] {
        for request in [README, "HEAD /README.md", "GET /revision/main"] {
            let fixture = Fixture::new();
            fixture.server.then(request, &faults);
            let path = fixture.hub().fetch(&dataset(), "README.md").unwrap();
            assert_eq!(fs::read(path).unwrap(), TEXT);
            assert_eq!(fixture.server.lines().len(), 3 + faults.len());
        }
    }
}

#[test]
fn faults_that_last_end_in_an_error_with_the_status() {
    for request in [README, "HEAD /README.md", "GET /revision/main"] {
        let fixture = Fixture::new();
        fixture.server.always(request, status(503));
        let said = fixture.hub().fetch(&dataset(), "README.md").unwrap_err().to_string();
        assert!(said.contains("503 Service Unavailable (5 tries)"), "{said}");
        assert!(fixture.hub().cached(&dataset(), "README.md").unwrap().is_none());
    }
}

#[test]
fn a_body_cut_short_is_gone_on_with() {
    let fixture = Fixture::new();
    fixture.server.then(TRAIN, &[Fault::Cut(4), Fault::Cut(3)]);
    let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(fs::read(path).unwrap(), LARGE);
    let ranges: Vec<_> = fixture.server.asked().into_iter().filter_map(|asked| asked.range).collect();
    assert_eq!(ranges, ["bytes=4-", "bytes=7-"]);
}

#[test]
fn a_download_that_was_stopped_is_gone_on_with_by_the_next_process() {
    let fixture = Fixture::new();
    fixture.server.then(TRAIN, &[Fault::Cut(6), status(403)]);
    fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap_err();
    assert_eq!(fixture.blobs(), [format!("{}.incomplete", sha256(LARGE))]);
    fixture.server.asked();
    let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(fs::read(path).unwrap(), LARGE);
    assert!(fixture.server.asked().iter().any(|asked| asked.range.as_deref() == Some("bytes=6-")));
    assert_eq!(fixture.blobs(), [sha256(LARGE)]);
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let fixture = Fixture::new();
    fixture.server.then(TRAIN, &[Fault::Cut(4), Fault::Whole(LARGE.len())]);
    let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(fs::read(path).unwrap(), LARGE);
}

#[test]
fn a_body_that_is_always_cut_short_is_an_error() {
    let fixture = Fixture::new();
    fixture.server.always(TRAIN, Fault::Whole(4));
    let said = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    assert!(said.contains("cut short after 4 of 29 bytes") && said.contains("(5 tries)"), "{said}");
    assert_eq!(gets(&fixture.server.lines()), 5);
    assert!(!fixture.folder().join("blobs").join(sha256(LARGE)).exists());
}

#[test]
fn other_bytes_than_announced_are_fetched_once_more() {
    let same_length: &[u8] = b"PAR1 pretend to be lArge PAR1";
    for wrong in [same_length, b"<html>try later, please wait now</html>", b""] {
        let fixture = Fixture::new();
        let name = format!("{wrong:?}");
        fixture.server.then(TRAIN, &[Fault::Other(wrong)]);
        let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
        assert_eq!(fs::read(path).unwrap(), LARGE, "{name}");
        assert_eq!(fixture.blobs(), [sha256(LARGE)]);
    }
}

#[test]
fn other_bytes_than_announced_for_ever_are_an_error_and_not_kept() {
    let fixture = Fixture::new();
    let wrong = b"PAR1 pretend to be lArge PAR1";
    fixture.server.always(TRAIN, Fault::Other(wrong));
    let said = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    let digests = format!("expected sha256 {}, found {}", sha256(LARGE), sha256(wrong));
    assert!(said.contains(&digests) && said.contains(&fixture.server.url()), "{said}");
    assert_eq!(gets(&fixture.server.lines()), 2);
    assert_eq!(fixture.blobs(), [""; 0]);
    assert!(!fixture.folder().join("snapshots").exists());
}

#[test]
fn a_page_of_something_else_is_no_hub() {
    let fixture = Fixture::new();
    fixture.server.always("HEAD /README.md", Fault::Status(200, Vec::new()));
    let said = fixture.hub().fetch(&dataset(), "README.md").unwrap_err().to_string();
    assert!(said.contains("no ETag") && said.contains("HF_ENDPOINT"), "{said}");
    fixture.server.always("GET /revision/main", Fault::Status(200, Vec::new()));
    let said = fixture.hub().commit(&dataset()).unwrap_err().to_string();
    assert!(said.contains("not what a Hugging Face hub answers"), "{said}");
}

#[test]
fn damage_in_the_cache_is_found_and_mended() {
    let fixture = Fixture::new();
    let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    let hub = fixture.hub();
    for damage in [&b"PAR1 pretend to be lArge PAR1"[..], b"<html>you may not</html>", b""] {
        fs::write(&path, damage).unwrap();
        assert!(fixture.hub().cached(&dataset(), TRAIN_PATH).unwrap().is_none());
        let said = fixture.offline().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
        assert!(said.contains("damaged; unset HF_HUB_OFFLINE"), "{said}");
        assert_eq!(fs::read(hub.fetch(&dataset(), TRAIN_PATH).unwrap()).unwrap(), LARGE);
    }
}

#[test]
fn a_new_commit_takes_the_bytes_it_shares_with_the_old_one() {
    let fixture = Fixture::new();
    let old = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    let older = fixture.folder().join("snapshots").join("f".repeat(40));
    fs::rename(old.parent().unwrap().parent().unwrap(), older).unwrap();
    fixture.server.asked();
    fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(gets(&fixture.server.lines()), 0);
}

#[test]
fn offline_asks_nobody() {
    let fixture = Fixture::new();
    let hub = fixture.hub();
    let path = hub.fetch(&dataset(), TRAIN_PATH).unwrap();
    fixture.server.asked();
    let offline = fixture.offline();
    assert_eq!(offline.commit(&dataset()).unwrap(), COMMIT);
    assert_eq!(offline.fetch(&dataset(), TRAIN_PATH).unwrap(), path);
    assert_eq!(offline.files(&dataset()).unwrap(), [TRAIN_PATH]);
    let miss = offline.fetch(&dataset(), "README.md").unwrap_err().to_string();
    assert!(miss.contains("HF_HUB_OFFLINE is set and `README.md` is not in the cache"), "{miss}");
    let miss = offline.files(&repo("hf://datasets/o/x")).unwrap_err().to_string();
    assert!(miss.contains("revision `main` is not in the cache"), "{miss}");
    assert_eq!(fixture.server.lines(), [""; 0]);
}

#[test]
fn offline_a_listing_is_whole_although_the_cache_is_not() {
    let fixture = Fixture::new();
    let hub = fixture.hub();
    let files = hub.files(&dataset()).unwrap();
    hub.fetch(&dataset(), "README.md").unwrap();
    assert_eq!(fixture.offline().files(&dataset()).unwrap(), files);
}

#[test]
fn the_cache_stands_in_for_a_hub_that_is_down() {
    let fixture = Fixture::new();
    let down = fixture.unreachable();
    let said = down.fetch(&dataset(), "README.md").unwrap_err().to_string();
    assert!(said.contains("onnection refused") && said.contains("(5 tries)"), "{said}");
    let path = fixture.hub().fetch(&dataset(), "README.md").unwrap();
    assert_eq!(fixture.unreachable().fetch(&dataset(), "README.md").unwrap(), path);
    assert_eq!(fixture.unreachable().files(&dataset()).unwrap(), ["README.md"]);
    fixture.server.always("GET /revision/main", status(503));
    assert_eq!(fixture.hub().fetch(&dataset(), "README.md").unwrap(), path);
    fixture.server.always("GET /revision/main", error(404, "RepoNotFound"));
    assert!(fixture.hub().fetch(&dataset(), "README.md").is_err());
    let said = fixture.unreachable().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    assert!(said.ends_with("(5 tries), and the cache does not have `data/train-0.parquet`"), "{said}");
}

#[test]
fn a_silent_hub_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fixture = Fixture::new();
    let hub = fixture.hub_with(|settings| {
        settings.endpoint = format!("http://{}", listener.local_addr().unwrap());
        settings.timeout = std::time::Duration::from_millis(30);
        settings.tries = 2;
    });
    let said = hub.commit(&dataset()).unwrap_err().to_string();
    assert!(said.contains("timeout") && said.contains("(2 tries)"), "{said}");
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let fixture = Fixture::new();
    let store = Fixture::new().server;
    let elsewhere = format!("{}/datasets/o/n/resolve/{COMMIT}/{TRAIN_PATH}", store.url());
    let headers = [("X-Linked-Etag", format!("\"{}\"", sha256(LARGE))), ("X-Linked-Size", "29".into())];
    let mut redirect = headers.to_vec();
    redirect.push(("Location", elsewhere));
    fixture.server.always("HEAD /train-0.parquet", Fault::Status(302, redirect.clone()));
    fixture.server.always(TRAIN, Fault::Status(302, redirect));
    let hub = fixture.hub_with(|settings| settings.token = Some("hf_secret".into()));
    assert_eq!(fs::read(hub.fetch(&dataset(), TRAIN_PATH).unwrap()).unwrap(), LARGE);
    let asked = fixture.server.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|asked| asked.authorization.as_deref() == Some("Bearer hf_secret")));
    let asked = store.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].authorization, None);
}

#[test]
fn redirects_within_the_hub_are_followed_with_the_token() {
    let fixture = Fixture::new();
    let location = format!("/datasets/o/n/resolve/{COMMIT}/README.md");
    fixture.server.always("HEAD /old/README.md", Fault::Status(307, vec![("Location", location.clone())]));
    fixture.server.always("GET /old/README.md", Fault::Status(307, vec![("Location", location)]));
    let hub = fixture.hub_with(|settings| settings.token = Some("hf_secret".into()));
    assert_eq!(fs::read(hub.fetch(&dataset(), "old/README.md").unwrap()).unwrap(), TEXT);
    assert!(fixture.server.asked().iter().all(|asked| asked.authorization.is_some()));
}

#[test]
fn many_at_once_download_a_file_once() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        let fetch = || fs::read(fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap()).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(fetch)).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), LARGE));
    });
    assert_eq!(gets(&fixture.server.lines()), 1);
    assert_eq!(fixture.blobs(), [sha256(LARGE)]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named_with_the_way_out() {
    let fixture = Fixture::new();
    fs::write(fixture.home.path().join("hub"), "a file where a folder should be").unwrap();
    let said = fixture.hub().fetch(&dataset(), "README.md").unwrap_err().to_string();
    assert!(said.contains("hub/datasets--o--n") && said.contains("HF_HOME"), "{said}");
}

#[test]
fn a_cache_that_can_only_be_read_serves() {
    let fixture = Fixture::new();
    let path = fixture.hub().fetch(&dataset(), "README.md").unwrap();
    fs::remove_dir_all(fixture.home.path().join("hub/.locks")).unwrap();
    fs::write(fixture.home.path().join("hub/.locks"), "in the way of every writer").unwrap();
    assert_eq!(fixture.hub().fetch(&dataset(), "README.md").unwrap(), path);
}

#[test]
fn a_listing_in_a_circle_ends() {
    let fixture = Fixture::new();
    let next = format!("</api/datasets/o/n/tree/{COMMIT}?recursive=true>; rel=\"next\"");
    fixture.server.always("GET ?recursive=true", Fault::Headers(vec![("Link", next)]));
    let said = fixture.hub().files(&dataset()).unwrap_err().to_string();
    assert!(said.contains("the pages of the listing lead in a circle"), "{said}");
    assert!(fixture.server.lines().len() < 5);
}

#[test]
fn a_body_longer_than_announced_is_cut_and_refused() {
    let fixture = Fixture::new();
    fixture.server.always(TRAIN, Fault::Other(&[b'x'; 5000]));
    let said = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    assert!(said.contains("expected 29 bytes, found 30"), "{said}");
    assert_eq!(fixture.blobs(), [""; 0]);
}

#[test]
fn a_range_that_the_hub_does_not_have_begins_anew() {
    let fixture = Fixture::new();
    fixture.server.then(TRAIN, &[Fault::Cut(4), status(416)]);
    let path = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap();
    assert_eq!(fs::read(path).unwrap(), LARGE);
    let ranges: Vec<_> = fixture.server.asked().into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges[ranges.len() - 2..], [Some("bytes=4-".to_owned()), None]);
}

#[test]
fn a_file_that_is_not_the_one_of_the_listing_is_refused() {
    let fixture = Fixture::new();
    fixture.hub().files(&dataset()).unwrap();
    let listing = fixture.folder().join("trees").join(format!("{COMMIT}.json"));
    let other = fs::read_to_string(&listing).unwrap().replace(&sha256(LARGE), &sha256(b"other"));
    fs::write(&listing, other).unwrap();
    let said = fixture.hub().fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    let expected = format!("the listing says: expected sha256 {}, found {}", sha256(b"other"), sha256(LARGE));
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_password_in_the_address_is_sent_and_never_shown() {
    let fixture = Fixture::new();
    let hub = fixture.hub_with(|settings| settings.password = Some("me:secret".to_owned()));
    fixture.server.always(TRAIN, status(403));
    let said = hub.fetch(&dataset(), TRAIN_PATH).unwrap_err().to_string();
    assert!(said.contains("403") && !said.contains("secret"), "{said}");
    assert!(
        fixture
            .server
            .asked()
            .iter()
            .all(|asked| asked.authorization.as_deref() == Some("Basic bWU6c2VjcmV0"))
    );
}

#[test]
fn without_links_the_cache_holds_the_file_itself() {
    let fixture = Fixture::new();
    let path = fixture.hub_with(|settings| settings.links = false).fetch(&dataset(), TRAIN_PATH).unwrap();
    assert!(!path.is_symlink());
    assert_eq!(fs::read(&path).unwrap(), LARGE);
    fixture.server.asked();
    assert_eq!(fixture.offline().fetch(&dataset(), TRAIN_PATH).unwrap(), path);
    assert!(fixture.server.asked().is_empty());
}
