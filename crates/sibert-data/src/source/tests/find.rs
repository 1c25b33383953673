//! Which files a spec means.

use super::*;

fn names(folder: &TempDir, spec: &str) -> Vec<String> {
    let root = folder.path().canonicalize().unwrap();
    let sources = resolve(&[format!("{}/{spec}", root.display())]).unwrap();
    assert_eq!(sources[0].name, format!("{}/{spec}", root.display()));
    let relative = |file: &InputFile| path_of(file).strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    sources[0].files.iter().map(relative).collect()
}

fn refused(folder: &TempDir, spec: &str) -> String {
    let root = folder.path().display().to_string();
    format!("{:#}", resolve(&[format!("{root}/{spec}")]).unwrap_err()).replace(&root, "@")
}

fn corpus() -> TempDir {
    folder(&[
        ("b.text", b"b"),
        ("a/z.TXT", b"a"),
        ("c.txt", b"c"),
        ("d.jsonl", b""),
        ("e.json.gz", &gzip(b"")),
        ("f.ndjson.zst", &zstd(b"")),
        ("g.md", b"g"),
        ("dataset_info.json", b"{\n}"),
        (".hidden.txt", b"hidden"),
        (".git/x.txt", b"hidden"),
        ("h.bin", b"\xff"),
        ("README", b"readme"),
    ])
}

#[test]
fn folders_are_walked_in_order_and_hidden_files_skipped() {
    let corpus = corpus();
    assert_eq!(names(&corpus, ""), ["a/z.TXT", "b.text", "c.txt", "d.jsonl", "e.json.gz", "f.ndjson.zst"]);
    assert_eq!(names(&corpus, "README"), ["README"]);
    assert_eq!(names(&corpus, ".git"), [".git/x.txt"]);
}

#[test]
fn globs_match_files_in_order_and_hidden_ones_are_skipped() {
    let corpus = corpus();
    assert_eq!(names(&corpus, "*.t*xt"), ["b.text", "c.txt"]);
    assert_eq!(names(&corpus, "**/*.[tT]*"), ["a/z.TXT", "b.text", "c.txt"]);
    assert_eq!(names(&corpus, "?.md"), ["g.md"]);
    assert_eq!(names(&corpus, ".git/*"), [".git/x.txt"]);
    let message = refused(&corpus, "*.none");
    assert_starts(&message, "@/*.none: no file matches; folders are searched only by");
    assert_starts(&refused(&corpus, "a*"), "@/a*: no file matches");
    assert_eq!(
        refused(&corpus, "[x"),
        "@/[x: not a pattern: invalid range pattern at character ".to_owned()
            + &{ (corpus.path().display().to_string().len() + 2).to_string() }
    );
}

#[test]
fn a_path_with_the_characters_of_a_glob_is_that_path() {
    let folder = folder(&[("a[1].txt", b"one"), ("a1.txt", b"two"), ("b*/x.txt", b"three")]);
    assert_eq!(names(&folder, "a[1].txt"), ["a[1].txt"]);
    assert_eq!(names(&folder, "a[1-2].txt"), ["a1.txt"]);
    assert_eq!(names(&folder, "b*"), ["b*/x.txt"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let folder = folder(&[("a.txt", b"a"), ("b/c.txt", b"c")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
    assert_eq!(names(&folder, ""), ["a.txt", "b/c.txt"]);
    assert_eq!(names(&folder, "**/*.txt"), ["a.txt", "b/c.txt"]);
}

#[cfg(unix)]
#[test]
fn two_links_to_the_folder_itself_are_not_followed_for_ever() {
    let folder = folder(&[("a.txt", b"a"), ("b/c.txt", b"c")]);
    for link in ["b/one", "b/two", "one", "two"] {
        std::os::unix::fs::symlink(folder.path(), folder.path().join(link)).unwrap();
    }
    assert_eq!(names(&folder, ""), ["a.txt", "b/c.txt"]);
    assert_eq!(names(&folder, "**/*.txt"), ["a.txt", "b/c.txt"]);
    assert_eq!(names(&folder, "**/**/c.txt"), ["b/c.txt"]);
    assert_eq!(names(&folder, "**/t*/**/*.txt"), ["b/two/a.txt", "b/two/b/c.txt"]);
}

#[test]
fn any_pattern_matches_what_the_library_matches() {
    let files = ["a/b/c.txt", "a/b/d/e.txt", "a/c.txt", "b/a/b/c.text", "c.txt", "d/a[1].txt", "d/.h/x.txt"];
    let folder = folder(&files.map(|name| (name, &b"x"[..])));
    let patterns = [
        "*",
        "*/*",
        "**/*",
        "**",
        "a/**",
        "**/b/*",
        "**/b/**/*.txt",
        "a/*/c.txt",
        "[ab]/**/c.*",
        "?/?.txt",
        "*/../*.txt",
        "*/b/../c.txt",
        "**/**/e.txt",
        "./*.txt",
        "a//*.txt",
        "a/./*.txt",
        "*/",
        "d/a[[]1].txt",
        "d/.h/*",
        "**/.h/*.txt",
        "none/*",
        "c.txt/*",
        "a*/b/c.txt",
    ];
    let root = folder.path().canonicalize().unwrap();
    for pattern in patterns {
        let pattern = format!("{}/{pattern}", root.display());
        let is_hidden = |path: &PathBuf| spec(path).contains("/.h/") && !pattern.contains("/.h/");
        let all = ::glob::glob(&pattern).unwrap().map(|path| path.unwrap());
        let mut expected: Vec<PathBuf> = all.filter(|path| path.is_file() && !is_hidden(path)).collect();
        expected.sort_unstable();
        expected.dedup_by_key(|path| path.canonicalize().unwrap());
        let found = resolve(std::slice::from_ref(&pattern)).unwrap_or_default();
        let found: Vec<&PathBuf> = found.iter().flat_map(|source| &source.files).map(path_of).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{pattern}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder(&[("a.txt", b"a")]);
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.txt"));
    fs::write(odd, "odd").unwrap();
    assert_eq!(names(&folder, "*.txt"), ["a.txt"]);
    assert_eq!(read(folder.path(), &Reading::default()).unwrap(), ["a", "odd"]);
}

#[test]
fn missing_and_empty_inputs_are_named() {
    let folder = folder(&[("blank.txt", b" \n"), ("empty/x.bin", b"x")]);
    assert_starts(&refused(&folder, "missing.txt"), "cannot read text @/missing.txt: No such file");
    assert_starts(&refused(&folder, "empty"), "@/empty: the folder holds no .txt or .text file, nor another");
    let message = format!("{:#}", resolve(&["https://a.org/b.txt".into()]).unwrap_err());
    assert_starts(
        &message,
        "https://a.org/b.txt: cannot read from https://, expected a path or hf://datasets",
    );
    let message = format!("{:#}", resolve(&[String::new()]).unwrap_err());
    assert_eq!(message, "an empty source: name a file, a folder, a glob or hf://…");
    assert!(resolve(&[]).unwrap().is_empty());
}

#[test]
fn prepared_shards_that_are_named_are_no_text() {
    let folder = folder(&[
        ("s/manifest.json", b"{}"),
        ("s/shard-00000.safetensors", b""),
        ("half/.progress.json", b"{}"),
        ("half/tokenizer.json", b"{}"),
        ("a.txt", b"a"),
    ]);
    let expected = |name| {
        format!("@/{name}: holds prepared shards, expected text: train on them with --shards @/{name}")
    };
    for spec in ["s", "s/*", "s/**/*.json"] {
        assert_eq!(refused(&folder, spec), expected("s"));
    }
    assert_eq!(refused(&folder, "half"), expected("half"));
    assert_eq!(refused(&folder, "half/*.json"), expected("half"));
}

#[test]
fn prepared_shards_below_are_passed_over() {
    let folder = folder(&[
        ("s/manifest.json", b"{}"),
        ("s/shard-00000.safetensors", b""),
        ("half/.progress.json", b"{}"),
        ("half/tokenizer.json", b"{}"),
        ("other/manifest.json", b"{}"),
        ("a.txt", b"a"),
    ]);
    assert_eq!(names(&folder, ""), ["a.txt", "other/manifest.json"]);
    assert_eq!(names(&folder, "**/*.*"), ["a.txt", "other/manifest.json"]);
    assert_eq!(names(&folder, "*/*.json"), ["other/manifest.json"]);
}

#[cfg(unix)]
fn pipe(folder: &TempDir, name: &str) {
    let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap();
    assert!(made.success());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused() {
    let folder = folder(&[]);
    pipe(&folder, "pipe");
    assert_starts(&refused(&folder, "pipe"), "@/pipe: a pipe or device, which can be read only once");
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_refused_only_where_they_are_named() {
    use std::os::unix::fs::symlink;
    let folder = folder(&[("a.txt", b"a")]);
    symlink("gone.txt", folder.path().join("dang.txt")).unwrap();
    symlink("self.txt", folder.path().join("self.txt")).unwrap();
    pipe(&folder, "pipe.txt");
    for spec in ["", "*.txt", "**/*"] {
        assert_eq!(names(&folder, spec), ["a.txt"]);
    }
    for name in ["dang.txt", "self.txt"] {
        assert_eq!(refused(&folder, name), format!("@/{name}: a link that leads nowhere, expected a file"));
    }
    assert_starts(&refused(&folder, "d*.txt"), "@/d*.txt: no file matches");
}

#[cfg(unix)]
#[test]
fn control_characters_in_names_are_escaped() {
    let folder = folder(&[("a\nb/\u{1b}[31mred.txt", b"a"), ("c\nd/x.bin", b"x"), ("e\nf.txt.gz", b"x")]);
    let root = folder.path().display().to_string();
    let source = &resolve(&[format!("{root}/a\nb")]).unwrap()[0];
    assert_eq!(source.name, format!("{root}/a\\nb"));
    assert_eq!(source.files[0].name, format!("{root}/a\\nb/\\u{{1b}}[31mred.txt"));
    assert_eq!(read(folder.path().join("a\nb").as_path(), &Reading::default()).unwrap(), ["a"]);
    assert_starts(&refused(&folder, "c\nd"), "@/c\\nd: the folder holds no .txt");
    assert_starts(&refused(&folder, "e\nf.txt.gz"), "@/e\\nf.txt.gz: is not gzip");
    assert_starts(&refused(&folder, "no\nne"), "cannot read text @/no\\nne: No such file");
    assert_starts(&refused(&folder, "no\nne*"), "@/no\\nne*: no file matches");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("a.txt", b"a"), ("b/c.txt", b"c")]);
    for name in ["a.txt", "b"] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    if fs::read(folder.path().join("a.txt")).is_ok() {
        return; // the superuser may read everything
    }
    assert_starts(&refused(&folder, "a.txt"), "cannot read text @/a.txt: Permission denied");
    assert_starts(&refused(&folder, "b"), "cannot read text @/b: Permission denied");
    fs::set_permissions(folder.path().join("b"), fs::Permissions::from_mode(0o700)).unwrap();
}
