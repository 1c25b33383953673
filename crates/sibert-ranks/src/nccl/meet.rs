//! How the ranks find each other's GPUs.

use std::ffi::c_int;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, bail};
use candle_core::{CudaDevice, Device};

use super::library::{Library, UniqueId};
use super::{Group, Nccl};
use crate::{Communicator, Watch};

/// Bytes by which a GPU is known.
const UUID: usize = 16;

/// Ranks that know each other's GPUs: what [`Nccl::meet`] leads to.
pub struct Met {
    id: UniqueId,
    rank: usize,
    size: usize,
    device: CudaDevice,
}

impl Nccl {
    /// Lets `ranks` know each other's GPUs, of which `device` is that of this one.
    ///
    /// # Errors
    /// On all ranks the same: if one of them has no NCCL or no GPU of its own, or their engine fails.
    pub fn meet(ranks: &dyn Communicator, device: &Device) -> Result<Met> {
        let (rank, size) = (ranks.rank(), ranks.size());
        let said = all_or_none(ranks, introduction(rank, device))?;
        let gpus: Vec<&[u8]> = said.iter().map(|said| &said[..UUID]).collect();
        let same = |other: usize| gpus[..other].iter().position(|gpu| *gpu == gpus[other]);
        if let Some((one, other)) = (0..size).find_map(|other| Some((same(other)?, other))) {
            bail!(
                "processes {one} and {other} have the same GPU, and NCCL wants one for each: start as many processes on a \
                 host as it has GPUs"
            );
        }
        let id = said[0][UUID..].try_into().map(UniqueId).context("the id of the first rank")?;
        Ok(Met { id, rank, size, device: device.as_cuda_device()?.clone() })
    }
}

impl Met {
    /// Lets NCCL find its ways between the GPUs; `watch` ends this process if the others do not answer.
    ///
    /// # Errors
    /// If NCCL fails. Others may then wait for this rank.
    pub fn join(self, watch: Watch) -> Result<Nccl> {
        let Self { id, rank, size, device } = self;
        let library = Library::get()?;
        device.cuda_stream().context().bind_to_thread()?;
        let (mut comm, ranks, own) = (std::ptr::null_mut(), number(size)?, number(rank)?);
        // SAFETY: the place is there, and the GPU is current in this thread.
        let joined = watch.over(|| unsafe { (library.init_rank)(&mut comm, ranks, id, own) });
        library.check("ncclCommInitRank", joined)?;
        Ok(Nccl { library, group: Mutex::new(Group(comm)), rank, size, device, watch })
    }
}

/// What a rank says to begin with: its GPU, and rank 0 an id for the group.
fn introduction(rank: usize, device: &Device) -> Result<Vec<u8>> {
    let (library, stream) = (Library::get()?, device.as_cuda_device()?.cuda_stream());
    stream.context().bind_to_thread()?;
    let mut said: Vec<u8> = stream.context().uuid()?.bytes.map(|byte| byte as u8).to_vec();
    if rank == 0 {
        let mut id = UniqueId([0; 128]);
        // SAFETY: the place is there.
        library.check("ncclGetUniqueId", unsafe { (library.get_unique_id)(&mut id) })?;
        said.extend(id.0);
    }
    Ok(said)
}

/// What all ranks say; or, on all of them, the error of the first that has one.
fn all_or_none(ranks: &dyn Communicator, own: Result<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
    let own = match own {
        Ok(said) => [vec![1], said].concat(),
        Err(error) => [vec![0], format!("process {}: {error:#}", ranks.rank()).into_bytes()].concat(),
    };
    let said = ranks.all_gather(&own)?;
    let of_one = |said: Vec<u8>| match said.split_first() {
        Some((1, said)) => Ok(said.to_vec()),
        other => Err(anyhow!("{}", String::from_utf8_lossy(other.map_or(&[], |(_, error)| error)))),
    };
    said.into_iter().map(of_one).collect()
}

fn number(count: usize) -> Result<c_int> {
    c_int::try_from(count).context("too many ranks")
}
