//! The parameters of a model: named variables in one fixed order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::random;

/// Where the values of the variables come from.
enum Source {
    /// A pure function of the seed and the variable's name.
    Seed(u64),
    /// A checkpoint.
    Tensors(HashMap<String, Tensor>),
}

/// Creates a model's variables and keeps them in the order in which the layers asked for them.
///
/// That order is the order of the data's way through the model and never changes, so optimizer state,
/// collective operations and norms walk the parameters alike in every process.
#[derive(Clone)]
pub struct Parameters(Arc<Inner>);

struct Inner {
    source: Source,
    vars: Mutex<Vec<(String, Var)>>,
}

impl Parameters {
    /// Parameters that will be drawn from `seed`: the same on every machine and device.
    pub fn initialised(seed: u64) -> Self {
        Self::from_source(Source::Seed(seed))
    }

    /// Parameters that will be read from `tensors`, by name.
    pub fn loaded(tensors: HashMap<String, Tensor>) -> Self {
        Self::from_source(Source::Tensors(tensors))
    }

    fn from_source(source: Source) -> Self {
        Self(Arc::new(Inner { source, vars: Mutex::default() }))
    }

    /// The builder from which layers take their variables.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// Names and variables, in their fixed order.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.lock().clone()
    }

    /// Names of the checkpoint's tensors that no layer asked for, sorted.
    pub fn unused(&self) -> Vec<String> {
        let Source::Tensors(tensors) = &self.0.source else { return Vec::new() };
        let vars = self.lock();
        let mut names: Vec<_> =
            tensors.keys().filter(|name| !vars.iter().any(|(known, _)| known == *name)).cloned().collect();
        names.sort();
        names
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Var)>> {
        self.0.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, shape: &Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        match &self.0.source {
            Source::Seed(seed) => initial_value(*seed, shape, name, init, dtype, device),
            Source::Tensors(tensors) => match tensors.get(name) {
                None => bail!("`{name}` {shape:?} is missing in the checkpoint"),
                Some(tensor) if tensor.shape() != shape => {
                    bail!("`{name}` is {:?} in the checkpoint, expected {shape:?}", tensor.shape())
                }
                Some(tensor) => tensor.to_device(device)?.to_dtype(dtype),
            },
        }
    }
}

/// `Init::Randn` is a normal of the given deviation, cut at two deviations; `Init::Const` is itself.
fn initial_value(
    seed: u64,
    shape: &Shape,
    name: &str,
    init: Init,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let count = shape.elem_count();
    match init {
        Init::Const(value) => Tensor::full(value, shape, &Device::Cpu)?.to_dtype(dtype),
        Init::Randn { mean: 0., stdev } => {
            let draws = random::truncated_normals(random::named(seed, name), stdev).take(count);
            match dtype {
                // no second copy of a large table in f64
                DType::F32 => Tensor::from_vec(collect(draws.map(|x| x as f32), count), shape, &Device::Cpu),
                _ => Tensor::from_vec(collect(draws, count), shape, &Device::Cpu)?.to_dtype(dtype),
            }
        }
        other => bail!("`{name}` asks for the initialisation {other:?}, expected Const or Randn of mean 0"),
    }?
    .to_device(device)
}

/// The numbers in a vector that never grows.
fn collect<T>(numbers: impl Iterator<Item = T>, count: usize) -> Vec<T> {
    let mut vector = Vec::with_capacity(count);
    vector.extend(numbers);
    vector
}

impl SimpleBackend for Parameters {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if self.lock().iter().any(|(known, _)| known == name) {
            bail!("`{name}` is asked for twice");
        }
        let var = Var::from_tensor(&self.value(&shape, name, init, dtype, device)?)?;
        let tensor = var.as_tensor().clone();
        self.lock().push((name.to_string(), var));
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("`{name}` is asked for without a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        match &self.0.source {
            Source::Seed(_) => true,
            Source::Tensors(tensors) => tensors.contains_key(name),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn build(parameters: &Parameters) -> Result<()> {
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        vb.pp("z").get_with_hints((2, 3), "weight", Init::Randn { mean: 0., stdev: 0.02 })?;
        vb.pp("a").get_with_hints(3, "bias", Init::Const(0.))?;
        Ok(())
    }

    #[test]
    fn variables_are_walked_in_the_order_of_the_layers() {
        let parameters = Parameters::initialised(1);
        build(&parameters).unwrap();
        let names: Vec<_> = parameters.vars().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z.weight", "a.bias"]);
    }

    #[test]
    fn missing_misshapen_and_unused_tensors_are_named() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let load = |entries: &[(&str, Tensor)]| {
            Parameters::loaded(entries.iter().map(|(n, t)| (n.to_string(), t.clone())).collect())
        };
        let missing = build(&load(&[("z.weight", zeros(&[2, 3]))])).unwrap_err().to_string();
        assert!(missing.starts_with("`a.bias` [3] is missing in the checkpoint"), "{missing}");
        let misshapen = build(&load(&[("z.weight", zeros(&[2, 4]))])).unwrap_err().to_string();
        assert!(
            misshapen.starts_with("`z.weight` is [2, 4] in the checkpoint, expected [2, 3]"),
            "{misshapen}"
        );
        let extra = load(&[("z.weight", zeros(&[2, 3])), ("a.bias", zeros(&[3])), ("pooler", zeros(&[1]))]);
        build(&extra).unwrap();
        assert_eq!(extra.unused(), ["pooler"]);
    }
}
