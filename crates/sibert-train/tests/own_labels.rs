//! Labels of one's own: tables from `finetune` over `evaluate` to `predict`, without a file that describes them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use serde_json::{Value, json};

use support::tasks::{QUICK, with};
use support::{Folder, assert_has, refused, stderr, stdout};

/// A folder with a BERT in `run`.
fn folder() -> Folder {
    let folder = Folder::new();
    let bert = ["--set", "max_steps=2", "eval_every=2", "model.type=bert", "optimizer=adamw", "clip=none"];
    stdout(&folder.pretrain(&bert));
    folder
}

/// What a sentence is about, and its place.
const PLACES: [(&str, &str); 5] =
    [("house", "town"), ("river", "water"), ("garden", "green"), ("forest", "green"), ("city", "town")];
const ANIMALS: [&str; 6] = ["cat", "dog", "horse", "bird", "fish", "mouse"];

fn place(i: usize) -> (&'static str, &'static str) {
    PLACES[(i * 3) % 5]
}

fn sentence(i: usize) -> String {
    format!("The {}, say, lives near the {}.", ANIMALS[(i * 7) % 6], place(i).0)
}

/// A table with an id, a text and a kind of place.
fn csv(rows: std::ops::Range<usize>) -> String {
    let row = |i: usize| format!("{i},\"{}\",{}\n", sentence(i), place(i).1);
    format!("id,text,kind\n{}", rows.map(row).collect::<String>())
}

fn finetune<'a>(train: &'a str, out: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["finetune", "--model", "run", "--train", train, "--out", out], &QUICK[..], options].concat()
}

fn learned<'a>(train: &'a str, out: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    with(&finetune(train, out, options), &["--epochs", "40", "--lr", "2e-2"])
}

fn json_of(folder: &Folder, file: &str) -> Value {
    serde_json::from_str(&folder.text(file)).unwrap()
}

#[test]
fn a_set_of_glue_as_a_table_gives_the_task_s_own_weights_and_figures() {
    let folder = folder();
    let glue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/glue");
    for set in ["train", "dev"] {
        let official = std::fs::read_to_string(glue.join(format!("CoLA/{set}.tsv"))).unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("\"{}\",{}\n", cells[3].replace('"', "\"\""), cells[1])
        };
        folder.write(
            &format!("{set}.csv"),
            format!("sentence,label\n{}", official.lines().map(row).collect::<String>()),
        );
    }
    let data = glue.to_str().unwrap();
    let task = ["finetune", "--task", "cola", "--model", "run", "--data-dir", data, "--out", "task"];
    stdout(&folder.sibert(&[&task[..], &QUICK].concat()));
    let table =
        ["--validation", "dev.csv", "--text", "sentence", "--label", "label", "--metrics", "matthews"];
    stdout(&folder.sibert(&finetune("train.csv", "own", &table)));
    assert!(folder.bytes("task/model.safetensors") == folder.bytes("own/model.safetensors"));
    let figures =
        |out: &str| json_of(&folder, &format!("{out}/finetune.json"))["seeds"][0]["figures"].clone();
    assert_eq!(figures("task"), figures("own"));
    assert!(folder.bytes("task/seed-0/outcomes.json") == folder.bytes("own/seed-0/outcomes.json"));
}

#[test]
fn classes_of_a_table_are_learned_judged_one_by_one_and_predicted() {
    let folder = folder();
    folder.write("all.csv", csv(0..90));
    folder.write("test.csv", csv(90..120));
    let options = ["--test-split", "0.2", "--text", "text", "--label", "kind", "--name", "places"];
    assert_has(&stdout(&folder.sibert(&learned("all.csv", "places", &options))), "places");
    let config = json_of(&folder, "places/config.json");
    assert_eq!(config["id2label"], json!({"0": "green", "1": "town", "2": "water"}));
    assert_eq!(config["problem_type"], "single_label_classification");

    let evaluate = ["evaluate", "--model", "places", "--validation", "test.csv", "--confusion", "conf"];
    let output = folder.sibert(&evaluate);
    let (figures, table): (Value, String) =
        (serde_json::from_str(&stdout(&output)).unwrap(), stderr(&output));
    assert!(figures["figures"]["accuracy"].as_f64().unwrap() > 0.5, "the commonest class has 0.4: {figures}");
    assert_eq!(figures["classes"][1]["name"], "town");
    let support: u64 =
        figures["confusion"][1].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(figures["classes"][1]["support"], support);
    assert_has(&table, "class precision  recall      f1  support");
    assert!(folder.text("conf.svg").contains("water") && folder.bytes("conf.png").starts_with(b"\x89PNG"));
    // without a table the model knows which rows were held out, as long as the table is there
    assert_has(&stdout(&folder.sibert(&["evaluate", "--model", "places"])), "\"data\": \"all.csv\"");

    stdout(&folder.sibert(&[
        "predict",
        "--model",
        "places",
        "--input",
        "test.csv",
        "--out",
        "answers.jsonl",
    ]));
    let answers = folder.text("answers.jsonl");
    let rows: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (rows.len(), &rows[3]["id"], rows[3]["text"].as_str()),
        (30, &json!("93"), Some(&*sentence(93)))
    );
    let shares = |row: &Value| ["p_green", "p_town", "p_water"].map(|name| row[name].as_f64().unwrap());
    assert!(rows.iter().all(|row| (shares(row).iter().sum::<f64>() - 1.).abs() < 1e-5));
    let right = rows.iter().filter(|row| row["label"] == row["kind"]).count() as f64 / 30.;
    assert_eq!(Some(right), figures["figures"]["accuracy"].as_f64());

    let told = stdout(&folder.sibert(&["predict", "--model", "places", "--text", &sentence(93)]));
    assert_has(&told, &format!("label    {}", rows[3]["label"].as_str().unwrap()));
    assert_has(&told, "p_water  0.");
}

#[test]
fn words_with_labels_are_learned_from_columns() {
    let folder = folder();
    let columns = |rows: std::ops::Range<usize>| -> String {
        let sentence = |i: usize| {
            let (animal, place) = (ANIMALS[(i * 7) % 6], place(i).0);
            format!("The O\n{animal} B-WHO\nlives O\nnear O\nthe B-AT\n{place} I-AT\n\n")
        };
        rows.map(sentence).collect()
    };
    folder.write("train.conll", columns(0..60));
    folder.write("dev.conll", columns(60..80));
    stdout(&folder.sibert(&learned("train.conll", "words", &["--validation", "dev.conll"])));
    let config = json_of(&folder, "words/config.json");
    assert_eq!(config["architectures"], json!(["BertForTokenClassification"]));
    assert_eq!(config["id2label"]["0"], "O");
    let output = folder.sibert(&["evaluate", "--model", "words"]);
    let figures: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(figures["figures"]["entity_f1"].as_f64().unwrap() > 0.8, "{figures}");
    assert_eq!(
        figures["classes"][0],
        json!({"name": "AT", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 20})
    );
    let told =
        stdout(&folder.sibert(&["predict", "--model", "words", "--text", "The cat lives near the river"]));
    assert_has(&told, "labels  O, B-WHO, O, O, B-AT, I-AT");
    stdout(&folder.sibert(&[
        "predict",
        "--model",
        "words",
        "--input",
        "dev.conll",
        "--out",
        "answers.jsonl",
    ]));
    let answers = folder.text("answers.jsonl");
    assert_has(&answers, "{\"text\":[\"The\",\"");
    assert_eq!(answers.matches("\"labels\":[\"O\",\"B-WHO\",\"O\",\"O\",\"B-AT\",\"I-AT\"]").count(), 20);
    // each word as in the window that shows most around it, which is a text of its own here; a word is a token
    let words: Vec<&str> =
        ["the", "cat", "lives", "near", "the", "river"].into_iter().cycle().take(45).collect();
    let labels = |words: &[&str], more: &[&str]| -> Vec<String> {
        let text = words.join(" ");
        let told =
            stdout(&folder.sibert(&[&["predict", "--model", "words", "--text", &text], more].concat()));
        told.trim().trim_start_matches("labels").trim().split(", ").map(str::to_owned).collect()
    };
    let parts = [0..16, 8..24, 16..32, 24..40, 32..45];
    let alone = parts.clone().map(|part| labels(&words[part], &[]));
    let around = |part: usize, word: usize| {
        let std::ops::Range { start, end } = parts[part];
        (start..end).contains(&word).then(|| 100 * (word - start).min(end - 1 - word) + end - start)
    };
    let here = |word: usize| (0..5).rev().max_by_key(|&part| around(part, word)); // of equal ones the first
    let expected = (0..45).map(|word| {
        let part = here(word).unwrap();
        alone[part][word - 8 * part].clone()
    });
    assert_eq!(labels(&words, &["--max-seq-len", "18", "--doc-stride", "8"]), expected.collect::<Vec<_>>());
}

#[test]
fn no_word_of_a_long_text_is_lost_in_training_and_evaluation() {
    let folder = folder();
    let text = |sentences: usize, between: &str| {
        let sentence = |i: usize| format!("The O\n{} B-WHO\nlives O\nhere O\n{between}", ANIMALS[i % 6]);
        (0..sentences).map(sentence).collect::<String>()
    };
    folder.write("train.conll", text(60, "")); // one text of 240 words
    folder.write("dev.conll", text(30, ""));
    let short = ["--validation", "dev.conll", "--max-seq-len", "12"];
    stdout(&folder.sibert(&learned("train.conll", "long", &short)));
    let figures: Value =
        serde_json::from_str(&stdout(&folder.sibert(&["evaluate", "--model", "long"]))).unwrap();
    assert_eq!(figures["classes"][0]["support"], 30, "the animals of the whole text: {figures}");
    assert_eq!(figures["figures"]["entity_f1"], 1.0, "{figures}");
}

#[test]
fn labels_in_columns_of_marks_give_the_model_that_lists_of_them_give() {
    let folder = folder();
    let names = ["green", "town", "water"];
    let held = |i: usize| if i.is_multiple_of(5) { vec![] } else { vec![place(i).1] };
    let list = |i: usize| json!({"text": sentence(i), "about": held(i)}).to_string() + "\n";
    let marks = |i: usize| {
        let mark = |name: &&str| if held(i).contains(name) { "1" } else { "0" };
        format!("{},\"{}\"\n", names.iter().map(mark).collect::<Vec<_>>().join(","), sentence(i))
    };
    let table = |rows: std::ops::Range<usize>| {
        format!("green,town,water,text\n{}", rows.map(marks).collect::<String>())
    };
    folder.write("lists.jsonl", (0..60).map(list).collect::<String>());
    folder.write("lists-dev.jsonl", (60..80).map(list).collect::<String>());
    folder.write("marks.csv", table(0..60));
    folder.write("marks-dev.csv", table(60..80));
    let train = |file: &str, dev: &str, out: &str, labels: &[&str]| {
        let options = [&["--validation", dev, "--text", "text", "--label"], labels].concat();
        stdout(&folder.sibert(&finetune(file, out, &options)));
    };
    train("lists.jsonl", "lists-dev.jsonl", "lists", &["about"]);
    train("marks.csv", "marks-dev.csv", "marks", &names);
    let weights = |run: &str| std::fs::read(folder.path(&format!("{run}/model.safetensors"))).unwrap();
    assert!(weights("lists") == weights("marks"));
    assert_eq!(json_of(&folder, "marks/config.json")["problem_type"], "multi_label_classification");
    let figures = |run: &str| -> Value {
        let all: Value =
            serde_json::from_str(&stdout(&folder.sibert(&["evaluate", "--model", run]))).unwrap();
        all["figures"].clone()
    };
    assert_eq!(figures("lists"), figures("marks"));
    folder.write("new.csv", "text\nThe cat lives near the river.\n");
    stdout(&folder.sibert(&["predict", "--model", "marks", "--input", "new.csv", "--out", "answers.csv"]));
    assert_has(&folder.text("answers.csv"), "text,labels,p_green,p_town,p_water\n");
    folder.write("marks.csv", table(0..2).replace("\n1,0", "\n1,maybe"));
    let line = ["--validation", "marks-dev.csv", "--text", "text", "--label", "green", "town", "water"];
    let said = refused(&folder.sibert(&finetune("marks.csv", "none", &line)));
    assert_has(
        &said,
        "marks.csv:3: the column town: expected 0 or 1, true or false, yes or no, found `maybe`",
    );
}

/// A copy of a model whose `config.json` has lost some keys.
fn without(folder: &Folder, model: &str, keys: &[&str]) -> String {
    let name = format!("{model}-elsewhere");
    let (from, to) = (folder.path(model), folder.path(&name));
    std::fs::create_dir_all(&to).unwrap();
    for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let mut config = json_of(folder, &format!("{model}/config.json"));
    let all = ["task", "finetuning_task", "task_specific_params"];
    all.iter().chain(keys).for_each(|key| drop(config.as_object_mut().unwrap().remove(*key)));
    folder.write(&format!("{name}/config.json"), config.to_string());
    name
}

#[test]
fn a_model_from_elsewhere_answers_by_its_config_as_it_does_by_its_task() {
    let folder = folder();
    folder.write("classes.csv", csv(0..30));
    let list = |i: usize| json!({"text": sentence(i), "about": [place(i).1]}).to_string() + "\n";
    folder.write("several.jsonl", (0..30).map(list).collect::<String>());
    folder.write(
        "score.csv",
        format!("text,label\n{}", (0..30).map(|i| format!("{},0.{i}\n", ANIMALS[i % 6])).collect::<String>()),
    );
    let words = |i: usize| format!("The O\n{} B-WHO\nsleeps O\n\n", ANIMALS[i % 6]);
    folder.write("words.conll", (0..20).map(words).collect::<String>());
    let split = ["--test-split", "0.4"];
    let sets: [(&str, &str, &[&str]); 4] = [
        ("classes", "classes.csv", &["--text", "text", "--label", "kind"]),
        ("several", "several.jsonl", &["--text", "text", "--label", "about"]),
        ("score", "score.csv", &["--text", "text", "--label", "label"]),
        ("words", "words.conll", &[]),
    ];
    for (name, file, options) in sets {
        stdout(&folder.sibert(&finetune(file, name, &[&split[..], options].concat())));
        let other = without(&folder, name, &[]);
        let answer = |model: &str| {
            stdout(&folder.sibert(&["predict", "--model", model, "--text", "The cat lives near the river"]))
        };
        assert_eq!(answer(name), answer(&other), "{name}");
    }
    let nameless = without(&folder, "classes", &["id2label", "label2id", "problem_type"]);
    let told = |more: &[&str]| {
        stdout(&folder.sibert(&[&["predict", "--model", &nameless, "--text", "The cat"], more].concat()))
    };
    assert_has(&told(&[]), "p_LABEL_2");
    assert_has(&told(&["--labels", "a,b,c"]), "p_b");
    let said = refused(&folder.sibert(&["predict", "--model", &nameless, "--text", "x", "--labels", "a,b"]));
    assert_has(&said, "2 label names for a head of 3 outputs: name them in the model's order with --labels");
    folder.write("dev.csv", "text,label\nThe cat.,town\nThe river.,water\n");
    let other = without(&folder, "classes", &[]);
    assert_has(
        &stdout(&folder.sibert(&["evaluate", "--model", &other, "--validation", "dev.csv"])),
        "\"accuracy\"",
    );
    let said = refused(&folder.sibert(&["predict", "--model", "run", "--text", "x"]));
    assert_has(&said, "expected one that ends in ForSequenceClassification or ForTokenClassification");
}

#[test]
fn several_labels_of_a_text_are_learned_from_lists() {
    let folder = folder();
    let row = |i: usize| {
        let labels: Vec<&str> =
            [place(i).1].into_iter().chain(ANIMALS[(i * 7) % 6].contains('s').then_some("s")).collect();
        json!({"text": sentence(i), "about": labels}).to_string() + "\n"
    };
    folder.write("train.jsonl", (0..90).map(row).collect::<String>());
    folder.write("dev.jsonl", (90..120).map(row).collect::<String>());
    let options = ["--validation", "dev.jsonl", "--text", "text", "--label", "about"];
    stdout(&folder.sibert(&learned("train.jsonl", "several", &options)));
    let config = json_of(&folder, "several/config.json");
    assert_eq!(config["problem_type"], "multi_label_classification");
    assert_eq!(config["label2id"], json!({"green": 0, "s": 1, "town": 2, "water": 3}));
    let figures: Value =
        serde_json::from_str(&stdout(&folder.sibert(&["evaluate", "--model", "several"]))).unwrap();
    assert!(
        figures["figures"]["f1_micro"].as_f64().unwrap() > 0.6,
        "all labels for all texts give 0.55: {figures}"
    );
    stdout(&folder.sibert(&[
        "predict",
        "--model",
        "several",
        "--input",
        "dev.jsonl",
        "--out",
        "answers.csv",
    ]));
    assert_has(&folder.text("answers.csv"), "text,about,labels,p_green,p_s,p_town,p_water\n");
}

#[test]
fn numbers_of_a_table_are_learned() {
    let folder = folder();
    let rows = |rows: std::ops::Range<usize>| -> String {
        rows.map(|i| format!("{}\t{}\t{}\n", place(i).0, sentence(i), (i * 3 % 5) as f64 / 2.)).collect()
    };
    folder.write("train.tsv", format!("word\ttext\tx\n{}", rows(0..60)));
    folder.write("dev.tsv", format!("word\ttext\tx\n{}", rows(60..80)));
    let options = ["--validation", "dev.tsv", "--text", "word", "text", "--label", "x"];
    assert_has(&stdout(&folder.sibert(&finetune("train.tsv", "numbers", &options))), "pearson");
    assert_eq!(json_of(&folder, "numbers/config.json")["problem_type"], "regression");
    stdout(&folder.sibert(&["predict", "--model", "numbers", "--input", "dev.tsv", "--out", "answers.tsv"]));
    let answers = folder.text("answers.tsv");
    assert_has(&answers, "word\ttext\tx\tscore\n");
    let is_number = |line: &str| line.rsplit('\t').next().unwrap().parse::<f64>().is_ok();
    assert_eq!(answers.lines().skip(1).filter(|line| is_number(line)).count(), 20);
    let one = refused(&folder.sibert(&["predict", "--model", "numbers", "--text", "alone"]));
    assert_has(&one, "--text: own takes 2 text(s) (word, text), found 1");
}

#[test]
fn what_is_wrong_with_a_table_is_named() {
    let folder = folder();
    folder.write("a.csv", "text,kind\nA house.,town\nA river.,water\n");
    let refused = |train: &str, dev: &str, options: &[&str]| {
        folder.write("train.csv", train);
        folder.write("dev.csv", dev);
        let said = refused(&folder.sibert(&finetune("train.csv", "out", options)));
        std::fs::remove_dir_all(folder.path("out")).ok();
        said
    };
    let (good, columns) =
        (folder.text("a.csv"), ["--validation", "dev.csv", "--text", "text", "--label", "kind"]);
    let said = refused(&good, &good, &["--validation", "dev.csv", "--text", "txt", "--label", "kind"]);
    assert_has(&said, "train.csv: no column txt (did you mean text?), found text, kind");
    let said = refused(&good.replace(",water", ","), &good, &columns);
    assert_has(&said, "train.csv:3: no label in the column kind: fill it in, or leave the row out");
    let said = refused(&good.replace("water", "town"), &good, &columns);
    assert_has(&said, "train.csv: the column kind holds one class alone, town, in all 2 rows");
    let said = refused(&good, &good.replace("water", "sea"), &columns);
    assert_has(&said, "dev.csv:3: unknown label, expected one of town, water, found `sea`");
    let said = refused(&good.replace("A river.", " "), &good, &columns);
    assert_has(&said, "train.csv:3: the text is empty: fill it in, or leave the row out");
    let said = refused(&good, &good, &["--text", "text", "--label", "kind"]);
    assert_has(
        &said,
        "train.csv: nothing to evaluate on: name a table with --validation, or hold out a tenth",
    );
    let said = refused(&good, &good, &["--validation", "none.csv", "--text", "text", "--label", "kind"]);
    assert_has(&said, "none.csv: no such file");
    let many: String = (0..10_000).map(|row| format!("a,{row}\n")).collect();
    let said = refused(&format!("text,kind\n{many}"), &good, &columns);
    assert_has(&said, "holds 10000 classes in 10000 rows, too many to learn: is it the right column?");
    let said = refused(&format!("text,kind\n{many}a,n/a\n"), &good, &columns);
    assert_has(&said, "10000 cells are numbers, and train.csv:10002 holds `n/a`");
    let said = refused(
        &good.replace("text,kind", "text,text"),
        &good,
        &["--text", "text", "--label", "text", "--test-split", "0.5"],
    );
    assert_has(&said, "train.csv: columns 1 and 2 are both named text: rename one");
    let said = refused("text,kind\na,0.5\nb,0.5\n", &good, &columns);
    assert_has(&said, "the column kind holds one number alone, 0.5, in all 2 rows");
    let split = ["--text", "text", "--label", "kind", "--test-split"];
    assert_has(
        &refused(&good, &good, &with(&split, &["20"])),
        "--test-split 20, expected a share above 0 and below 1",
    );
    let said = refused(&good, &good, &with(&columns, &["--separator", ";"]));
    assert_has(&said, "--separator \";\" means nothing here: it stands between several labels in a cell");
    folder.write("train.csv", &good);
    folder.write("dev.csv", &good);
    for (lr, message) in [
        ("1e9", "--lr 1000000000, expected a number below"),
        ("-1", "--lr -1, expected a finite number above 0"),
    ] {
        let command = with(&finetune("train.csv", "out", &columns), &["--lr", lr]);
        let said = support::refused(&folder.sibert(&command));
        assert_has(&said, message);
        assert!(!folder.exists("out/settings.json"), "a corrected command may take the folder");
    }
}

/// A row that is held out is never one that the model was trained on, though the table has grown since, or holds rows twice.
#[test]
fn what_is_held_out_stays_so_when_the_table_grows() {
    let folder = folder();
    folder.write("train.csv", csv(0..40));
    let options = ["--test-split", "0.2", "--text", "text", "--label", "kind", "--epochs", "1"];
    stdout(&folder.sibert(&with(&finetune("train.csv", "own", &[]), &options)));
    let held_out = |rows: std::ops::Range<usize>, model: &str| {
        folder.write("train.csv", csv(rows));
        let figures: Value =
            serde_json::from_str(&stdout(&folder.sibert(&["evaluate", "--model", model]))).unwrap();
        let classes = figures["classes"].as_array().unwrap().clone();
        classes.iter().map(|class| class["support"].as_u64().unwrap()).sum::<u64>()
    };
    let (before, after) = (held_out(0..40, "own"), held_out(0..80, "own"));
    assert!(before > 0 && after > before, "{before}, {after}: new rows join those that were held out");
    folder.write("train.csv", csv(0..40));
    folder.write("dev.csv", csv(30..50));
    let said = stderr(&folder.sibert(&with(
        &finetune("train.csv", "copies", &[]),
        &["--validation", "dev.csv", "--text", "text", "--label", "kind", "--epochs", "1"],
    )));
    assert_has(&said, "of the 20 inputs to evaluate on are also in the set to train on");
}

#[test]
fn what_is_wrong_with_a_table_to_answer_is_named() {
    let folder = folder();
    folder.write("train.csv", csv(0..20));
    let options = ["--test-split", "0.2", "--text", "text", "--label", "kind", "--epochs", "1"];
    stdout(&folder.sibert(&with(&finetune("train.csv", "own", &[]), &options)));
    let refused = |input: &str, out: &str| {
        folder.write("new.csv", input);
        refused(&folder.sibert(&["predict", "--model", "own", "--input", "new.csv", "--out", out]))
    };
    assert_has(
        &refused("id,txt\n1,a\n", "out.csv"),
        "new.csv: no column text (did you mean txt?), found id, txt",
    );
    assert_has(&refused("id,text\n1,a\n2,\n", "out.csv"), "new.csv:3: the text is empty");
    assert_has(&refused("id,text\n1,a\n", "out.xls"), "out.xls: its name does not say what to write");
    assert_has(&refused("id,text\n1,a\n", "new.csv"), "--out new.csv is the --input, which it would replace");
    assert_has(
        &refused("id,text\n1,\"a\"b\n", "out.csv"),
        "new.csv:2: a cell goes on behind its closing double quote",
    );
    assert!(!folder.exists("out.csv"));
}
