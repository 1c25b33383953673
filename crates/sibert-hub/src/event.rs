//! Events of the hub, for a program to show: the library prints nothing.

/// Something that happens while the hub is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A sentence for people.
    Note(String),
    /// A download begins.
    Downloading {
        /// The file's whole name.
        name: &'a str,
        /// Its length in bytes, if the hub announced it.
        size: Option<u64>,
    },
    /// An upload begins.
    Uploading {
        /// The file's path in the repository.
        name: &'a str,
        /// Its length in bytes.
        size: u64,
    },
    /// More of a file arrived, here or there.
    Transferred {
        /// Bytes of it that have arrived.
        done: u64,
        /// Its length in bytes, if the hub announced it.
        size: Option<u64>,
    },
    /// A transfer ended, whole or not.
    Ended,
}

/// A function that sees the events, on the thread they happen on.
pub type Watch = dyn Fn(Event<'_>) + Send + Sync;
