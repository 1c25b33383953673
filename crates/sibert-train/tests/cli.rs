//! The program as a new user meets it: what works, and what a mistake is answered with.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder to work in, with a small corpus `text.txt`, one document a line.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let animals = ["cat", "dog", "horse", "bird", "fish", "mouse"];
        let places = ["house", "river", "garden", "forest", "city"];
        let lines = animals.iter().flat_map(|animal| {
            places.iter().map(move |place| {
                format!("The {animal} lives near the {place}, and the {place} likes the {animal}.\n")
            })
        });
        folder.write("text.txt", lines.collect::<String>());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn sibert(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibert"));
        command.args(args).current_dir(self.0.path()).env_remove("RUST_BACKTRACE").output().unwrap()
    }

    /// Pretrains a model of a few thousand parameters on `text.txt`, for a few steps.
    fn pretrain(&self, args: &[&str]) -> Output {
        let small = ["pretrain", "--config", "small.toml", "--threads", "1"];
        self.write("small.toml", SMALL);
        self.sibert(&[&small[..], args].concat())
    }
}

const SMALL: &str = r#"
text = ["text.txt"]
documents = "per_line"
held_out = 0.2
vocab_size = 120
seq_len = 16
max_steps = 6
batch_size = 4
out = "run"
log_every = 2
eval_every = 3
eval_sequences = 4
save_every = 3
[model]
hidden_size = 16
num_attention_heads = 2
intermediate_size = 32
max_position_embeddings = 32
"#;

fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The message of a run that had to fail with exit code 1.
fn refused(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("error: "), "{message}");
    message
}

fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "expected {part:?} in:\n{text}");
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn help_and_version_are_printed() {
    let folder = Folder::new();
    assert_has(&stdout(&folder.sibert(&["--version"])), concat!("sibert ", env!("CARGO_PKG_VERSION")));
    assert_has(&stdout(&folder.sibert(&["pretrain", "--help"])), "Examples:");
    assert_eq!(folder.sibert(&["pretrian"]).status.code(), Some(2));
}

#[test]
fn run_leaves_a_model_that_answers_and_verifies() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    for file in [
        "config.toml",
        "metrics.jsonl",
        "curves.svg",
        "curves.png",
        "last/model.safetensors",
        "best/tokenizer.json",
    ] {
        assert!(!read(&folder.path("run").join(file)).is_empty(), "{file} is empty");
    }
    let guesses =
        stdout(&folder.sibert(&["fill-mask", "--model", "run/last", "--top-k", "3", "The [MASK] lives."]));
    assert!(guesses.lines().count() >= 3, "{guesses}");
    stdout(&folder.sibert(&["verify", "--model", "run/last"]));
    stdout(&folder.sibert(&["plot", "run", "--out", "drawn"]));
    assert!(!read(&folder.path("drawn.svg")).is_empty() && !read(&folder.path("drawn.png")).is_empty());
}

#[test]
fn resumed_run_equals_uninterrupted_run() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--set", "keep_last=9"]));
    let whole = read(&folder.path("run/last/model.safetensors"));
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    stdout(&folder.sibert(&["pretrain", "--out", "run", "--resume"]));
    assert!(whole == read(&folder.path("run/last/model.safetensors")), "weights differ");
}

#[test]
fn second_run_in_the_same_folder_is_refused() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    assert_has(
        &refused(&folder.pretrain(&[])),
        "run already holds a run: continue it with --resume, or name another with --out",
    );
}

#[test]
fn checkpoint_of_another_architecture_is_refused() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let message = refused(&folder.pretrain(&["--resume", "--set", "model.hidden_size=32"]));
    assert_has(&message, "hidden_size is 16");
}

#[test]
fn missing_text_is_named() {
    let folder = Folder::new();
    assert_has(&refused(&folder.pretrain(&["--text", "nowhere.txt"])), "nowhere.txt");
}

#[test]
fn empty_corpus_is_refused() {
    let folder = Folder::new();
    folder.write("empty.txt", "\n\n");
    assert_has(
        &refused(&folder.pretrain(&["--text", "empty.txt"])),
        "empty.txt: no text found, only blank lines",
    );
}

#[test]
fn text_that_is_not_utf8_is_named_by_file_and_offset() {
    let folder = Folder::new();
    folder.write("latin1.txt", b"A line.\nCaf\xe9.\n");
    let message = refused(&folder.pretrain(&["--text", "latin1.txt"]));
    assert_has(&message, "latin1.txt");
    assert_has(&message, "11");
}

#[test]
fn missing_files_are_named() {
    let folder = Folder::new();
    assert_has(&refused(&folder.sibert(&["pretrain", "--config", "no.toml"])), "cannot read config no.toml");
    assert_has(&refused(&folder.pretrain(&["--tokenizer", "no.json"])), "no.json");
    assert_has(&refused(&folder.sibert(&["fill-mask", "--model", "no", "[MASK]"])), "no");
    assert_has(&refused(&folder.sibert(&["verify", "--model", "no"])), "no");
    assert_has(&refused(&folder.sibert(&["plot", "no"])), "no");
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let folder = Folder::new();
    for (args, message) in [
        (["--set", "seq_len=64"], "seq_len 64 is longer than model.max_position_embeddings 32"),
        (["--set", "model.hidden_size=17"], "hidden_size 17 is not a multiple of num_attention_heads 2"),
        (["--set", "learning_rate=1"], "unknown key learning_rate, did you mean lr?"),
        (["--set", "lr=fast"], "--set lr=fast: expected a number, found string \"fast\""),
        (["--max-steps", "0"], "max_steps is 0, expected at least 1"),
        #[cfg(not(feature = "cuda"))]
        (["--device", "cuda"], "this build has no CUDA support: build with --features cuda"),
        #[cfg(not(feature = "metal"))]
        (["--device", "metal"], "this build has no Metal support: build with --features metal"),
    ] {
        assert_has(&refused(&folder.pretrain(&args)), message);
        assert!(!folder.path("run").exists(), "{args:?} left a folder");
    }
}

#[test]
fn unknown_key_of_a_file_is_named_with_its_line() {
    let folder = Folder::new();
    folder.write("base.toml", "# mine\nlearning_rate = 1e-3\n");
    let message = refused(&folder.sibert(&["pretrain", "--config", "base.toml"]));
    assert_eq!(message, "error: base.toml:2: unknown key learning_rate, did you mean lr?\n");
}

#[test]
fn unwritable_output_folder_is_refused_before_any_work() {
    let folder = Folder::new();
    folder.write("file", "");
    let message = refused(&folder.pretrain(&["--out", "file/run"]));
    assert_has(&message, "file/run");
    assert_has(&message, "Not a directory");
}
