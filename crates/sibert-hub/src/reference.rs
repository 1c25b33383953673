//! Names of repositories: `hf://datasets/OWNER/NAME@REVISION/PATH`, in the grammar of Python's `huggingface_hub`.

use std::borrow::Cow;
use std::fmt;

use anyhow::{Context, Result, anyhow, bail, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const SCHEME: &str = "hf://";
/// How addresses of the hub's pages begin, and what stands before a revision in them.
const PAGES: [&str; 3] = ["https://huggingface.co/", "http://huggingface.co/", "https://hf.co/"];
const VIEWS: [&str; 4] = ["tree", "blob", "resolve", "raw"];
/// The branch that every repository has.
pub const DEFAULT_REVISION: &str = "main";
const LONGEST_ID: usize = 96;
/// Signs that stand for themselves in a url.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The contents of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Weights, a configuration, a tokenizer.
    Model,
    /// Text.
    Dataset,
}

/// A repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepoRef {
    /// The kind of its contents.
    pub kind: Kind,
    /// `owner/name`, or the bare name of an old canonical repository such as `bert-base-uncased`.
    pub id: String,
    /// A branch, a tag or a commit; `main` by default.
    pub revision: String,
}

impl RepoRef {
    /// The model `OWNER/NAME[@REVISION]`; a bare `NAME` will do for the old canonical ones.
    ///
    /// # Errors
    /// If that is no name of a repository.
    pub fn model(text: &str) -> Result<Self> {
        let (repo, path) = split(Kind::Model, text).map_err(|why| anyhow!("{text}: {why}"))?;
        ensure!(path.is_none(), "{text}: expected OWNER/NAME[@REVISION], found a path behind it");
        Ok(repo)
    }

    /// Whether the revision is a whole commit, which never changes.
    pub fn is_pinned(&self) -> bool {
        is_commit(&self.revision)
    }

    /// The repository's path in urls of the hub's API.
    pub fn api_path(&self) -> String {
        let kind = if self.kind == Kind::Dataset { "datasets" } else { "models" };
        format!("api/{kind}/{}", self.id)
    }

    /// The revision as one segment of a url.
    pub fn url_revision(&self) -> String {
        utf8_percent_encode(&self.revision, ENCODED).to_string()
    }
}

impl fmt::Display for RepoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind == Kind::Dataset { "datasets/" } else { "" };
        write!(f, "{SCHEME}{kind}{}", self.id)?;
        if self.revision == DEFAULT_REVISION { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

/// Whether `text` is the whole name of a commit.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `text` is meant to name something on the hub: `hf://…`, or the address of its page.
pub fn is_hub_spec(text: &str) -> bool {
    text.starts_with(SCHEME) || PAGES.iter().any(|page| text.starts_with(page))
}

/// `hf://…` for the address of a page of the hub, as browsers show it; any other text as it is.
fn of_page(text: &str) -> Cow<'_, str> {
    let Some(body) = PAGES.iter().find_map(|page| text.strip_prefix(page)) else { return text.into() };
    let body = body.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = body.split('/').filter(|part| !part.is_empty()).collect();
    let view = parts.iter().position(|part| VIEWS.contains(part)).filter(|&at| at > 0);
    let spec = match view {
        Some(at) if at + 1 < parts.len() => {
            let path = parts[at + 2..].iter().map(|part| format!("/{part}")).collect::<String>();
            format!("{}@{}{path}", parts[..at].join("/"), parts[at + 1])
        }
        Some(at) => parts[..at].join("/"),
        None => parts.join("/"),
    };
    format!("{SCHEME}{spec}").into()
}

/// A path of the repository as part of a url.
pub fn url_path(path: &str) -> String {
    path.split('/').map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect::<Vec<_>>().join("/")
}

/// Refuses a path that could leave the folder of its repository.
///
/// # Errors
/// If it is empty, absolute, or has an empty, `.` or `..` part.
pub fn check_path(path: &str) -> Result<()> {
    let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    ensure!(path.split('/').all(fits), "expected a path such as data/train.parquet, found `{path}`");
    Ok(())
}

/// The repository that `spec` names, and the path or pattern behind it.
///
/// A revision with a slash is written with `%2F`, except `refs/convert/NAME` and `refs/pr/NUMBER`.
///
/// # Errors
/// If it is no `hf://datasets/OWNER/NAME[@REVISION][/PATH]` or `hf://OWNER/NAME[@REVISION][/PATH]`.
pub fn parse(spec: &str) -> Result<(RepoRef, Option<String>)> {
    let read = || {
        let spec = of_page(spec);
        let body = spec.strip_prefix(SCHEME).context("expected hf:// in front")?;
        let (kind, location) = kind(body)?;
        split(kind, location)
    };
    read().map_err(|why| {
        anyhow!(
            "{spec}: {why}: a dataset is hf://datasets/OWNER/NAME[@REVISION][/PATH], \
             a model hf://OWNER/NAME[@REVISION][/PATH]"
        )
    })
}

/// Takes the kind off the front.
fn kind(body: &str) -> Result<(Kind, &str)> {
    let (first, rest) = body.split_once('/').unwrap_or((body, ""));
    match first {
        "datasets" => Ok((Kind::Dataset, rest)),
        "models" => Ok((Kind::Model, rest)),
        "dataset" | "model" => bail!("did you mean {SCHEME}{first}s/{rest}?"),
        "spaces" | "kernels" | "buckets" => bail!("only datasets and models can be read, not {first}"),
        _ => Ok((Kind::Model, body)),
    }
}

/// `ID[@REVISION][/PATH]`, where an `@` further back belongs to the path.
fn split(kind: Kind, location: &str) -> Result<(RepoRef, Option<String>)> {
    let location = location.trim_matches('/');
    let (id, revision, path) = match location.split_once('@') {
        Some((id, rest)) if id.matches('/').count() <= 1 => {
            let (revision, path) = split_revision(rest);
            let decoded = percent_decode_str(revision).decode_utf8();
            (id, decoded.context("the revision is not UTF-8")?.into_owned(), path)
        }
        _ => {
            let end = location.match_indices('/').nth(1).map_or(location.len(), |(at, _)| at);
            (&location[..end], DEFAULT_REVISION.to_owned(), location.get(end + 1..).unwrap_or_default())
        }
    };
    check_id(id)?;
    check_revision(&revision)?;
    let path = (!path.is_empty()).then(|| path.to_owned());
    path.as_deref().map(check_path).transpose()?;
    Ok((RepoRef { kind, id: id.to_owned(), revision }, path))
}

/// Parts `REVISION/PATH` at its first slash, or behind one of the two revisions known to have slashes.
fn split_revision(text: &str) -> (&str, &str) {
    let part = |at: usize| (&text[..at], text[at..].trim_start_matches('/'));
    for (prefix, is_name) in
        [("refs/convert/", is_name_letter as fn(char) -> bool), ("refs/pr/", |c| c.is_ascii_digit())]
    {
        let Some(rest) = text.strip_prefix(prefix) else { continue };
        let length = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        if length > 0 && matches!(rest[length..].chars().next(), None | Some('/')) {
            return part(prefix.len() + length);
        }
    }
    part(text.find('/').unwrap_or(text.len()))
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

fn check_id(id: &str) -> Result<()> {
    ensure!(!id.is_empty(), "the name of the repository is missing");
    let fits = |part: &str| {
        let ends = |letter: char| matches!(letter, '-' | '.');
        !part.is_empty()
            && part.chars().all(is_name_letter)
            && !part.starts_with(ends)
            && !part.ends_with(ends)
    };
    let is_id = id.len() <= LONGEST_ID
        && id.matches('/').count() <= 1
        && id.split('/').all(fits)
        && !id.contains("--")
        && !id.contains("..")
        && !id.ends_with(".git");
    ensure!(is_id, "`{id}` cannot be the name of a repository");
    Ok(())
}

fn check_revision(revision: &str) -> Result<()> {
    ensure!(!revision.is_empty(), "the revision behind @ is missing");
    let forbidden = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let is_ref = !revision.contains(forbidden)
        && revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(".."));
    ensure!(is_ref, "`{revision}` cannot be a revision: expected a branch, a tag or a commit");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parts(spec: &str) -> (Kind, String, String, String) {
        let (repo, path) = parse(spec).unwrap();
        (repo.kind, repo.id, repo.revision, path.unwrap_or_default())
    }

    #[test]
    fn specs_are_read_as_python_reads_them() {
        use Kind::{Dataset, Model};
        // Expected values: huggingface_hub 2.4.0, parse_hf_uri; the bare names, which it no longer takes, are ours.
        for (spec, kind, id, revision, path) in [
            ("hf://org/name", Model, "org/name", "main", ""),
            ("hf://models/org/name/", Model, "org/name", "main", ""),
            ("hf://org/name/config.json", Model, "org/name", "main", "config.json"),
            ("hf://org/name@v1/a/b.json", Model, "org/name", "v1", "a/b.json"),
            ("hf://datasets/org/name", Dataset, "org/name", "main", ""),
            ("hf://datasets/org/name@v1", Dataset, "org/name", "v1", ""),
            ("hf://datasets/org/name/**/*.parquet", Dataset, "org/name", "main", "**/*.parquet"),
            (
                "hf://datasets/o/n@refs/convert/parquet/x/0.parquet",
                Dataset,
                "o/n",
                "refs/convert/parquet",
                "x/0.parquet",
            ),
            ("hf://datasets/o/n@refs%2Fconvert%2Fparquet/x", Dataset, "o/n", "refs/convert/parquet", "x"),
            ("hf://datasets/o/n@refs/pr/10", Dataset, "o/n", "refs/pr/10", ""),
            ("hf://datasets/o/n@refs/pr/10/a.txt", Dataset, "o/n", "refs/pr/10", "a.txt"),
            ("hf://datasets/o/n@refs/heads/main", Dataset, "o/n", "refs", "heads/main"),
            ("hf://datasets/o/n@a%2Fb/c", Dataset, "o/n", "a/b", "c"),
            ("hf://datasets/o/n/mail@home.txt", Dataset, "o/n", "main", "mail@home.txt"),
            ("hf://bert-base-uncased", Model, "bert-base-uncased", "main", ""),
            ("hf://bert-base-uncased@v1/vocab.txt", Model, "bert-base-uncased", "v1", "vocab.txt"),
        ] {
            assert_eq!(parts(spec), (kind, id.into(), revision.into(), path.into()), "{spec}");
        }
    }

    #[test]
    fn the_address_of_a_page_names_its_repository() {
        let pages = [
            ("https://huggingface.co/org/name", "hf://org/name"),
            ("https://huggingface.co/org/name/", "hf://org/name"),
            ("https://huggingface.co/bert-base-uncased/tree/main", "hf://bert-base-uncased@main"),
            ("https://hf.co/org/name/tree/v1/sub", "hf://org/name@v1/sub"),
            (
                "https://huggingface.co/org/name/blob/main/vocab.txt?download=true",
                "hf://org/name@main/vocab.txt",
            ),
            (
                "https://huggingface.co/datasets/org/name/tree/refs%2Fpr%2F1",
                "hf://datasets/org/name@refs%2Fpr%2F1",
            ),
        ];
        for (page, spec) in pages {
            assert!(is_hub_spec(page));
            assert_eq!(parse(page).unwrap(), parse(spec).unwrap(), "{page}");
        }
        assert!(!is_hub_spec("https://example.org/org/name"));
    }

    #[test]
    fn specs_that_name_nothing_are_refused_with_the_reason() {
        for (spec, reason) in [
            ("datasets/o/n", "expected hf:// in front"),
            ("hf://", "the name of the repository is missing"),
            ("hf://datasets", "the name of the repository is missing"),
            ("hf://dataset/o/n", "did you mean hf://datasets/o/n?"),
            ("hf://spaces/o/n", "only datasets and models"),
            ("hf://o/n@", "the revision behind @ is missing"),
            ("hf://o/n@/x", "the revision behind @ is missing"),
            ("hf://o/n@..%2F..%2Fx", "cannot be a revision"),
            ("hf://o/n@a*", "cannot be a revision"),
            ("hf://../x", "cannot be the name of a repository"),
            ("hf://o/*", "cannot be the name of a repository"),
            ("hf://o/n.git", "cannot be the name of a repository"),
            ("hf://o/n/../x", "expected a path such as"),
            ("hf://o/n/a//b", "expected a path such as"),
        ] {
            let error = parse(spec).unwrap_err().to_string();
            assert!(error.contains(reason), "{spec}: {error}");
            assert!(error.starts_with(spec) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn model_names_need_no_scheme() {
        let repo = RepoRef::model("bert-base-uncased").unwrap();
        assert_eq!((repo.id.as_str(), repo.revision.as_str()), ("bert-base-uncased", "main"));
        let repo = RepoRef::model("org/name@refs/pr/3").unwrap();
        assert_eq!((repo.id.as_str(), repo.url_revision().as_str()), ("org/name", "refs%2Fpr%2F3"));
        assert!(RepoRef::model("org/name/file").unwrap_err().to_string().contains("a path behind it"));
        assert!(RepoRef::model("./folder").unwrap_err().to_string().contains("cannot be the name"));
    }

    #[test]
    fn a_reference_prints_as_it_is_written() {
        for spec in ["hf://datasets/o/n@v1", "hf://o/n", "hf://datasets/o/n@refs/convert/parquet"] {
            assert_eq!(parse(spec).unwrap().0.to_string(), spec);
        }
    }

    #[test]
    fn urls_keep_slashes_of_paths_and_encode_the_rest() {
        assert_eq!(url_path("a b/c#d/é.txt"), "a%20b/c%23d/%C3%A9.txt");
    }
}
