//! Mistakes are answered with a line or two: what is wrong, where, and what to do.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Folder, assert_has, refused, stdout};

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
fn resume_where_nothing_is_is_refused() {
    let folder = Folder::new();
    for args in [&["pretrain", "--resume", "--out", "none"][..], &["pretrain", "--resume"]] {
        assert_has(&refused(&folder.sibert(args)), "holds no run to resume: expected config.toml in it");
    }
    assert_has(&refused(&folder.pretrain(&["--resume"])), "run holds no run to resume");
    assert!(!folder.exists("none") && !folder.exists("run"), "a refused resume left a folder");
}

#[test]
fn unfit_text_is_named() {
    let folder = Folder::new();
    folder.write("empty.txt", "\n\n");
    folder.write("latin1.txt", b"A line.\nCaf\xe9.\n");
    folder.write("one.txt", "One document only.\n");
    fs::create_dir(folder.path("folder")).unwrap();
    for (text, message) in [
        ("nowhere.txt", "cannot read text nowhere.txt\n  caused by: No such file or directory"),
        ("empty.txt", "error: empty.txt\n  caused by: no text found, only blank lines"),
        ("latin1.txt", "latin1.txt: byte offset 11: not UTF-8 (found 0xe9): remove the byte, or convert"),
        ("folder", "folder: the folder holds no .txt or .text file"),
        ("one.txt", "the corpus is too small to hold a part out: expected at least 2 different documents"),
    ] {
        assert_has(&refused(&folder.pretrain(&["--source", text])), message);
    }
}

#[test]
fn held_out_text_of_unknown_words_is_refused() {
    let folder = Folder::new();
    folder.write("two.txt", "a\nb\n");
    let message = refused(&folder.pretrain(&["--source", "two.txt"]));
    assert_has(&message, "held-out text: the tokenizer knows none of its words");
}

#[test]
fn unfit_tokenizers_are_named() {
    let folder = Folder::new();
    folder.write("empty.json", "{}");
    for (tokenizer, message) in [
        ("no.json", "tokenizer `no.json`: there is no such file"),
        ("empty.json", "cannot read tokenizer empty.json\n  caused by: not a tokenizer.json"),
        ("text.txt", "cannot read tokenizer text.txt\n  caused by: the tokenizer has no [PAD] token"),
        (".", ".: the folder holds neither tokenizer.json nor vocab.txt"),
    ] {
        assert_has(&refused(&folder.pretrain(&["--tokenizer", tokenizer])), message);
    }
}

#[test]
fn unfit_models_are_named() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    folder.write("file", "");
    fs::create_dir(folder.path("folder")).unwrap();
    for (model, message) in [
        ("none", "there is no folder `none`: expected a folder with config.json and model.safetensors"),
        ("file", "file is a file: expected the folder that holds config.json"),
        ("folder", "folder is not a model: expected config.json and model.safetensors"),
    ] {
        assert_has(&refused(&folder.sibert(&["fill-mask", "--model", model, "[MASK]"])), message);
        assert_has(&refused(&folder.sibert(&["verify", "--model", model])), message);
    }
    fs::copy(folder.path("run/last/model.safetensors"), folder.path("folder/model.safetensors")).unwrap();
    fs::copy(folder.path("run/last/config.json"), folder.path("folder/config.json")).unwrap();
    let without_tokenizer = refused(&folder.sibert(&["fill-mask", "--model", "folder", "[MASK]"]));
    assert_has(&without_tokenizer, "folder/tokenizer.json is missing, and so is vocab.txt");
    let layers = folder.text("folder/config.json");
    let fewer = layers.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    assert_ne!(layers, fewer);
    folder.write("folder/config.json", fewer);
    assert_has(
        &refused(&folder.sibert(&["verify", "--model", "folder"])),
        "folder: config.json says num_hidden_layers 1, but the weights are of 2 layers",
    );
    folder.write("folder/config.json", layers);
    let config = folder.text("folder/config.json").replace("\"hidden_size\": 16", "\"hidden_size\": 32");
    folder.write("folder/config.json", config);
    assert_has(&refused(&folder.sibert(&["verify", "--model", "folder"])), "is [87, 16] in the checkpoint");
}

#[test]
fn unfit_sentences_are_refused() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let ask = |sentence: &str| refused(&folder.sibert(&["fill-mask", "--model", "run", sentence]));
    assert_has(&ask("No mask."), "no [MASK] in \"No mask.\": write [MASK] in place of the word to guess");
    assert_has(
        &ask(&"[MASK] ".repeat(40)),
        "a sequence of 42 tokens is longer than max_position_embeddings 32",
    );
}

#[test]
fn unfit_runs_are_not_drawn() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    let expected = "expected the folder of a run, or its metrics.jsonl";
    assert_has(&refused(&folder.sibert(&["plot", "none"])), &format!("cannot read none: {expected}"));
    assert_has(
        &refused(&folder.sibert(&["plot", "folder"])),
        &format!("cannot read folder/metrics.jsonl: {expected}"),
    );
    assert!(!folder.exists("none"));
    folder.write("folder/metrics.jsonl", "");
    assert_has(&refused(&folder.sibert(&["plot", "folder"])), "nothing to draw");
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let folder = Folder::new();
    for (args, message) in [
        (["--set", "seq_len=64"], "seq_len 64 is longer than model.max_position_embeddings 32"),
        (["--set", "model.hidden_size=17"], "hidden_size 17 is not a multiple of num_attention_heads 2"),
        (["--set", "learning_rate=1"], "unknown key learning_rate, did you mean lr?"),
        (["--set", "lr=fast"], "--set lr=fast: expected a number, found string \"fast\""),
        (["--set", "nonsense"], "--set nonsense: expected key=value"),
        (["--set", "=3"], "--set =3: expected key=value"),
        (["--set", "vocab_size=50"], "vocab_size is 50, expected at least 100"),
        (["--set", "held_out=1"], "held_out is 1, expected 0 or more and below 1"),
        (["--set", "threads=100000"], "threads is 100000, expected at most 1024"),
        (["--max-steps", "0"], "max_steps is 0, expected at least 1"),
        (["--lr", "-1"], "lr is -1, expected a finite number above 0"),
        (["--lr", "inf"], "lr is inf, expected a finite number above 0"),
        #[cfg(not(feature = "cuda"))]
        (["--device", "cuda"], "this build has no CUDA support: build with --features cuda"),
        #[cfg(not(feature = "metal"))]
        (["--device", "metal"], "this build has no Metal support: build with --features metal"),
    ] {
        assert_has(&refused(&folder.pretrain(&args)), message);
        assert!(!folder.exists("run"), "{args:?} left a folder");
    }
}

#[test]
fn vocabulary_too_small_for_the_letters_is_refused() {
    let folder = Folder::new();
    let letters = ('ა'..='ჰ').chain('ա'..='ֆ');
    folder.write("letters.txt", letters.map(|letter| format!("{letter}{letter}\n")).collect::<String>());
    let message = refused(&folder.pretrain(&["--source", "letters.txt", "--set", "vocab_size=100"]));
    assert_has(&message, "vocab_size 100 is too small: the special tokens and the letters of the text alone");
}

#[test]
fn unknown_key_of_a_file_is_named_with_its_line() {
    let folder = Folder::new();
    folder.write("base.toml", "# mine\nlearning_rate = 1e-3\n");
    let message = refused(&folder.sibert(&["pretrain", "--config", "base.toml"]));
    assert_eq!(message, "error: base.toml:2: unknown key learning_rate, did you mean lr?\n");
    assert_has(&refused(&folder.sibert(&["pretrain", "--config", "no.toml"])), "cannot read config no.toml");
}

#[test]
fn unwritable_output_folder_is_refused_before_any_work() {
    let folder = Folder::new();
    folder.write("file", "");
    let message = refused(&folder.pretrain(&["--out", "file/run"]));
    assert_has(&message, "cannot create the folder file/run: choose another --out");
    assert_has(&message, "Not a directory");
}
