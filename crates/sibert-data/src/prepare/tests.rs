//! Promises of a preparation: the ids of every document in order, the same bytes however it was stopped, and
//! nothing reused that was made of something else.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::status::Stage;
use super::*;
use crate::shards::{Learned, Preparation, Side};
use crate::sides::{Bound, hash};
use crate::source::{self, Document, DocumentSplit, Reading};
use crate::tokenizer::{self, SpecialTokens};

/// Three sources in a folder, and a place for the shards.
struct Corpus {
    folder: TempDir,
}

/// A text of `words` words that depends on its number alone.
fn text(number: u64, words: usize) -> String {
    let syllables = ["ba", "ko", "ri", "tu", "me", "san", "lo"];
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for word in 0..words {
        for _ in 0..1 + word % 3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(syllables[(state >> 33) as usize % syllables.len()]);
        }
        text.push_str(if word % 9 == 8 { ". " } else { " " });
    }
    text
}

impl Corpus {
    /// A folder of 12 small files, a file of 150 documents, and one of two.
    fn new() -> Self {
        let corpus =
            Self { folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap() };
        fs::create_dir(corpus.path("a")).unwrap();
        for file in 0..12 {
            let documents: Vec<String> = (0..3).map(|number| text(10 * file + number, 40)).collect();
            corpus.write(&format!("a/{file:02}.txt"), documents.join("\n"));
        }
        corpus.write("b.txt", (200..350).map(|number| text(number, 30) + "\n").collect::<String>());
        corpus.write("c.txt", format!("{}\n{}\n", text(900, 300), text(901, 400)));
        corpus
    }

    /// The same with documents larger than a chunk in the last file.
    fn large() -> Self {
        let corpus = Self::new();
        let large: String = (900..904).map(|number| text(number, 45_000) + "\n").collect();
        corpus.write("c.txt", large);
        corpus
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Sources by name.
    fn sources(&self, names: &[&str]) -> Vec<source::Source> {
        let specs: Vec<String> = names.iter().map(|name| self.path(name).display().to_string()).collect();
        source::resolve(&specs, &|| panic!("the hub is not to be asked"), &|_| {}).unwrap()
    }

    /// All three sources into the folder `out`, a tokenizer learned.
    fn request(&self, out: &str) -> Request {
        Request {
            sources: self.sources(&["a", "b.txt", "c.txt"]),
            validation: Vec::new(),
            weights: Vec::new(),
            tokenizer: TokenizerChoice::Learn(Learned { vocab_size: 100, lowercase: true }),
            preparation: Preparation {
                documents: DocumentSplit::PerLine,
                field: "text".into(),
                column: "text".into(),
                skip_bad: false,
                held_out: 0.2,
                sentences: true,
                shard_tokens: 1000,
            },
            out: self.path(out),
            existing: Existing::Keep,
        }
    }

    /// The files of a folder of shards, hidden ones aside.
    fn bytes(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path(out)).unwrap().map(|entry| entry.unwrap());
        let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
        let visible = files.filter(|(name, _)| !name.starts_with('.'));
        visible.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    }

    fn assert_same(&self, out: &str, expected: &str) {
        let (found, expected) = (self.bytes(out), self.bytes(expected));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in &expected {
            assert!(found[name] == *bytes, "{name} differs");
        }
        let hidden = fs::read_dir(self.path(out)).unwrap().map(|entry| entry.unwrap().file_name());
        let hidden: Vec<_> = hidden.filter(|name| name.to_string_lossy().starts_with('.')).collect();
        assert_eq!(hidden, [".lock"]);
        assert_eq!(fs::metadata(self.path(out).join(".lock")).unwrap().len(), 0);
    }
}

fn quiet(request: &Request) -> Result<Prepared> {
    prepare(request, &mut |_| Ok(()))
}

/// Stops at the look number `at`; whether it came so far.
fn stopped(request: &Request, at: usize) -> bool {
    let mut looks = 0;
    let result = prepare(request, &mut |_| {
        looks += 1;
        if looks > at { bail!("stopped") } else { Ok(()) }
    });
    match result {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.to_string(), "stopped");
            true
        }
    }
}

#[track_caller]
fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "found {text}\nexpected {part}");
}

fn refusal(request: &Request) -> String {
    format!("{:#}", quiet(request).unwrap_err())
}

/// The notes for people, and the result.
fn noted(request: &Request) -> (String, Prepared) {
    let mut notes = Vec::new();
    let prepared = prepare(request, &mut |event| {
        if let Event::Note(line) = event {
            notes.push(line);
        }
        Ok(())
    });
    (notes.join("\n"), prepared.unwrap())
}

/// Stops as soon as the folder `out` has recorded as many shards.
fn stopped_with(corpus: &Corpus, request: &Request, shards: usize) {
    let record = request.out.join(".progress.json");
    let result = prepare(request, &mut |_| match fs::read_to_string(&record) {
        Ok(text) if text.matches("\"name\": \"shard-").count() >= shards => bail!("stopped"),
        _ => Ok(()),
    });
    assert_eq!(result.unwrap_err().to_string(), "stopped");
    assert_eq!(corpus.path("out"), request.out);
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The ids of each side, and how many documents it has.
fn sides(shards: &Shards) -> [(Vec<u32>, u64); 2] {
    [Side::Train, Side::HeldOut].map(|side| {
        let stream = shards.stream(None, side);
        let mut ids = Vec::new();
        stream.read(0..stream.len(), &mut ids);
        (ids, stream.documents())
    })
}

#[test]
fn a_validation_source_is_evaluated_on_as_a_whole_and_never_learned_from() {
    let corpus = Corpus::large();
    let mut request = corpus.request("out");
    request.sources = corpus.sources(&["a", "b.txt"]);
    request.validation = corpus.sources(&["c.txt"]);
    request.preparation.held_out = 0.;
    let shards = quiet(&request).unwrap().shards;
    let alone = |name: &str, out: &str| {
        let mut alone = corpus.request(out);
        alone.sources = corpus.sources(if name == "c.txt" { &["c.txt"] } else { &["a", "b.txt"] });
        alone.preparation.held_out = 0.;
        if name == "c.txt" {
            alone.tokenizer = TokenizerChoice::Given(Box::new(tokenizer::load(&shards.tokenizer()).unwrap()));
        }
        quiet(&alone).unwrap().shards
    };
    let ([train, held_out], [of_train, nothing], [of_validation, _]) =
        (sides(&shards), sides(&alone("a", "train")), sides(&alone("c.txt", "validation")));
    assert_eq!(nothing, (vec![], 0));
    assert!(train == of_train && held_out == of_validation);
    assert_eq!(corpus.bytes("out")["tokenizer.json"], corpus.bytes("train")["tokenizer.json"]);
    assert_eq!(shards.manifest().to_train_on().len(), 2);

    request.validation.clear();
    assert_has(&refusal(&request), "c.txt (validation) -> ");
    request.preparation.skip_bad = true;
    assert_has(&refusal(&request), "skip_bad false -> true");
}

#[test]
fn documents_that_are_trained_and_evaluated_on_are_counted() {
    let corpus = Corpus::new();
    let mut request = corpus.request("out");
    corpus.write("judge.txt", format!("{}\nquite another text\n{}\n", text(900, 300), text(200, 30)));
    request.validation = corpus.sources(&["judge.txt"]);
    request.preparation.held_out = 0.;
    let (notes, _) = noted(&request);
    assert_has(
        &notes,
        "warning: 2 of 3 documents to evaluate on are also in the text to train on, word for word",
    );
    corpus.write("judge.txt", "quite another text\n");
    request.existing = Existing::Discard;
    assert!(!noted(&request).0.contains("warning"));
}

#[test]
fn bad_lines_are_counted_and_named_in_the_end() {
    let corpus = Corpus::large();
    let mut request = corpus.request("out");
    corpus.write("bad.jsonl", b"{\"text\":\"one two\"}\n{\"te\n{\"text\":\"three\"}\n{}\n");
    request.sources.extend(corpus.sources(&["bad.jsonl"]));
    assert_has(&refusal(&request), "bad.jsonl:2: column");
    request.preparation.skip_bad = true;
    let (notes, prepared) = noted(&request);
    assert_has(&notes, "bad.jsonl: 2 bad lines left out, the first: ");
    assert_has(&notes, "2 bad lines left out, of all that was read");
    let found = prepared.shards.manifest().counts(Some(3), Side::Train).documents
        + prepared.shards.manifest().counts(Some(3), Side::HeldOut).documents;
    assert_eq!(found, 2);
}

#[test]
fn shards_hold_the_ids_of_every_document_on_its_side_in_order() {
    let corpus = Corpus::large();
    let request = corpus.request("out");
    let shards = quiet(&request).unwrap().shards;
    let tokenizer = tokenizer::load(&shards.tokenizer()).unwrap();
    let special = SpecialTokens::of(&tokenizer).unwrap();
    let bound = Bound::new(0.2).unwrap();
    let Preparation { documents, field, column, skip_bad, .. } = request.preparation.clone();
    let reading = Reading { documents, field, column, skip_bad };
    for (number, source) in request.sources.iter().enumerate() {
        let mut expected = [Vec::new(), Vec::new()];
        for document in source.files.iter().flat_map(|file| file.documents(&reading).unwrap()) {
            let Document { text } = document.unwrap();
            let side = usize::from(bound.side(hash(&text)) == Side::HeldOut);
            expected[side].extend_from_slice(tokenizer.encode_fast(text, false).unwrap().get_ids());
            expected[side].push(special.sep);
        }
        for (side, expected) in [Side::Train, Side::HeldOut].into_iter().zip(expected) {
            let stream = shards.stream(Some(number), side);
            let mut ids = Vec::new();
            stream.read(0..stream.len(), &mut ids);
            assert!(ids == expected, "source {number}, {side:?}");
        }
    }
    let small: Vec<_> = shards.manifest().shards.iter().filter(|shard| shard.source == 1).collect();
    assert!(small.len() > 1, "{small:?}");
    assert!(
        small[..small.len() - 1].iter().all(|shard| (1000..1200).contains(&shard.train.tokens)),
        "{small:?}"
    );
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let corpus = Corpus::large();
    for threads in [1, 2, 7] {
        let request = corpus.request(&format!("out-{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quiet(&request)).unwrap();
        corpus.assert_same(&format!("out-{threads}"), "out-1");
    }
    assert!(corpus.bytes("out-1").len() >= 8);
}

#[test]
fn stopped_anywhere_and_run_again_it_ends_in_the_same_bytes() {
    let corpus = Corpus::new();
    let all = quiet(&corpus.request("whole")).unwrap().written;
    let request = corpus.request("out");
    let (mut at, mut least) = (0, all);
    while stopped(&request, at) {
        if at % 2 == 0 {
            corpus_litter(&corpus);
        }
        least = least.min(quiet(&request).unwrap().written);
        corpus.assert_same("out", "whole");
        fs::remove_dir_all(corpus.path("out")).unwrap();
        at += 1;
    }
    assert!(at > 30 && least < all / 4, "{at} stops, {least} tokens of {all}");
}

/// Files that a killed process may leave beside what it recorded.
fn corpus_litter(corpus: &Corpus) {
    for name in [".shard-00002.safetensors.tmp", ".manifest.json.tmp", ".progress.json.tmp"] {
        corpus.write(&format!("out/{name}"), "half");
    }
    if corpus.path("out/.progress.json").exists() {
        corpus.write("out/shard-00077.safetensors", "not recorded");
    }
}

#[test]
fn stopped_again_and_again_it_comes_to_its_end() {
    let corpus = Corpus::new();
    quiet(&corpus.request("whole")).unwrap();
    let request = corpus.request("out");
    let mut stops = 0;
    // A few more looks each time, which first come to the end of learning and then from shard to shard.
    while stopped(&request, 8 + stops / 2) {
        stops += 1;
    }
    assert!(stops > 5, "{stops}");
    corpus.assert_same("out", "whole");
}

#[test]
fn a_finished_folder_is_opened_and_weights_alone_are_written_anew() {
    let corpus = Corpus::new();
    let mut request = corpus.request("out");
    quiet(&request).unwrap();
    let before = corpus.bytes("out");
    // As a process leaves it that is killed at the very end.
    corpus.write("out/.progress.json", "{}");
    let prepared = quiet(&request).unwrap();
    assert!(!corpus.path("out/.progress.json").exists());
    assert_eq!(prepared.written, 0);
    assert!(corpus.bytes("out") == before);
    request.weights = vec![1., 2.5, 1.];
    let (notes, prepared) = noted(&request);
    assert!(notes.ends_with("out is prepared already: weights none -> 1, 2.5, 1"), "{notes}");
    assert_eq!(prepared.written, 0);
    assert_eq!(Manifest::read(&request.out).unwrap().sources[1].weight, Some(2.5));
    assert_eq!(prepared.shards.manifest().sources[1].weight, Some(2.5));
}

#[test]
fn another_request_starts_over_where_no_shard_was_finished() {
    let corpus = Corpus::new();
    quiet(&corpus.request("whole")).unwrap();
    for existing in [Existing::Keep, Existing::Renew] {
        let mut other = corpus.request("out");
        other.preparation.held_out = 0.1;
        stopped_with(&corpus, &other, 0);
        let (notes, _) = noted(&Request { existing, ..corpus.request("out") });
        assert!(notes.contains("out: starting over, sources or settings have changed"), "{notes}");
        assert_eq!(notes.lines().count(), 1, "{notes}");
        corpus.assert_same("out", "whole");
        fs::remove_dir_all(corpus.path("out")).unwrap();
    }
}

#[test]
fn going_on_says_with_how_many_shards_and_what_became_of_the_weights() {
    let corpus = Corpus::new();
    let mut request = corpus.request("out");
    for (shards, expected) in
        [(0, "with no shard"), (1, "with 1 shard finished"), (2, "with 2 shards finished")]
    {
        stopped_with(&corpus, &request, shards);
        let (notes, _) = noted(&request);
        assert!(notes.contains(&format!("out: continuing, {expected}")), "{notes}");
        fs::remove_dir_all(corpus.path("out")).unwrap();
    }
    request.weights = vec![1., 2., 3.];
    stopped_with(&corpus, &request, 1);
    request.weights.clear();
    let (notes, prepared) = noted(&request);
    assert!(notes.ends_with("finished before; weights 1, 2, 3 -> none"), "{notes}");
    assert_eq!(prepared.shards.manifest().sources[0].weight, None);
}

#[test]
fn a_vocabulary_that_the_text_cannot_fill_is_noted() {
    let corpus = Corpus::new();
    let mut request = corpus.request("out");
    request.tokenizer = TokenizerChoice::Learn(Learned { vocab_size: 60_000, lowercase: true });
    let (notes, prepared) = noted(&request);
    let learned = prepared.shards.manifest().vocab_size;
    assert_eq!(notes, format!("vocabulary {learned}: the text has no more pieces that occur twice"));
    assert_eq!(noted(&corpus.request("other")).0, "");
}

/// A change of the request, or of the files, and what is said of it.
type Change = (fn(&Corpus, &mut Request), &'static str);

#[test]
fn what_differs_from_what_a_folder_was_made_of_is_named() {
    let changes: [Change; 9] = [
        (|_, request| request.preparation.held_out = 0.1, "held_out 0.2 -> 0.1"),
        (|_, request| request.preparation.sentences = false, "sentences true -> false"),
        (|_, request| request.preparation.shard_tokens = 5000, "shard_tokens 1000 -> 5000"),
        (
            |_, request| {
                let how = Learned { vocab_size: 90, lowercase: true };
                request.tokenizer = TokenizerChoice::Learn(how);
            },
            "tokenizer learned, 100 entries, lower-case -> learned, 90 entries, lower-case",
        ),
        (
            |_, request| {
                let given = tokenizer::train(&[Document { text: text(1, 500) }], 60).unwrap();
                request.tokenizer = TokenizerChoice::Given(Box::new(given));
            },
            "tokenizer learned, 100 entries, lower-case -> of sha256 ",
        ),
        (|corpus, _| corpus.write("b.txt", "changed\n"), "b.txt changed: sha256 "),
        (
            |corpus, request| {
                corpus.write("a/new.txt", "new\n");
                request.sources = corpus.sources(&["a", "b.txt", "c.txt"]);
            },
            "a/new.txt is new",
        ),
        (
            |corpus, request| {
                _ = fs::remove_file(corpus.path("a/03.txt"));
                request.sources = corpus.sources(&["a", "b.txt", "c.txt"]);
            },
            "a/03.txt is gone",
        ),
        (|_, request| drop(request.sources.remove(2)), "c.txt -> "),
    ];
    for (change, expected) in changes {
        let corpus = Corpus::new();
        quiet(&corpus.request("whole")).unwrap();
        assert!(stopped(&corpus.request("half"), 24));
        assert!(corpus.path("half/.progress.json").exists());
        for (out, whose) in
            [("whole", "was prepared otherwise: "), ("half", "holds an unfinished preparation")]
        {
            let mut request = corpus.request(out);
            change(&corpus, &mut request);
            let error = refusal(&request);
            assert!(error.contains(whose) && error.contains(expected), "{error}");
            assert!(error.ends_with("prepare it again with --force, or choose another --out"), "{error}");
            assert_eq!(error.lines().count(), 1);
            request.existing = Existing::Discard;
            quiet(&request).unwrap();
        }
        corpus.assert_same("half", "whole");
    }
}

#[test]
fn a_damaged_shard_is_made_again() {
    let corpus = Corpus::new();
    let whole = quiet(&corpus.request("whole")).unwrap().written;
    let request = corpus.request("out");
    quiet(&request).unwrap();
    for damaged in ["shard-00001.safetensors", "tokenizer.json"] {
        flip(&corpus.path("out").join(damaged));
        let (notes, prepared) = noted(&request);
        assert!(notes.contains(&format!("out: {damaged} is corrupted: sha256 ")), "{notes}");
        assert!(notes.ends_with(": preparing again") && !notes.contains("prepare "), "{notes}");
        assert_eq!(prepared.written, whole);
        corpus.assert_same("out", "whole");
    }
    fs::remove_dir_all(corpus.path("out")).unwrap();
    assert!(stopped(&request, 24));
    flip(&corpus.path("out/shard-00000.safetensors"));
    assert_eq!(quiet(&request).unwrap().written, whole);
    corpus.assert_same("out", "whole");
    for damage in ["{", r#"{"format_version": 99}"#] {
        corpus.write("out/manifest.json", damage);
        let refusal = refusal(&request);
        assert!(refusal.contains(": prepare the shards again with --force"), "{refusal}");
        assert_eq!(refusal.matches(" the shards again").count(), 1, "{refusal}");
    }
    for existing in [Existing::Renew, Existing::Discard] {
        corpus.write("out/manifest.json", "{");
        quiet(&Request { existing, ..request.clone() }).unwrap();
        corpus.assert_same("out", "whole");
    }
}

#[test]
fn both_sides_hold_a_document_however_small_the_corpus() {
    let corpus = Corpus::new();
    for (lines, held_out) in [(2, 1e-9), (2, 0.999), (3, 0.02), (3, 0.98)] {
        // Given ids that need no learning, or learned from what there is.
        let words: String = (0..lines).map(|line| format!("{}\n", text(line, 30))).collect();
        corpus.write("small.txt", format!("{words}{words}"));
        let mut request = corpus.request("out");
        request.sources = corpus.sources(&["small.txt"]);
        request.preparation.held_out = held_out;
        let given = tokenizer::train(&[Document { text: text(1, 500) }], 60).unwrap();
        for tokenizer in [request.tokenizer.clone(), TokenizerChoice::Given(Box::new(given))] {
            let request = Request { tokenizer, ..request.clone() };
            let manifest = quiet(&request).unwrap().shards.manifest().clone();
            let [train, held] =
                [Side::Train, Side::HeldOut].map(|side| manifest.counts(None, side).documents);
            assert!(train >= 2 && held >= 2 && train + held == 2 * lines, "{train} and {held}");
            assert_eq!((train % 2, held % 2), (0, 0), "a copy stands on the other side");
            fs::remove_dir_all(corpus.path("out")).unwrap();
        }
    }
}

#[test]
fn a_corpus_of_one_document_or_without_a_token_is_refused() {
    let corpus = Corpus::new();
    let mut request = corpus.request("out");
    corpus.write("one.txt", format!("{0}\n{0}\n", text(1, 30)));
    request.sources = corpus.sources(&["one.txt"]);
    assert!(
        refusal(&request).contains("expected at least 2 different documents, found 1"),
        "{}",
        refusal(&request)
    );
    corpus.write("none.txt", "\u{1}\u{2}\n\u{3}\n\u{4}\n");
    request.sources = corpus.sources(&["none.txt"]);
    let given = tokenizer::train(&[Document { text: text(1, 500) }], 60).unwrap();
    request.tokenizer = TokenizerChoice::Given(Box::new(given));
    request.out = corpus.path("other");
    let expected = "the documents hold no token: they are empty, or the tokenizer drops all of their text";
    assert_eq!(refusal(&request), expected);
    assert_eq!(refusal(&request), expected);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let corpus = Corpus::new();
    let request = corpus.request("out");
    let mut changed = false;
    let mut watch = |event: Event| {
        if matches!(event, Event::Advanced(status) if status.stage == Stage::Encoding) && !changed {
            changed = true;
            corpus.write("c.txt", text(7, 100));
        }
        Ok(())
    };
    // One thread reads few files ahead: the last one is read when there is a shard.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let error = pool.install(|| prepare(&request, &mut watch)).unwrap_err().to_string();
    assert!(error.contains("c.txt changed while it was read"), "{error}");
    assert!(refusal(&request).contains("c.txt changed: sha256 "), "{}", refusal(&request));
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let corpus = Corpus::new();
    corpus.write("file", "x");
    for (out, expected) in [
        ("a", "a holds other files, such as 00.txt: choose another --out"),
        ("file", "cannot create the folder "),
    ] {
        for existing in [Existing::Keep, Existing::Renew, Existing::Discard] {
            let error = refusal(&Request { existing, ..corpus.request(out) });
            assert!(error.contains(expected), "{error}");
        }
    }
    assert_eq!(corpus.bytes("a").len(), 12);
    fs::create_dir(corpus.path("out")).unwrap();
    corpus.write("out/tokenizer.json", "mine");
    assert!(refusal(&corpus.request("out")).contains("holds other files, such as tokenizer.json"));
    assert!(!corpus.path("out/.lock").exists());
}

#[test]
fn settings_out_of_range_are_refused() {
    let corpus = Corpus::new();
    let request = corpus.request("out");
    let weights = |weights: &[f64]| Request { weights: weights.to_vec(), ..request.clone() };
    assert!(refusal(&weights(&[1.])).starts_with("1 weights for 3 sources"));
    assert!(refusal(&weights(&[1., 0., 1.])).starts_with("weight 0 is not a positive number"));
    let mut request = corpus.request("out");
    request.preparation.held_out = 1.;
    assert!(refusal(&request).starts_with("held_out 1 is not a fraction"));
    assert!(!corpus.path("out").exists());
}
