//! Tables of cells: which column is read, and what is refused.

use super::*;

fn field(name: &str) -> Reading {
    Reading { field: name.into(), ..Reading::default() }
}

#[test]
fn a_column_of_a_table_is_read_with_its_quotes_undone() {
    let csv = "\u{feff}id,text,label\r\n1,\"one, and \"\"two\"\"\",a\r\n2,,b\r\n\r\n3,\"line\nline\",c\r\n4, plain ,d";
    let expected = ["one, and \"two\"", "line\nline", " plain"];
    let (texts, skipped) = read_bytes("a.csv", csv.as_bytes(), &Reading::default()).unwrap();
    assert_eq!((texts, skipped), (expected.map(String::from).to_vec(), 1));
    assert_eq!(read_bytes("a.csv", csv.as_bytes(), &field("label")).unwrap().0, ["a", "b", "c", "d"]);
    let tsv = "id\ttext\n1\tone, two\n2\t\"a\ttab\"\n";
    assert_eq!(read_bytes("a.tsv", tsv.as_bytes(), &Reading::default()).unwrap().0, ["one, two", "a\ttab"]);
    assert_eq!(read_bytes("a.csv.gz", &gzip(csv.as_bytes()), &Reading::default()).unwrap().0, expected);
    assert_eq!(read_bytes("a.csv", b"text\rone\rtwo\r", &Reading::default()).unwrap().0, ["one", "two"]);
    assert_eq!(read_bytes("a.csv", b"", &Reading::default()).unwrap().0, [""; 0]);
    assert_eq!(read_bytes("a.csv", b"text\n", &Reading::default()).unwrap().0, [""; 0]);
}

#[test]
fn a_table_without_the_column_is_named_with_those_there_are() {
    assert_eq!(
        refusal("a.csv", b"id,title\n1,x\n", &Reading::default()),
        "@: no column text, found id, title: name the one that holds the text with --field NAME (pretrain: --set \
         field=NAME)"
    );
    assert_starts(
        &refusal("a.tsv", b"id,title\n1,x\n", &field("title")),
        "@: no column title, found id,title: name",
    );
    assert_starts(
        &refusal("a.csv", b"text,text\n1,x\n", &Reading::default()),
        "@: columns 1 and 2 are both named text: rename one",
    );
}

#[test]
fn rows_that_are_torn_are_named_by_line() {
    let torn = "id,text\n1,\"a\nb\"\n2,c,d\n";
    assert_starts(
        &refusal("a.csv", torn.as_bytes(), &Reading::default()),
        "@:4: found 3 cells, expected 2, as in the first row",
    );
    for ends in ["\n", "\r\n", "\r"] {
        let torn = ["\u{feff}id,text", "1,\"a", "b\"", "2", ""].join(ends);
        let message = refusal("a.csv", torn.as_bytes(), &Reading::default());
        assert_starts(&message, "@:4: found 1 cells, expected 2");
    }
    assert_starts(
        &refusal("a.csv", b"id,text\n1,caf\xe9\n", &Reading::default()),
        "@:2: not UTF-8 (found 0xe9 at byte 3 of the text)",
    );
    for torn in ["id,text\n1,a\n2,\"b\n3,\"c\"\n", "id,text\n1,a\n2,\"b\"c\n", "id,text\n1,a\n\"2\" ,b\n"] {
        assert_starts(
            &refusal("a.csv", torn.as_bytes(), &Reading::default()),
            "@:3: a cell goes on behind its closing double quote",
        );
    }
    for open in ["id,text\n1,a\n2,\"b\n3,c\n", "id,text\n1,a\n2,\"b\n3,c", "id,text\n1,a\n2,\"b,c"] {
        assert_starts(
            &refusal("a.csv", open.as_bytes(), &Reading::default()),
            "@:3: the table ends within the double quotes that begin here or below",
        );
    }
}

#[test]
fn bad_lines_and_rows_are_counted_where_they_are_skipped() {
    let skipping = Reading { skip_bad: true, ..Reading::default() };
    let values = [Some(&b"good"[..]), Some(b"caf\xe9"), Some(b"end")];
    let parquet = super::table::of_texts(&values, ::parquet::file::properties::WriterProperties::default());
    let json =
        b"{\"text\":\"good\"}\n{\"text\":\"\\ud83d\"}\n{\"text\":3}\n{\"x\":1}\n{\"te\n{\"text\":\"end\"}\n";
    for (name, bytes, bad, first) in [
        ("a.txt", &b"good\n\n\xff\n\nend"[..], 1, "@: byte offset 6: not UTF-8"),
        ("a.csv", b"id,text\n1,good\n2\n3,\xff\n4,end\n", 2, "@:3: found 1 cells"),
        ("b.csv", b"id,text\n1,good\n2,\"a\"b\n4,end\n", 1, "@:3: a cell goes on behind"),
        ("a.jsonl", json, 4, "@:2: column 16: half a character"),
        ("a.parquet", &parquet, 1, "@: row 2: not UTF-8"),
    ] {
        let folder = folder(&[(name, bytes)]);
        let path = spec(&folder.path().join(name));
        let file = &resolve(std::slice::from_ref(&path)).unwrap()[0].files[0];
        let mut documents = file.documents(&skipping).unwrap();
        let texts: Vec<String> = documents.by_ref().map(|document| document.unwrap().text).collect();
        assert_eq!(texts, ["good", "end"], "{name}");
        let left_out = documents.left_out();
        assert_eq!(left_out.bad, bad, "{name}");
        let note = left_out.note("@").unwrap().replace(&path, "@");
        let lines = if bad == 1 { "1 bad line".to_owned() } else { format!("{bad} bad lines") };
        assert_starts(&note, &format!("@: {lines} left out, the first: {first}"));
    }
}
