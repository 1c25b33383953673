//! Compiled modules in a folder, for the next process. They save time and no more: what cannot be read or written is
//! compiled again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Keeps what is compiled from now on in a folder of this process and of later ones, which is made if need be.
pub fn keep_compiled_in(folder: PathBuf) {
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
}

fn path(name: &str) -> Option<PathBuf> {
    let folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
    Some(folder.join(format!("{name}.ptx")))
}

/// The first line of a file: whether the rest is what was written.
fn seal(ptx: &str) -> String {
    let mut hasher = DefaultHasher::new();
    ptx.hash(&mut hasher);
    format!("// {:016x}\n", hasher.finish())
}

/// The module of this name, if it is there and whole.
pub fn read(name: &str) -> Option<String> {
    let text = fs::read_to_string(path(name)?).ok()?;
    let (_, ptx) = text.split_once('\n')?;
    (seal(ptx).as_str() == &text[..text.len() - ptx.len()]).then(|| ptx.to_string())
}

/// Writes beside the place and renames, so that no process reads a part.
pub fn write(name: &str, ptx: &str) {
    let Some(path) = path(name) else { return };
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = path.parent().map(fs::create_dir_all).transpose().is_ok()
        && fs::write(&beside, seal(ptx) + ptx).is_ok()
        && fs::rename(&beside, &path).is_ok();
    if !written {
        remove(&beside);
    }
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path); // it may not be there
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_cut_is_not() {
        let folder = std::env::temp_dir().join(format!("cukernel-kept-{}", std::process::id()));
        keep_compiled_in(folder.join("kernels"));
        assert_eq!(read("m"), None);
        write("m", ".version 9.0\n.entry f\n");
        assert_eq!(read("m").unwrap(), ".version 9.0\n.entry f\n");
        let file = path("m").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        for cut in [0, 5, text.len() - 1] {
            fs::write(&file, &text[..cut]).unwrap();
            assert_eq!(read("m"), None);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
