//! Files that are not what their names say, cut off or damaged.

use super::table::{all_properties, of_texts};
use super::*;

fn refused(name: &str, bytes: &[u8]) -> String {
    refusal(name, bytes, &Reading::default())
}

fn parquet() -> Vec<u8> {
    let values: Vec<Option<String>> = (0..40).map(|i| Some(format!("text {}", i % 9))).collect();
    of_texts(&values, all_properties().remove(0))
}

#[test]
fn files_that_are_not_what_their_names_say_are_named() {
    let (gz, zst, parquet) = (gzip(b"text"), zstd(b"text"), parquet());
    for (name, bytes, message) in [
        ("a.txt", &gz[..], "@: seems to be gzip, its name says text: give its name the end .gz"),
        ("a.jsonl", &zst, "@: seems to be zstd, its name says text: give its name the end .zst"),
        ("a", &parquet, "@: seems to be parquet, its name says text: give its name the end .parquet"),
        ("a.parquet", &gz, "@: seems to be gzip, its name says parquet: give"),
        ("a.txt.gz", &zst, "@: seems to be zstd, its name says gzip: give"),
        ("a.txt.zst", b"plain", "@: is not zstd, as its name says: name it by what is in it"),
        ("a.parquet", b"plain", "@: is not parquet, as its name says"),
        ("a.txt.gz", b"", "@: the file is empty, expected gzip: was it copied completely?"),
        ("a.txt", b"BZh91AY", "@: seems to be bzip2, its name says text: decompress it first"),
        ("a.tar.gz", &gz, "@: an archive, expected a file of text: unpack it first"),
    ] {
        assert_starts(&refused(name, bytes), message);
    }
}

#[test]
fn truncated_files_are_named_wherever_they_end() {
    let text: String = (0..300).map(|i| format!("line {i}\n")).collect();
    for (name, bytes, kind) in
        [("a.txt.gz", gzip(text.as_bytes()), "gzip"), ("a.txt.zst", zstd(text.as_bytes()), "zstd")]
    {
        for end in 4..bytes.len() {
            let message = refused(name, &bytes[..end]);
            let start = format!("@: ends in the middle: its {kind} data stops after ");
            assert_starts(&message, &start);
            let offset = message[start.len()..].split(' ').next().unwrap();
            assert!(offset.parse::<usize>().unwrap() <= text.len(), "{message}");
            assert!(message.ends_with(" decompressed bytes: was it copied completely?"), "{message}");
        }
    }
}

#[test]
fn damaged_compressed_files_are_named() {
    let text: String = (0..300).map(|i| format!("line {}\n", i * i)).collect();
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    let zstd = encoder.finish().unwrap();
    for (name, mut bytes, kind, from_end) in
        [("a.txt.gz", gzip(text.as_bytes()), "gzip", 6), ("a.txt.zst", zstd, "zstd", 1)]
    {
        let sum = bytes.len() - from_end;
        bytes[sum] ^= 0xff;
        let message = refused(name, &bytes);
        assert_starts(&message, &format!("@: damaged {kind} data after "));
        assert!(
            message.contains(&format!("): fetch it again, {kind} -t tells whether it is complete")),
            "{message}"
        );
    }
    let trailing = [gzip(b"one\n\n"), b"garbage that is no member".to_vec()].concat();
    assert_starts(&refused("a.txt.gz", &trailing), "@: damaged gzip data after 5 decompressed bytes (");
}

#[test]
fn truncated_parquet_files_are_named_wherever_they_end() {
    let bytes = parquet();
    for end in 4..bytes.len() {
        let message = refused("a.parquet", &bytes[..end]);
        assert!(message.starts_with("@: not a complete Parquet file ("), "{message}");
        assert!(message.ends_with("): was it copied completely?"), "{message}");
    }
    assert_starts(
        &refused("a.parquet.gz", &gzip(&bytes[..bytes.len() / 2])),
        "@: not a complete Parquet file (",
    );
    let packed = gzip(&bytes);
    let message = refused("a.parquet.gz", &packed[..packed.len() / 2]);
    assert_starts(&message, "@: ends in the middle: its gzip data stops after ");
}

#[test]
fn damaged_parquet_files_are_refused_or_read_but_never_panic() {
    let values: Vec<Option<String>> =
        (0..9).map(|i| (i % 4 != 3).then(|| format!("text {}", "abc ".repeat(i % 5)))).collect();
    let folder = folder(&[("a.parquet", b"PAR1")]);
    let path = folder.path().join("a.parquet");
    let file = &resolve(&[spec(&path)]).unwrap()[0].files[0];
    let mut refused = 0;
    for properties in all_properties() {
        let whole = of_texts(&values, properties);
        for at in 4..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
            fs::write(&path, bytes).unwrap();
            let documents = file.documents(&Reading::default()).unwrap();
            if let Err(error) = documents.collect::<Result<Vec<_>>>() {
                assert!(error.to_string().starts_with(&spec(&path)), "{error:#}");
                refused += 1;
            }
        }
    }
    assert!(refused > 500, "only {refused} were refused");
}
