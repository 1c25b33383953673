//! Official files: their layouts, their quirks, and what is refused.

use super::*;

fn tsv(task: Task, split: Split, text: &str) -> Result<Vec<Example>, String> {
    read_bytes(task, split, "a.tsv", text.as_bytes())
}

fn pairs(task: Task, split: Split, text: &str) -> Vec<Example> {
    tsv(task, split, text).unwrap()
}

#[test]
fn cola_has_no_header_but_in_its_test_set() {
    let train = "gj04\t1\t\tA \"quoted sentence.\ngj04\t0\t*\tWord the.";
    let expected = [example("A \"quoted sentence.", None, class(1)), example("Word the.", None, class(0))];
    assert_eq!(tsv(task("cola"), Split::Train, train).unwrap(), expected);
    let test = tsv(task("cola"), Split::Test, "index\tsentence\n0\tBill whistled.\n").unwrap();
    assert_eq!(test, [example("Bill whistled.", None, None)]);
    let named = tsv(task("cola"), Split::Validation, "label\tsentence\n1\tBill whistled.\n").unwrap();
    assert_eq!(named, [example("Bill whistled.", None, class(1))]);
}

#[test]
fn texts_keep_spaces_and_quotes() {
    let text = "sentence\tlabel\nhide \"new secretions \t0\n ' ok'' \" \t1\n";
    let expected =
        [example("hide \"new secretions ", None, class(0)), example(" ' ok'' \" ", None, class(1))];
    assert_eq!(tsv(task("sst2"), Split::Train, text).unwrap(), expected);
}

#[test]
fn every_task_of_pairs_has_its_columns() {
    let stsb = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n\
                0\tmain\tMSRvid\t2012\t1\tnone\tnone\tA plane.\tAn air plane.\t4.750\n";
    let score = Some(Target::Score(4.75));
    assert_eq!(pairs(task("stsb"), Split::Train, stsb), [example("A plane.", Some("An air plane."), score)]);
    let qqp = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhy?\t\t1\n";
    assert_eq!(pairs(task("qqp"), Split::Train, qqp), [example("Why?", Some(""), class(1))]);
    let qnli = "index\tquestion\tsentence\tlabel\n0\tWhat?\tThat.\tnot_entailment\n";
    assert_eq!(pairs(task("qnli"), Split::Validation, qnli), [example("What?", Some("That."), class(1))]);
    let rte = "index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\tnot_entailment\n";
    assert_eq!(pairs(task("rte"), Split::Train, rte), [example("One.", Some("Two."), class(1))]);
    let wnli = "index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\t1\n";
    assert_eq!(pairs(task("wnli"), Split::Train, wnli), [example("One.", Some("Two."), class(1))]);
    let ax = "index\tsentence1\tsentence2\n0\tOne.\tTwo.\n";
    assert_eq!(pairs(task("ax"), Split::Test, ax), [example("One.", Some("Two."), None)]);
}

#[test]
fn mnli_takes_the_gold_label_and_not_one_of_the_annotators() {
    let header = "index\tpromptID\tpairID\tgenre\tp1\tp2\tp3\tp4\tsentence1\tsentence2";
    let dev = format!(
        "{header}\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n\
         0\t1\t1n\tfiction\t( a )\t( b )\t(A)\t(B)\tOne.\tTwo.\tneutral\tneutral\tneutral\tneutral\tneutral\tcontradiction\n"
    );
    let expected = example("One.", Some("Two."), class(2));
    assert_eq!(pairs(task("mnli"), Split::ValidationMismatched, &dev), [expected]);
    let test = format!("{header}\n0\t1\t1n\tfiction\t( a )\t( b )\t(A)\t(B)\tOne.\tTwo.\n");
    assert_eq!(pairs(task("mnli"), Split::TestMismatched, &test), [example("One.", Some("Two."), None)]);
    let none = dev.replace("\tcontradiction\n", "\t-\n");
    let message = tsv(task("mnli"), Split::Validation, &none).unwrap_err();
    let expected =
        "a.tsv:2: unknown label, expected one of entailment, neutral, contradiction, found `-`, which says";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn byte_order_marks_and_line_ends_are_no_text() {
    let mrpc =
        "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tHe said .\tShe \" said .\r\n\r\n\n";
    let expected = [example("He said .", Some("She \" said ."), class(1))];
    assert_eq!(pairs(task("mrpc"), Split::Train, mrpc), expected);
    assert_eq!(pairs(task("mrpc"), Split::Train, mrpc.trim_end()), expected);
    assert_eq!(pairs(task("mrpc"), Split::Test, mrpc), expected);
    let test = mrpc.replace("\u{feff}Quality", "index");
    assert_eq!(pairs(task("mrpc"), Split::Test, &test)[0].target, None);
}

#[test]
fn only_labelled_rows_of_qqp_may_be_broken() {
    let text = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhy?\tHow?\t0\n2\t3\t4\tWhat\n is?\tWhat?\t1\n\
                3\t4\t5\tA?\tB?\t\n4\t5\t6\tWho?\tWhom?\t1\n";
    let folder = folder(&[("QQP/train.tsv", text.as_bytes())]);
    let found = load(task("qqp"), Split::Train, &source(&folder, task("qqp"))).unwrap();
    assert_eq!(
        found.examples,
        [example("Why?", Some("How?"), class(0)), example("Who?", Some("Whom?"), class(1))]
    );
    assert!(found.notes[0].ends_with("QQP/train.tsv: skipped 3 broken row(s), the first in line 3"));
    let test = "id\tquestion1\tquestion2\n0\tWhy?\tHow?\n1\tWhat\n";
    let message = tsv(task("qqp"), Split::Test, test).unwrap_err();
    assert!(message.starts_with("a.tsv:3: 2 column(s), expected 3"), "{message}");
}

#[test]
fn rows_with_other_columns_are_named_by_line() {
    let start = "index\tsentence1\tsentence2\tlabel\n0\tOne.\tTwo.\tentailment\n";
    for (row, found) in [("1\tOne.\tTwo.", 3), ("1\tOne.\tTw\to.\tentailment", 5), ("", 1)] {
        let text = format!("{start}{row}\n1\tOne.\tTwo.\tentailment\n");
        assert_eq!(
            tsv(task("rte"), Split::Train, &text).unwrap_err(),
            format!(
                "a.tsv:3: {found} column(s), expected 4 (tab separated): is it another task's, or rewritten by a \
                 program that quotes? The official data is https://dl.fbaipublicfiles.com/glue/data/RTE.zip"
            )
        );
    }
    let message = tsv(task("cola"), Split::Train, "1\tA sentence.\n").unwrap_err();
    assert!(message.starts_with("a.tsv:1: 2 column(s), expected 4"), "{message}");
}

#[test]
fn unknown_headers_are_named_with_what_was_expected() {
    let message = tsv(task("sst2"), Split::Train, "sentence,label\nfine,1\n").unwrap_err();
    let expected = "a.tsv:1: expected the columns sentence, label, found 1 column(s): sentence,label: is it another task's";
    assert!(message.starts_with(expected), "{message}");
    let message = tsv(task("qnli"), Split::Train, "index\tquestion\tsentence\n0\ta\tb\n").unwrap_err();
    assert!(
        message.starts_with("a.tsv:1: expected the columns question, sentence, label, found 3"),
        "{message}"
    );
}

#[test]
fn unknown_and_missing_labels_are_named_by_line() {
    let refused = |text: &str| {
        tsv(task("sst2"), Split::Train, &format!("sentence\tlabel\ngood\t1\n{text}")).unwrap_err()
    };
    assert_eq!(
        refused("bad\t2\n"),
        "a.tsv:3: unknown label, expected 0 or 1 (negative, positive), found `2`"
    );
    assert!(refused("bad\t\n").starts_with("a.tsv:3: no label, expected 0 or 1 (negative, positive)"));
    let stsb = "sentence1\tsentence2\tscore\nOne.\tTwo.\t5.2\n";
    assert_eq!(
        tsv(task("stsb"), Split::Validation, stsb).unwrap_err(),
        "a.tsv:2: unknown label, expected a number from 0 to 5, found `5.2`"
    );
}

#[test]
fn files_without_rows_are_refused() {
    for text in ["sentence\tlabel\n", "sentence\tlabel"] {
        assert_eq!(
            tsv(task("sst2"), Split::Train, text).unwrap_err(),
            "a.tsv: no rows, expected those of a training set"
        );
    }
    for text in ["", "\n", "\u{feff}"] {
        let message = tsv(task("cola"), Split::Train, text).unwrap_err();
        assert_eq!(message, "a.tsv: the file is empty: was it copied completely?");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_named_by_line() {
    let refused = |bytes: &[u8]| read_bytes(task("sst2"), Split::Train, "a.tsv", bytes).unwrap_err();
    let latin = refused(b"sentence\tlabel\nfine\t1\ncaf\xe9\t0\n");
    assert!(latin.starts_with("a.tsv:3: not UTF-8 (found 0xe9 at byte 3 of the line): get the"), "{latin}");
    assert!(latin.ends_with("iconv -f LATIN1 -t UTF-8"), "{latin}");
    assert!(refused(b"\xff\xfes\0e\0n\0").ends_with("iconv -f UTF-16 -t UTF-8"));
}
