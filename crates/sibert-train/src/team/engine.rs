//! What adds the gradients: NCCL where every process has a GPU, and else the processes themselves, over MPI.

use anyhow::{Result, bail};
use candle_core::Device;

use super::Team;

/// The variable of the environment by which a user chooses: 0 is no NCCL, 1 is NCCL for one process too.
const SWITCH: &str = "SIBERT_NCCL";

impl Team {
    /// From here on the gradients on `device` are added by NCCL, if this build has it and there are several processes.
    ///
    /// # Errors
    /// If a GPU is shared, the processes have different ways, or NCCL is not installed or fails.
    pub fn join_gpus(&self, device: &Device) -> Result<()> {
        let asked = std::env::var(SWITCH).ok();
        let wanted = self.agree(wanted(asked.as_deref(), self.size(), device))?;
        self.ensure_same(&format!("--device and {SWITCH}"), &[u8::from(wanted)])?;
        #[cfg(feature = "nccl")]
        if wanted {
            self.join_nccl(device)?;
        }
        Ok(())
    }
}

fn wanted(asked: Option<&str>, size: usize, device: &Device) -> Result<bool> {
    let built = cfg!(feature = "nccl");
    match asked {
        Some("0") => Ok(false),
        Some("1") if !built => bail!("{SWITCH} is 1, but this build has no NCCL: build with --features nccl"),
        Some("1") if !device.is_cuda() => {
            bail!("{SWITCH} is 1, but NCCL adds on GPUs alone: use --device cuda")
        }
        Some("1") => Ok(true),
        None | Some("") => Ok(built && size > 1 && device.is_cuda()),
        Some(other) => bail!("{SWITCH} is {other:?}, expected 0 or 1"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_has_no_nccl_and_says_so_only_if_it_was_asked_for() {
        for asked in [None, Some(""), Some("0")] {
            assert!(!wanted(asked, 4, &Device::Cpu).unwrap());
        }
        let error = wanted(Some("1"), 4, &Device::Cpu).unwrap_err().to_string();
        let expected = match cfg!(feature = "nccl") {
            true => "SIBERT_NCCL is 1, but NCCL adds on GPUs alone: use --device cuda",
            false => "SIBERT_NCCL is 1, but this build has no NCCL: build with --features nccl",
        };
        assert_eq!(error, expected);
        let error = wanted(Some("yes"), 4, &Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "SIBERT_NCCL is \"yes\", expected 0 or 1");
    }
}
