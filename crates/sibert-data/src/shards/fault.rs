//! The end of a process whose mapped file becomes shorter: the system signals SIGBUS at the first read beyond its end. There is
//! nothing left to read, so the process says which file it was, and ends.

use std::path::Path;

use memmap2::Mmap;

/// From here on a fault in the map of this file ends the process with its name.
pub fn name(map: &Mmap, path: &Path) {
    #[cfg(unix)]
    unix::name(map, path);
    #[cfg(not(unix))]
    let _ = (map, path); // such systems do not let a mapped file become shorter
}

#[cfg(unix)]
mod unix {
    use std::mem::zeroed;
    use std::path::Path;
    use std::ptr::null_mut;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicPtr, Ordering};

    use libc::{SIGBUS, c_int, c_void, sigaction, siginfo_t};
    use memmap2::Mmap;

    /// A map in a list of all, which only grows: it is read where nothing may be locked or freed.
    struct Named {
        start: usize,
        end: usize,
        message: String,
        next: *mut Named,
    }

    static LAST: AtomicPtr<Named> = AtomicPtr::new(null_mut());
    /// The handler of the signal before.
    static BEFORE: OnceLock<Option<sigaction>> = OnceLock::new();

    pub fn name(map: &Mmap, path: &Path) {
        BEFORE.get_or_init(install);
        let start = map.as_ptr().addr();
        let message = format!(
            "error: {} became shorter while it was read: prepare it again, and continue with --resume\n",
            path.display()
        );
        let named = Named { start, end: start + map.len(), message, next: LAST.load(Ordering::Acquire) };
        let named = Box::into_raw(Box::new(named));
        let push = |next| {
            // SAFETY: nobody else has the pointer yet.
            unsafe { (*named).next = next };
            Some(named)
        };
        let _ = LAST.fetch_update(Ordering::AcqRel, Ordering::Acquire, push); // it never gives up
    }

    fn install() -> Option<sigaction> {
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = fault;
        // SAFETY: the handler reads a list that only grows, and calls what may be called at any moment.
        unsafe {
            let (mut action, mut before): (sigaction, sigaction) = (zeroed(), zeroed());
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            (sigaction(SIGBUS, &action, &mut before) == 0).then_some(before)
        }
    }

    extern "C" fn fault(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
        // SAFETY: the system gives the place of the fault; entries of the list are never changed or freed.
        unsafe {
            let at = (*info).si_addr().addr();
            let mut named = LAST.load(Ordering::Acquire);
            while let Some(Named { start, end, message, next }) = named.as_ref() {
                if (*start..*end).contains(&at) {
                    libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
                    libc::_exit(1);
                }
                named = *next;
            }
            // The fault of something else: it comes again, and meets what was there before.
            match BEFORE.get() {
                Some(Some(before)) => drop(sigaction(SIGBUS, before, null_mut())),
                _ => drop(libc::signal(SIGBUS, libc::SIG_DFL)),
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, File};
    use std::process::Command;

    /// A process of its own that reads a file which became shorter.
    #[test]
    #[ignore = "run by the other test of this file"]
    fn child() {
        let Some(path) = std::env::var_os("SHORTER") else { return };
        let map = super::super::mapped::map(path.as_ref()).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        let sum: u64 = map.iter().map(|&byte| u64::from(byte)).sum();
        panic!("read {sum} of nothing");
    }

    #[test]
    fn a_file_that_becomes_shorter_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shard");
        fs::write(&path, [1; 100]).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "shards::fault::tests::child"]).env("SHORTER", &path);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected =
            format!("error: {} became shorter while it was read: prepare it again", path.display());
        assert!(said.contains(&expected), "{said}");
    }
}
