//! NVIDIA's library, looked for when it is first asked for: a program that was built for it starts without it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// The names of its file.
const FILES: [&str; 2] = ["libnccl.so.2", "libnccl.so"];
/// The codes that are no failure: `ncclSuccess`, `ncclInProgress`.
const FINE: [c_int; 2] = [0, 7];

/// `ncclFloat32`
pub const FLOAT: c_int = 7;
/// `ncclBfloat16`
pub const BFLOAT16: c_int = 9;
/// `ncclSum`
pub const SUM: c_int = 0;

/// `ncclComm_t`
pub type Comm = *mut c_void;
/// `cudaStream_t`
pub type Stream = *mut c_void;

/// What the ranks of one group know each other by: `ncclUniqueId`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct UniqueId(pub [u8; 128]);

/// Fields for functions of the library, by the names that it gives them.
macro_rules! functions {
    ($($field:ident: $name:literal ($($argument:ty),*) -> $result:ty,)*) => {
        /// The functions that are used here, as <https://docs.nvidia.com/deeplearning/nccl> has them.
        pub struct Library {
            $(pub $field: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Library {
            fn of(library: &'static libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of NCCL's header.
                unsafe { Ok(Self { $($field: *library.get($name)?),* }) }
            }
        }
    };
}

functions! {
    get_version: "ncclGetVersion"(*mut c_int) -> c_int,
    get_unique_id: "ncclGetUniqueId"(*mut UniqueId) -> c_int,
    init_rank: "ncclCommInitRank"(*mut Comm, c_int, UniqueId, c_int) -> c_int,
    abort: "ncclCommAbort"(Comm) -> c_int,
    get_async_error: "ncclCommGetAsyncError"(Comm, *mut c_int) -> c_int,
    get_error_string: "ncclGetErrorString"(c_int) -> *const c_char,
    get_last_error: "ncclGetLastError"(Comm) -> *const c_char,
    group_start: "ncclGroupStart"() -> c_int,
    group_end: "ncclGroupEnd"() -> c_int,
    send: "ncclSend"(*const c_void, usize, c_int, c_int, Comm, Stream) -> c_int,
    receive: "ncclRecv"(*mut c_void, usize, c_int, c_int, Comm, Stream) -> c_int,
    all_gather: "ncclAllGather"(*const c_void, *mut c_void, usize, c_int, Comm, Stream) -> c_int,
    all_reduce: "ncclAllReduce"(*const c_void, *mut c_void, usize, c_int, c_int, Comm, Stream) -> c_int,
}

impl Library {
    /// The library of this machine, opened once.
    ///
    /// # Errors
    /// If there is none, or it is older than 2.13.
    pub fn get() -> Result<&'static Self> {
        static FOUND: OnceLock<Result<Library, String>> = OnceLock::new();
        let found = FOUND.get_or_init(|| Self::open(&FILES).map_err(|error| format!("{error:#}")));
        found.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn open(files: &[&str]) -> Result<Self> {
        // SAFETY: what the library does when it is loaded is NVIDIA's.
        let open = |file: &&str| unsafe { libloading::Library::new(*file) };
        let mut tried = files.iter().map(open);
        let first = tried.next().context("no name of a library")?;
        let library = first.or_else(|error| tried.find_map(Result::ok).ok_or(error)).map_err(|error| {
            anyhow!(
                "NCCL cannot be loaded ({:#}): install the package libnccl2 of the distribution or of NVIDIA, or \
                 PyPI's nvidia-nccl-cu13 and let LD_LIBRARY_PATH name its folder lib",
                anyhow::Error::new(error)
            )
        })?;
        let library = Box::leak(Box::new(library)); // its functions are used until the end
        Self::of(library).context("this NCCL is too old, expected at least 2.13")
    }

    /// `2.28.9`
    ///
    /// # Errors
    /// If the library fails.
    pub fn version(&self) -> Result<String> {
        let mut code = 0;
        // SAFETY: the place is there.
        self.check("ncclGetVersion", unsafe { (self.get_version)(&mut code) })?;
        Ok(format!("{}.{}.{}", code / 10_000, code / 100 % 100, code % 100))
    }

    /// An error in the library's words, if `code` is one.
    ///
    /// # Errors
    /// That one.
    pub fn check(&self, function: &str, code: c_int) -> Result<()> {
        if FINE.contains(&code) {
            return Ok(());
        }
        let text = |text: *const c_char| {
            if text.is_null() {
                return String::new();
            }
            // SAFETY: NCCL gives texts that end with a zero byte, and stay until its next error.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned()
        };
        // SAFETY: any code has a text; the last error needs no communicator.
        let (meaning, last) = unsafe {
            (text((self.get_error_string)(code)), text((self.get_last_error)(std::ptr::null_mut())))
        };
        match last.is_empty() {
            true => bail!("{function}: {meaning}"),
            false => bail!("{function}: {meaning}: {last}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_named_with_the_mend() {
        let error = Library::open(&["libnccl.so.0"]).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("NCCL cannot be loaded (") && error.contains("libnccl.so.0: "), "{error}");
        assert!(error.contains("install the package libnccl2"), "{error}");
    }

    #[test]
    fn another_library_is_no_nccl() {
        let error = format!("{:#}", Library::open(&["libc.so.6"]).map(drop).unwrap_err());
        assert!(error.starts_with("this NCCL is too old, expected at least 2.13: "), "{error}");
    }
}
