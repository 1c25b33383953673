//! The text of kernels, and their launch.

use std::hash::{DefaultHasher, Hash, Hasher};

use candle_core::{Device, Result, bail};

use crate::{Arg, executor, gpu};

/// The text that every module begins with: the number types, memory access, sums over warps and blocks, tensor cores, random
/// words. The same names mean the same on a GPU and in the emulator.
pub const PRELUDE: &str = include_str!("prelude.cu");

/// The kernels of one file of CUDA C.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    name: &'static str,
    source: &'static str,
}

/// How many threads run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks, by dimension.
    pub blocks: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of dynamic shared memory of a block.
    pub shared: u32,
}

impl Grid {
    /// Blocks in one dimension.
    pub fn new(blocks: usize, threads: u32) -> Self {
        Self::with_blocks([blocks, 1, 1], threads)
    }

    /// Blocks in three dimensions; more than a launch can have are refused by it.
    pub fn with_blocks(blocks: [usize; 3], threads: u32) -> Self {
        Self { blocks: blocks.map(|n| u32::try_from(n).unwrap_or(u32::MAX)), threads, shared: 0 }
    }

    /// Threads for `elements`, one each, in blocks of 256; kernels that walk a larger grid need no more than this.
    pub fn elements(elements: usize) -> Self {
        const THREADS: usize = 256;
        const MOST: usize = 1 << 16;
        Self::new(elements.div_ceil(THREADS).min(MOST), THREADS as u32)
    }

    /// With so many bytes of dynamic shared memory.
    pub fn shared(self, bytes: usize) -> Self {
        Self { shared: u32::try_from(bytes).unwrap_or(u32::MAX), ..self }
    }
}

impl Module {
    /// A module; the name is for messages.
    pub const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The whole text, prelude included.
    pub fn text(&self) -> String {
        format!("{PRELUDE}\n#line 1 \"{}.cu\"\n{}", self.name, self.source)
    }

    /// The name with a hash of the text, under which compiled modules are kept: another text is another module.
    pub fn key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.text().hash(&mut hasher);
        format!("{}-{:016x}", self.name, hasher.finish())
    }

    /// Enqueues a kernel on the device's stream; a grid without blocks does nothing.
    ///
    /// # Errors
    /// If the module does not compile for this device, it has no such kernel, or the device refuses the launch.
    ///
    /// # Safety
    /// The arguments are those of the kernel, in their order and of their types, and large enough for what it reads and
    /// writes; nothing else reads what it writes until it is done, in the order of the stream.
    pub unsafe fn launch(&self, device: &Device, kernel: &str, grid: Grid, args: &[Arg]) -> Result<()> {
        if grid.blocks.contains(&0) {
            return Ok(());
        }
        match executor::current() {
            // SAFETY: the caller's promise.
            Some(executor) if device.is_cpu() => unsafe { executor.launch(self, kernel, grid, args) },
            // SAFETY: the caller's promise.
            _ if device.is_cuda() => unsafe { gpu::launch(device, self, kernel, grid, args) },
            _ => bail!("{kernel}: a kernel for CUDA cannot run on this device"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_another_module() {
        let [a, b] = ["KERNEL(f) {}", "KERNEL(f) { }"].map(|source| Module::new("m", source).key());
        assert_ne!(a, b);
        assert_eq!(a, Module::new("m", "KERNEL(f) {}").key());
    }

    #[test]
    fn a_kernel_without_a_device_is_refused() {
        let module = Module::new("m", "KERNEL(f) {}");
        // SAFETY: nothing is launched.
        let error = unsafe { module.launch(&Device::Cpu, "f", Grid::new(1, 32), &[]) }.err();
        assert!(error.is_some_and(|error| error.to_string().contains("cannot run on this device")));
    }
}
