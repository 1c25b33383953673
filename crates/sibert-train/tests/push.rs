//! `sibert push`: a run goes to a hub, and comes back.
#![allow(clippy::unwrap_used)]

mod support;

use sibert_hub_emulator::Server;
use support::{Folder, assert_has, refused, stderr, stdout, tasks};

const TOKEN: &str = "hf_secret";

/// A folder with a run, an empty hub, and the variables by which the program finds it.
struct Fixture {
    folder: Folder,
    server: Server,
}

impl Fixture {
    fn new() -> Self {
        let folder = Folder::new();
        stdout(&folder.pretrain(&[]));
        let server = Server::start(&[]);
        server.require(TOKEN);
        server.part_size(20_000);
        Self { folder, server }
    }

    fn sibert_as(&self, token: &str, args: &[&str]) -> std::process::Output {
        let url = self.server.url();
        let variables = [("HF_ENDPOINT", url.as_str()), ("HF_HOME", "home"), ("HF_TOKEN", token)];
        self.folder.sibert_with(&variables, args)
    }

    fn sibert(&self, args: &[&str]) -> std::process::Output {
        self.sibert_as(TOKEN, args)
    }

    fn pushed(&self, path: &str) -> Vec<u8> {
        self.server.file("org/name", "main", path).unwrap_or_else(|| panic!("{path} was not pushed"))
    }
}

#[test]
fn a_run_that_was_pushed_is_read_from_the_hub() {
    let fixture = Fixture::new();
    let out = fixture.sibert(&["push", "run", "org/name", "--license", "mit"]);
    let said = stdout(&out) + &stderr(&out);
    assert_has(&said, &format!("to {}/org/name, commit ", fixture.server.url()));
    assert_has(&said, "uploading model.safetensors (");
    assert!(!said.contains(TOKEN), "{said}");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        assert!(fixture.pushed(name) == fixture.folder.bytes(&format!("run/last/{name}")), "{name}");
    }
    for name in ["config.toml", "metrics.jsonl", "curves.png", "summary.json"] {
        assert!(fixture.pushed(name) == fixture.folder.bytes(&format!("run/{name}")), "{name}");
    }
    let card = String::from_utf8(fixture.pushed("README.md")).unwrap();
    assert_has(&card, "license: mit\n");
    assert_has(&card, "- type: accuracy\n");
    let ask =
        |model| stdout(&fixture.sibert(&["fill-mask", "--json", "--model", model, "the cat [MASK] near"]));
    assert_eq!(ask("org/name"), ask("run/last"));

    let again = stdout(&fixture.sibert(&["push", "run", "org/name", "--license", "mit"]));
    assert_has(&again, "nothing has changed: ");
}

#[test]
fn a_dry_run_shows_files_and_card_and_asks_nobody() {
    let fixture = Fixture::new();
    let shown = stdout(&fixture.sibert_as("", &["push", "run/best", "org/name", "--dry-run"]));
    assert_has(&shown, "hf://org/name, nothing is sent");
    assert_has(&shown, "model.safetensors");
    assert_has(&shown, "pipeline_tag: fill-mask");
    assert_eq!(fixture.server.lines(), [""; 0]);
}

#[test]
fn a_push_that_cannot_be_says_why() {
    let fixture = Fixture::new();
    let refusal = |token: &str, args: &[&str]| refused(&fixture.sibert_as(token, args));
    assert_has(&refusal("", &["push", "run", "org/name"]), "set HF_TOKEN to a token with write access");
    let wrong = refusal("hf_wrong", &["push", "run", "org/name"]);
    assert_has(&wrong, "the hub does not know the token");
    assert!(!wrong.contains("hf_wrong"), "{wrong}");
    assert_has(&refusal(TOKEN, &["push", "nothing", "org/name"]), "there is no folder `nothing`");
    assert_has(&refusal(TOKEN, &["push", "run", "name"]), "expected ORG/NAME");
    let mut weights = fixture.folder.bytes("run/last/model.safetensors");
    *weights.last_mut().unwrap() ^= 1;
    fixture.folder.write("run/last/model.safetensors", weights);
    assert_has(&refusal(TOKEN, &["push", "run/last", "org/name"]), "model.safetensors is corrupted");
    assert!(fixture.server.file("org/name", "main", "README.md").is_none());
}

#[test]
fn a_fine_tuned_model_keeps_its_card() {
    let fixture = Fixture::new();
    tasks::write_glue(&fixture.folder);
    let finetune = [
        "finetune",
        "--task",
        "mrpc",
        "--model",
        "run",
        "--data-dir",
        "glue",
        "--epochs",
        "1",
        "--out",
        "mrpc",
    ];
    stdout(&fixture.sibert(&finetune));
    stdout(&fixture.sibert(&["push", "mrpc", "org/name", "--revision", "mrpc", "--private"]));
    let card = fixture.server.file("org/name", "mrpc", "README.md").unwrap();
    assert!(card == fixture.folder.bytes("mrpc/README.md"));
    assert!(fixture.server.file("org/name", "mrpc", "finetune.json").is_some());
    assert!(fixture.server.file("org/name", "mrpc", "settings.json").is_none());
    assert!(fixture.server.file("org/name", "main", "README.md").is_none());
}
