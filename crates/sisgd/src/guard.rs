//! The stop of steps on a GPU: a flag on the device, which the host reads only with the reports.

use crate::NamedVars;
use crate::refusal::Refusal;
use candle_core::{Device, Result, Tensor, bail};
use std::sync::{Arc, Mutex, PoisonError};

/// The numbers of a guard on the device: why the first refused step was refused, or 0; the step's number; its group; its
/// variable; and two numbers that the reason is about. As in `verdict.cu`.
pub(crate) const RECORD: usize = 6;

/// A flag on the device that a bad gradient raises, and that stays up.
///
/// On a GPU nothing waits for the norms of a step: its checks are kernels like its update, enqueued before it. A check
/// that finds a number that is not finite, or a step that overflows, raises the flag, and no update that comes after
/// changes parameters or optimizer state. The host learns of it with the report, from [`Deferred`](crate::Deferred),
/// perhaps many steps later. The parameters are then those before the refused step, but the optimizers have counted on: a
/// state that is saved is good only if the reports of all steps before it were.
///
/// Every optimizer has its own guard. A training step with several shares one among them
/// ([`share_guard`](crate::Optimizer::share_guard)) and checks all of them before it enqueues any: then a bad gradient in
/// one group stops the updates of all. On the CPU, where every check has its answer at once, a guard does nothing.
#[derive(Clone, Debug, Default)]
pub struct Guard(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// On the device, from the first check on.
    record: Option<Tensor>,
    /// The names of each group's variables.
    groups: Vec<Vec<String>>,
}

impl Guard {
    /// A guard of no optimizer yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Why a step was refused, if one was; waits for the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn refusal(&self) -> Result<Option<String>> {
        match self.with(|state| state.record.clone()) {
            Some(record) => Ok(self.explain(&cukernel::download(&record)?)),
            None => Ok(None),
        }
    }

    /// Lowers the flag: the steps that are checked from now on change something again. The optimizers have counted those that
    /// did not.
    pub fn lower(&self) {
        self.with(|state| state.record = None);
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn explain(&self, record: &[f64]) -> Option<String> {
        let &[reason, step, group, variable, a, b] = record else { return None };
        self.with(|state| {
            let names = state.groups.get(group as usize);
            let name = names.and_then(|names| names.get(variable as usize)).map_or("?", String::as_str);
            let refusal = match reason as u32 {
                0 => return None,
                1 => Refusal::Gradient { name, norm: a },
                2 => Refusal::Parameter { name, norm: a },
                3 => Refusal::Zero,
                4 => Refusal::Step { grad_norm: a, new_param_norm: b },
                5 => Refusal::Square { name, norm: a },
                _ => Refusal::Block { name },
            };
            Some(format!("{refusal}; nothing has changed from step {step} on"))
        })
    }
}

/// A group's place under a guard.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    guard: Guard,
    /// Its number in the guard's list.
    pub group: usize,
}

impl Guarded {
    pub fn new(guard: &Guard, vars: &NamedVars) -> Self {
        let names = vars.iter().map(|(name, _)| name.clone()).collect();
        let group = guard.with(|state| {
            state.groups.push(names);
            state.groups.len() - 1
        });
        Self { guard: guard.clone(), group }
    }

    /// The record on the device.
    pub fn record(&self, device: &Device) -> Result<Tensor> {
        self.guard.with(|state| match &state.record {
            Some(record) if !record.device().same_device(device) => {
                bail!("the optimizers that share a guard are on different devices")
            }
            Some(record) => Ok(record.clone()),
            None => {
                let record = cukernel::upload(&[0_f64; RECORD], RECORD, device)?;
                state.record = Some(record.clone());
                Ok(record)
            }
        })
    }

    /// Refuses what the record of a step says was refused.
    pub fn check(&self, record: &[f64]) -> Result<()> {
        match self.guard.explain(record) {
            Some(refusal) => bail!("{refusal}"),
            None => Ok(()),
        }
    }
}
