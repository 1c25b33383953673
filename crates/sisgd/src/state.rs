//! Optimizer state: the number of steps and up to two tensors per variable, saved and loaded by name.
//!
//! | entry | shape | what |
//! |---|---|---|
//! | `step` | scalar, i64 | steps taken |
//! | `exp_avg.NAME` | as the variable | `m` |
//! | `exp_avg_sq.NAME` | as the variable | `v` |
//! | `momentum_buffer.NAME` | as the variable | `v` of SGD with momentum |

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use std::collections::HashMap;

const STEP: &str = "step";
const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];
const VELOCITY: &str = "momentum_buffer";

/// The entry `step`.
pub(crate) fn step_entry(steps: u64) -> Result<(String, Tensor)> {
    Ok((STEP.into(), Tensor::new(steps as i64, &Device::Cpu)?))
}

/// The number of steps, from a state whose other entries are exactly `others`.
pub(crate) fn load_step(state: &HashMap<String, Tensor>, others: &[String]) -> Result<u64> {
    let missing: Vec<_> = others.iter().filter(|name| !state.contains_key(*name)).collect();
    if let Some(first) = missing.first() {
        bail!(
            "optimizer state: `{first}` is missing, {} of {} entries in all",
            missing.len(),
            others.len() + 1
        );
    }
    let mut extra: Vec<_> = state.keys().filter(|name| *name != STEP && !others.contains(name)).collect();
    extra.sort();
    if let Some(first) = extra.first() {
        bail!(
            "optimizer state: `{first}` belongs to no variable of this optimizer, {} such entries",
            extra.len()
        );
    }
    let Some(step) = state.get(STEP) else { bail!("optimizer state: `{STEP}` is missing") };
    if step.rank() != 0 || step.dtype() != DType::I64 {
        let (shape, dtype) = (step.dims(), step.dtype().as_str());
        bail!("optimizer state: `{STEP}` is {dtype} of shape {shape:?}, expected one i64");
    }
    match step.to_scalar::<i64>()? {
        steps @ 0.. => Ok(steps as u64),
        steps => bail!("optimizer state: `{STEP}` is {steps}, expected a count"),
    }
}

/// The state of Adam and LAMB.
#[derive(Debug)]
pub(crate) struct Moments {
    pub steps: u64,
    /// `m` above `v`, of shape `(2, n)`, per variable.
    pub tensors: Vec<Tensor>,
}

impl Moments {
    /// Zeros for each variable.
    pub fn new(vars: &[(String, Var)]) -> Result<Self> {
        let zeros =
            |(_, var): &(String, Var)| Tensor::zeros((2, var.elem_count()), var.dtype(), var.device());
        Ok(Self { steps: 0, tensors: vars.iter().map(zeros).collect::<Result<_>>()? })
    }

    /// Copies of all entries.
    pub fn save(&self, vars: &[(String, Var)]) -> Result<Vec<(String, Tensor)>> {
        let mut entries = vec![step_entry(self.steps)?];
        for (row, kind) in MOMENTS.iter().enumerate() {
            for ((name, var), moments) in vars.iter().zip(&self.tensors) {
                let moment = moments.narrow(0, row, 1)?.force_contiguous()?.reshape(var.shape())?;
                entries.push((format!("{kind}.{name}"), moment));
            }
        }
        Ok(entries)
    }

    /// The inverse of [`save`](Self::save); on an error nothing has changed.
    pub fn load(&mut self, vars: &[(String, Var)], state: &HashMap<String, Tensor>) -> Result<()> {
        let name_of = |kind: &str, name: &str| format!("{kind}.{name}");
        let names = |kind| vars.iter().map(move |(name, _)| name_of(kind, name));
        let steps = load_step(state, &MOMENTS.into_iter().flat_map(names).collect::<Vec<_>>())?;
        let mut tensors = Vec::with_capacity(vars.len());
        for (name, var) in vars {
            let [m, v] = MOMENTS.map(|kind| row(state, name_of(kind, name), var));
            tensors.push(Tensor::cat(&[m?, v?], 0)?);
        }
        *self = Self { steps, tensors };
        Ok(())
    }
}

/// The state of SGD.
#[derive(Debug)]
pub(crate) struct Velocity {
    pub steps: u64,
    /// `v` of each variable; none without momentum.
    pub vars: Option<Vec<Var>>,
}

impl Velocity {
    /// Zeros for each variable, if there is momentum.
    pub fn new(vars: &[(String, Var)], momentum: bool) -> Result<Self> {
        let zeros = |(_, var): &(String, Var)| Var::zeros(var.shape(), var.dtype(), var.device());
        let vars = momentum.then(|| vars.iter().map(zeros).collect::<Result<_>>()).transpose()?;
        Ok(Self { steps: 0, vars })
    }

    /// Copies of all entries.
    pub fn save(&self, vars: &[(String, Var)]) -> Result<Vec<(String, Tensor)>> {
        let mut entries = vec![step_entry(self.steps)?];
        for ((name, _), velocity) in vars.iter().zip(self.vars.iter().flatten()) {
            entries.push((format!("{VELOCITY}.{name}"), velocity.as_tensor().copy()?.detach()));
        }
        Ok(entries)
    }

    /// The inverse of [`save`](Self::save); on an error nothing has changed.
    pub fn load(&mut self, vars: &[(String, Var)], state: &HashMap<String, Tensor>) -> Result<()> {
        let entry = |name: &str| format!("{VELOCITY}.{name}");
        let names = vars.iter().filter(|_| self.vars.is_some()).map(|(name, _)| entry(name));
        let steps = load_step(state, &names.collect::<Vec<_>>())?;
        let read = |(name, var): &(String, Var)| {
            Var::from_tensor(&row(state, entry(name), var)?.reshape(var.shape())?)
        };
        let velocities = self.vars.as_ref().map(|_| vars.iter().map(read).collect::<Result<_>>());
        *self = Self { steps, vars: velocities.transpose()? };
        Ok(())
    }
}

/// One entry as a row `(1, n)` on the variable's device.
fn row(state: &HashMap<String, Tensor>, entry: String, var: &Var) -> Result<Tensor> {
    let Some(tensor) = state.get(&entry) else { bail!("optimizer state: `{entry}` is missing") };
    if tensor.shape() != var.shape() {
        bail!("optimizer state: `{entry}` has shape {:?}, expected {:?}", tensor.dims(), var.dims());
    }
    if tensor.dtype() != var.dtype() {
        let (found, expected) = (tensor.dtype().as_str(), var.dtype().as_str());
        bail!("optimizer state: `{entry}` has dtype {found}, expected {expected}");
    }
    tensor.to_device(var.device())?.reshape((1, var.elem_count()))
}
