//! Promises of shards: every id comes back at its place, and a damaged file is named.

#![allow(clippy::unwrap_used)]

use std::fs;

use proptest::prelude::*;

use super::fixture::{self, Documents, SPECIAL, write};
use super::*;

const SEP: u32 = SPECIAL.sep;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_id_document_and_sentence_comes_back_at_its_place(
        shards in prop::collection::vec(prop::collection::vec(prop::collection::vec(5u32..60_000, 0..12), 0..6), 0..5),
        wide: bool,
        cut in 0f64..1.,
    ) {
        let folder = fixture::folder();
        write(folder.path(), &shards, if wide { 70_000 } else { 60_000 });
        let stream = Shards::open(folder.path()).unwrap().stream(Some(0), Side::Train);
        let documents: Documents = shards.concat().into_iter().filter(|ids| !ids.is_empty()).collect();
        let flat: Vec<u32> = documents.iter().flat_map(|ids| ids.iter().copied().chain([SEP])).collect();
        prop_assert_eq!((stream.len(), stream.documents()), (flat.len() as u64, documents.len() as u64));
        let mut read = Vec::new();
        let middle = (cut * flat.len() as f64) as u64;
        stream.read(0..middle, &mut read);
        stream.read(middle..stream.len(), &mut read);
        prop_assert_eq!(&read, &flat);
        for (number, ids) in documents.iter().enumerate() {
            let place = stream.document(number as u64);
            prop_assert_eq!(&flat[place.start as usize..place.end as usize], ids);
            let starts: Vec<u64> = stream.sentences(number as u64, 0).collect();
            prop_assert_eq!(starts, (place.start..place.end).step_by(2).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_sentence_without_ids_is_left_out() {
    let stream = fixture::stream(&[vec![vec![vec![], vec![7, 8], vec![], vec![9], vec![]]]], 1000);
    assert_eq!(stream.sentences(0, 0).collect::<Vec<_>>(), [0, 2]);
    assert_eq!((stream.sentences(0, 1).collect::<Vec<_>>(), stream.sentence_count(0)), (vec![2], 2));
}

#[test]
fn ids_take_two_bytes_where_the_vocabulary_allows_it() {
    let size = |vocab_size| {
        let folder = fixture::folder();
        write(folder.path(), &[vec![vec![7; 1000]]], vocab_size);
        fs::metadata(folder.path().join(shard_name(0))).unwrap().len()
    };
    assert_eq!(size(1 << 17) - size(1 << 16), 2 * 1001);
}

#[test]
fn a_flipped_byte_and_a_missing_shard_are_named() {
    let folder = fixture::folder();
    write(folder.path(), &[vec![vec![7; 100]], vec![vec![8; 100]]], 1000);
    let error = || Shards::open(folder.path()).unwrap_err().to_string();
    let path = folder.path().join(shard_name(1));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(error().contains("shard-00001.safetensors is corrupted: sha256 "), "{}", error());
    fs::write(&path, &bytes[1..]).unwrap();
    assert!(error().contains("shard-00001.safetensors is truncated"), "{}", error());
    fs::remove_file(&path).unwrap();
    assert!(
        error().contains("shard-00001.safetensors is missing: prepare the shards again with --force"),
        "{}",
        error()
    );
}

#[test]
fn a_manifest_that_was_edited_is_refused() {
    let folder = fixture::folder();
    fixture::write(folder.path(), &[vec![vec![7; 100]]], 1000);
    let path = folder.path().join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    for (from, to) in
        [("\"vocab_size\": 1000", "\"vocab_size\": 10"), ("\"documents\": 1", "\"documents\": 2")]
    {
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = Shards::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "manifest.json was changed after it was written: prepare the shards again with --force"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_folder_without_shards_is_told_apart_from_a_damaged_one() {
    let folder = fixture::folder();
    let error = || format!("{:#}", Shards::open(folder.path()).unwrap_err());
    assert!(error().contains("is no folder of prepared shards"), "{}", error());
    for (text, expected) in [("{", "is damaged"), ("{\"format_version\":9}", "has format_version 9")] {
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        assert!(error().contains(expected), "{}", error());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn reading_a_large_shard_keeps_little_of_it_resident() {
    const MOST: usize = 1 << 20;
    let documents = vec![vec![7; 1000]; 8000];
    let folder = fixture::folder();
    fixture::write(folder.path(), &[documents], 60_000);
    let stream = Shards::open(folder.path()).unwrap().stream(None, Side::Train).keeping(MOST);
    let mut ids = Vec::new();
    for document in 0..stream.documents() {
        ids.clear();
        stream.read(stream.document(document * 4099 % stream.documents()), &mut ids);
        assert_eq!(ids, [7; 1000]);
    }
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let of_the_shard = maps.split(folder.path().to_str().unwrap()).nth(1).unwrap();
    let resident = of_the_shard.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    let bytes = 1024 * resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
    assert!(bytes <= 2 * MOST, "{bytes} bytes of 16 MB");
}
