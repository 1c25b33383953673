//! The time of one step over 25 million f32 parameters: `cargo bench -p sisgd`, with RAYON_NUM_THREADS as wanted.

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use sisgd::{AdamW, AdamWConfig, Lamb, LambConfig, NamedVars, SgdConfig, SiSgd, check_gradients};
use std::time::Instant;

const TENSORS: usize = 25;
const SHAPE: (usize, usize) = (1000, 1000);

fn main() -> Result<()> {
    let normal = || Tensor::randn(0f32, 1., SHAPE, &Device::Cpu);
    let var = |i| Ok((format!("var{i}"), Var::from_tensor(&normal()?)?));
    let vars: NamedVars = (0..TENSORS).map(var).collect::<Result<_>>()?;
    let mut grads = GradStore::default();
    for (_, var) in &vars {
        grads.insert(var, normal()?);
    }
    let mut sgd = SiSgd::new(vars.clone(), SgdConfig::default())?;
    let mut adamw = AdamW::new(vars.clone(), AdamWConfig::default())?;
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default())?;
    report("check_gradients", || check_gradients(&vars, &grads).map(|_| ()))?;
    report("SiSgd", || sgd.step(&grads, 1e-3).map(|_| ()))?;
    report("AdamW", || adamw.step(&grads, 1e-3).map(|_| ()))?;
    report("Lamb", || lamb.step(&grads, 1e-3).map(|_| ()))
}

/// Prints the best of ten runs.
fn report(name: &str, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:16} {:8.1} ms", best * 1e3);
    Ok(())
}
