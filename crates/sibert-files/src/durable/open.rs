//! Opening files to write to, in folders where others may have put links.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a new file in the place of an old one or of a link, whose target stays as it is; a device as it is.
///
/// # Errors
/// If the old one cannot be removed, or the new one not be made.
pub fn create(path: &Path) -> io::Result<File> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() || found.is_symlink() => fs::remove_file(path)?,
        Ok(_) => return File::create(path),
        Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file to add to, and makes it where there is none.
///
/// # Errors
/// If it cannot be opened, or is a link.
pub fn append(path: &Path) -> io::Result<File> {
    unlinked(OpenOptions::new().append(true).create(true), path)
}

/// Opens a file that must not be a link: somebody else would decide what is written to.
///
/// # Errors
/// As [`append`].
pub fn unlinked(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
    options.open(path).map_err(|error| match path.is_symlink() {
        true => io::Error::new(error.kind(), "it is a link: delete it"),
        false => error,
    })
}
