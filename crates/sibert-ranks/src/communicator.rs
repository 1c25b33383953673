//! The verbs that a training step needs of the processes beside it.

use anyhow::Result;

/// One of `size` processes, ranks `0 … size - 1`, that do the same at the same time.
///
/// Every verb is collective: all ranks call it, in the same order, and each returns when it has what it needs.
pub trait Communicator: Send + Sync {
    /// Which of the ranks this process is.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// The engine, for people: `one process`, `Open MPI v4.1.4`.
    fn engine(&self) -> String;

    /// The bytes of every rank, in the order of the ranks; their lengths may differ.
    ///
    /// # Errors
    /// If the engine fails.
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// Sends `to[k]` of the numbers of `send`, which lie one after the other, to rank `k`, and receives `from[k]` of rank
    /// `k`. Numbers are moved, not added: whoever adds them chooses the order.
    ///
    /// # Errors
    /// If the counts do not add up to the lengths, or the engine fails.
    fn exchange(&self, send: &[f32], to: &[usize], receive: &mut [f32], from: &[usize]) -> Result<()>;

    /// The numbers of every rank one after the other, `counts[k]` of rank `k`, in `all`.
    ///
    /// # Errors
    /// If the counts do not add up to the lengths, or the engine fails.
    fn all_gather_numbers(&self, own: &[f32], all: &mut [f32], counts: &[usize]) -> Result<()>;

    /// Replaces the numbers by their sums over all ranks, in whatever order the engine adds.
    ///
    /// # Errors
    /// If the lengths differ, or the engine fails.
    fn sum_in_any_order(&self, numbers: &mut [f32]) -> Result<()>;

    /// Returns once every rank has come here.
    ///
    /// # Errors
    /// If the engine fails.
    fn barrier(&self) -> Result<()> {
        self.all_gather(&[]).map(drop)
    }

    /// Ends every rank at once, whatever it is doing, with this exit code.
    fn abort(&self, code: u8) -> !;

    /// Leaves the other ranks, which leave too.
    ///
    /// # Errors
    /// If the engine fails.
    fn leave(&self) -> Result<()> {
        Ok(())
    }
}
