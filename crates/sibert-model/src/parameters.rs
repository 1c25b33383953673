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
    /// A checkpoint, and a seed for those of the variables below `roots` that it lacks.
    Completed { tensors: HashMap<String, Tensor>, seed: u64, roots: Vec<&'static str> },
}

/// Creates a model's variables and keeps them in the order in which the layers asked for them.
///
/// That order is the order of the data's way through the model and never changes, so optimizer state,
/// collective operations and norms walk the parameters alike in every process.
#[derive(Clone)]
pub struct Parameters(Arc<Inner>);

struct Inner {
    source: Source,
    asked: Mutex<Asked>,
}

/// The variables that the layers have asked for up to now.
#[derive(Default)]
struct Asked {
    vars: Vec<(String, Var)>,
    drawn: Vec<String>,
    faults: Vec<String>,
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

    /// Parameters that will be read from `tensors`, or drawn from `seed` where one below `roots` is not there.
    ///
    /// Another tensor that is missing or misshapen becomes zero, and one of the [`faults`](Self::faults).
    pub fn completed(tensors: HashMap<String, Tensor>, seed: u64, roots: Vec<&'static str>) -> Self {
        Self::from_source(Source::Completed { tensors, seed, roots })
    }

    fn from_source(source: Source) -> Self {
        Self(Arc::new(Inner { source, asked: Mutex::default() }))
    }

    /// The builder from which layers take their variables.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// Names and variables, in their fixed order.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.lock().vars.clone()
    }

    /// Names of the variables of a completed checkpoint that were drawn from the seed, sorted.
    pub fn drawn(&self) -> Vec<String> {
        let mut names = self.lock().drawn.clone();
        names.sort();
        names
    }

    /// The tensors that a completed checkpoint lacks or has in another shape, in the order of the layers.
    pub fn faults(&self) -> Vec<String> {
        self.lock().faults.clone()
    }

    /// Names of the checkpoint's tensors that no layer asked for, sorted.
    pub fn unused(&self) -> Vec<String> {
        let (Source::Tensors(tensors) | Source::Completed { tensors, .. }) = &self.0.source else {
            return Vec::new();
        };
        let vars = &self.lock().vars;
        let mut names: Vec<_> =
            tensors.keys().filter(|name| !vars.iter().any(|(known, _)| known == *name)).cloned().collect();
        names.sort();
        names
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, shape: &Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        match &self.0.source {
            Source::Seed(seed) => initial_value(*seed, shape, name, init, dtype, device),
            Source::Tensors(tensors) => match stored(tensors, shape, name) {
                Ok(tensor) => tensor.to_device(device)?.to_dtype(dtype),
                Err(fault) => bail!("{fault}"),
            },
            Source::Completed { tensors, seed, roots } => match stored(tensors, shape, name) {
                Ok(tensor) => tensor.to_device(device)?.to_dtype(dtype),
                Err(_) if !tensors.contains_key(name) && is_below(roots, name) => {
                    self.lock().drawn.push(name.to_string());
                    initial_value(*seed, shape, name, init, dtype, device)
                }
                Err(fault) => {
                    self.lock().faults.push(fault);
                    Tensor::zeros(shape, dtype, device)
                }
            },
        }
    }
}

/// The checkpoint's tensor, or what is wrong with it.
fn stored<'a>(
    tensors: &'a HashMap<String, Tensor>,
    shape: &Shape,
    name: &str,
) -> std::result::Result<&'a Tensor, String> {
    match tensors.get(name) {
        None => Err(format!("`{name}` {shape:?} is missing in the checkpoint")),
        Some(tensor) if tensor.shape() != shape => {
            Err(format!("`{name}` is {:?} in the checkpoint, expected {shape:?}", tensor.shape()))
        }
        Some(tensor) => Ok(tensor),
    }
}

/// Whether `name` is `root.…` for one of the roots.
fn is_below(roots: &[&str], name: &str) -> bool {
    roots.iter().any(|root| name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.')))
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
        if self.lock().vars.iter().any(|(known, _)| known == name) {
            bail!("`{name}` is asked for twice");
        }
        let var = Var::from_tensor(&self.value(&shape, name, init, dtype, device)?)?;
        let tensor = var.as_tensor().clone();
        self.lock().vars.push((name.to_string(), var));
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("`{name}` is asked for without a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        match &self.0.source {
            Source::Seed(_) | Source::Completed { .. } => true,
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

    #[test]
    fn a_completed_checkpoint_draws_only_below_its_roots_and_lists_every_fault() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let complete = |roots: &[&'static str], tensors: &[(&str, Tensor)]| {
            let tensors = tensors.iter().map(|(n, t)| (n.to_string(), t.clone())).collect();
            let parameters = Parameters::completed(tensors, 1, roots.to_vec());
            build(&parameters).unwrap();
            parameters
        };
        let drawn = complete(&["z"], &[("a.bias", zeros(&[3])), ("pooler", zeros(&[1]))]);
        assert_eq!((drawn.drawn(), drawn.unused()), (vec!["z.weight".into()], vec!["pooler".into()]));
        assert!(drawn.faults().is_empty());
        let new = Parameters::initialised(1);
        build(&new).unwrap();
        let weight = |parameters: &Parameters| parameters.vars()[0].1.to_vec2::<f32>().unwrap();
        assert_eq!(weight(&drawn), weight(&new));

        let faulty = complete(&["z.wei"], &[("a.bias", zeros(&[4]))]);
        let expected = [
            "`z.weight` [2, 3] is missing in the checkpoint",
            "`a.bias` is [4] in the checkpoint, expected [3]",
        ];
        assert_eq!((faulty.faults(), faulty.drawn()), (expected.map(String::from).to_vec(), Vec::new()));
    }
}
