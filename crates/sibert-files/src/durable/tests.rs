//! Promises of durable writes: files are whole, and where they belong.
#![allow(clippy::unwrap_used)]
use super::*;
use candle_core::{DType, Device, Tensor};

fn samples() -> Vec<(String, Tensor)> {
    let f32s = Tensor::new(&[[1f32, -2.5], [3., 4.]], &Device::Cpu).unwrap();
    vec![
        ("b.weight".into(), f32s.t().unwrap()),
        ("a.weight".into(), f32s.clone()),
        ("step".into(), Tensor::new(7i64, &Device::Cpu).unwrap()),
        ("half".into(), f32s.to_dtype(DType::BF16).unwrap()),
        ("empty".into(), Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap()),
    ]
}

#[test]
fn bytes_equal_those_of_the_safetensors_crate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.safetensors");
    let entry = tensors(&path, &samples()).unwrap();
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let expected = safetensors::serialize(samples(), Some(format)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, expected);
    assert_eq!(
        entry,
        FileEntry { size: bytes.len() as u64, sha256: format!("{:x}", Sha256::digest(&bytes)) }
    );
}

#[test]
fn order_of_the_tensors_does_not_change_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut reversed = samples();
    reversed.reverse();
    let forward = tensors(&dir.path().join("a"), &samples()).unwrap();
    assert_eq!(forward, tensors(&dir.path().join("b"), &reversed).unwrap());
}

#[test]
fn a_name_that_occurs_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let twice = [samples(), samples()].concat();
    let error = tensors(&dir.path().join("a"), &twice).unwrap_err();
    assert!(error.to_string().contains("two tensors are named"), "{error:#}");
}

#[test]
fn a_changed_byte_and_a_lost_byte_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let entry = replace(&dir.path().join("x"), "contents").unwrap();
    assert_eq!(verify(dir.path(), "x", &entry), Ok(()));
    fs::write(dir.path().join("x"), "c0ntents").unwrap();
    assert!(verify(dir.path(), "x", &entry).unwrap_err().starts_with("x is corrupted: sha256 "));
    fs::write(dir.path().join("x"), "content").unwrap();
    assert_eq!(verify(dir.path(), "x", &entry), Err("x is truncated: 7 bytes, expected 8".to_owned()));
    assert_eq!(verify(dir.path(), "y", &entry), Err("y is missing".to_owned()));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named_with_its_remedy() {
    let error = text(Path::new("/dev/full"), "x").unwrap_err();
    assert!(error.to_string().starts_with("cannot write /dev/full: the disk is full"), "{error:#}");
    assert!(Path::new("/dev/full").exists());
}

#[test]
fn a_file_that_cannot_be_finished_is_removed_and_the_old_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    let full = |out: &mut dyn Write| -> Result<()> {
        out.write_all(b"half")?;
        Err(io::Error::from(io::ErrorKind::StorageFull).into())
    };
    assert!(file(&path, full).unwrap_err().to_string().contains("the disk is full"));
    assert!(!path.exists());
    // Nothing can take the name of a folder that holds something.
    fs::create_dir_all(path.join("full")).unwrap();
    assert!(replace(&path, "contents").unwrap_err().to_string().starts_with("cannot write "));
    let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["x"]);
}

#[test]
#[cfg(unix)]
fn nothing_is_written_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let [theirs, path] = ["theirs", "x"].map(|name| dir.path().join(name));
    fs::write(&theirs, "theirs").unwrap();
    for planted in [path.clone(), unfinished(&path)] {
        std::os::unix::fs::symlink(&theirs, &planted).unwrap();
        if planted == path {
            let error = append(&path).unwrap_err().to_string();
            assert_eq!(error, "it is a link: delete it");
        }
        replace(&path, "ours").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
    }
    fs::hard_link(&theirs, unfinished(&path)).unwrap();
    replace(&path, "ours").unwrap();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
}

#[test]
fn a_hidden_file_is_written_under_one_dot() {
    assert_eq!(unfinished(Path::new("out/x.json")), Path::new("out/.x.json.tmp"));
    assert_eq!(unfinished(Path::new("out/.x.json")), Path::new("out/.x.json.tmp"));
}
