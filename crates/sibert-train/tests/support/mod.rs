//! A folder to work in, and the program `sibert` run in it.
#![allow(dead_code, clippy::unwrap_used)]

pub mod tasks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A run of a few thousand parameters, with dropout, on `text.txt`.
pub const SMALL: &str = r#"
source = ["text.txt"]
documents = "per_line"
held_out = 0.2
vocab_size = 120
seq_len = 16
max_steps = 6
batch_size = 4
lr = 8e-4
budget = 8
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

/// A working folder with a small corpus `text.txt`, one document a line, and `small.toml`.
pub struct Folder(TempDir);

impl Folder {
    /// In memory where the system has such a place: flushing to a disk takes longer than all else.
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = Self(folder.unwrap());
        let animals = ["cat", "dog", "horse", "bird", "fish", "mouse"];
        let places = ["house", "river", "garden", "forest", "city"];
        let lines = animals.iter().flat_map(|animal| {
            places.iter().map(move |place| {
                format!("The {animal} lives near the {place}, and the {place} likes the {animal}.\n")
            })
        });
        folder.write("text.txt", lines.collect::<String>());
        folder.write("small.toml", SMALL);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibert"));
        command.args(args).current_dir(self.0.path()).env("RUST_BACKTRACE", "1");
        command
    }

    pub fn sibert(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs the program with these variables in its environment.
    pub fn sibert_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Output {
        self.command(args).envs(variables.iter().copied()).output().unwrap()
    }

    /// Starts the program, and does not wait for it.
    pub fn start(&self, args: &[&str]) -> Child {
        self.start_with(&[], args)
    }

    /// Starts the program with these variables in its environment, and does not wait for it.
    pub fn start_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        heed_signals(&mut command);
        command.spawn().unwrap()
    }

    /// Starts the program and ends it by SIGKILL as soon as `has_come` says so of the time since its start; false if
    /// it came to its end before.
    pub fn killed(&self, args: &[&str], has_come: impl Fn(Duration) -> bool) -> bool {
        let mut child = self.start(args);
        let began = Instant::now();
        while !has_come(began.elapsed()) && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_micros(100));
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let finished = output.status.success();
        assert!(finished || output.status.code().is_none(), "{}", String::from_utf8_lossy(&output.stderr));
        !finished
    }

    /// Pretrains by `small.toml` on one thread.
    pub fn pretrain(&self, args: &[&str]) -> Output {
        self.sibert(&[&["pretrain", "--config", "small.toml", "--threads", "1"], args].concat())
    }

    /// Goes on with the run in the folder `run`, to its end; returns what it said on standard error.
    pub fn resume(&self, args: &[&str]) -> String {
        stderr(&self.sibert(&[&["pretrain", "--out", "run", "--resume"], args].concat()))
    }
}

/// The files of a run, without what depends on the clock.
#[derive(PartialEq)]
pub struct Outcome {
    model: Vec<u8>,
    optimizer: Vec<u8>,
    metrics: Vec<Value>,
    state: Value,
}

impl Outcome {
    pub fn of(folder: &Folder, run: &str) -> Self {
        let last = |file: &str| format!("{run}/last/{file}");
        let lines = folder.text(&format!("{run}/metrics.jsonl"));
        let metrics = lines.lines().map(|line| without(line, "/timing"));
        let mut state = without(&folder.text(&last("training_state/state.json")), "/elapsed_seconds");
        for time in ["/window/seconds", "/window/wait_seconds"] {
            *state.pointer_mut(time).unwrap() = Value::Null;
        }
        Self {
            model: folder.bytes(&last("model.safetensors")),
            optimizer: folder.bytes(&last("training_state/optimizer.safetensors")),
            metrics: metrics.collect(),
            state,
        }
    }

    pub fn assert_equals(&self, whole: &Self) {
        assert_eq!(self.metrics, whole.metrics, "metrics.jsonl");
        assert_eq!(self.state, whole.state, "state.json");
        assert!(self.model == whole.model, "model.safetensors differs");
        assert!(self.optimizer == whole.optimizer, "optimizer.safetensors differs");
    }
}

fn without(json: &str, pointer: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).unwrap();
    if let Some(inner) = value.pointer_mut(pointer) {
        *inner = Value::Null;
    }
    value
}

/// Standard output of a run that had to succeed.
pub fn stdout(output: &Output) -> String {
    succeeded(output);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error of a run that had to succeed.
pub fn stderr(output: &Output) -> String {
    succeeded(output);
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn succeeded(output: &Output) {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
}

/// Lets the program be told of all signals, also where these tests run in the background of a script.
fn heed_signals(command: &mut Command) {
    #[cfg(unix)]
    // SAFETY: it only sets a signal, which is allowed between fork and exec.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(command, || {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    #[cfg(not(unix))]
    let _ = command;
}

/// Standard error of a run that a signal with this number ended.
pub fn interrupted(output: &Output, signal: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(128 + signal), "{text}");
    assert!(!text.contains("error: "), "{text}");
    text
}

/// The message of a run that had to fail with exit code 1, in a line or two, the progress before it aside.
pub fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let message = text.find("error: ").map(|start| text[start..].to_string());
    let message = message.unwrap_or_else(|| panic!("no error in {text}"));
    assert!(message.lines().count() <= 2 && !message.contains("panicked"), "{message}");
    message
}

pub fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "expected {part:?} in:\n{text}");
}

/// Changes the lowest bit of the byte in the middle of a file.
pub fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Keeps the first half of a file.
pub fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}
