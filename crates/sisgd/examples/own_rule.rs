//! A training rule of one's own, beside one of this crate: steps along the signs of the gradient.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor, Var, bail};
use sisgd::{
    CheckedStep, Deferred, Gradient, GradientSource, Guard, NamedVars, Optimizer, Report, SiSgd, SiSgdConfig,
    UpdateReport, check_gradients, clip,
};

/// `x ← x − η·sign(g)`, without state.
struct SignDescent {
    vars: NamedVars,
    steps: u64,
}

impl Optimizer for SignDescent {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        let grad_norm = check_gradients(&self.vars, grads)?;
        let param_norm = clip::global_norm(clip::squared_norms(&self.vars)?.wait()?);
        Ok(CheckedStep::new(move || {
            for (name, var) in &self.vars {
                let Some(Gradient::Dense(grad)) = grads.gradient(var) else {
                    bail!("the gradient of `{name}` is not whole")
                };
                var.set(&(var.as_tensor() - (grad.sign()? * lr)?)?)?;
            }
            self.steps += 1;
            let report = UpdateReport { grad_norm, param_norm, clip_factor: 1., clipped: false };
            Ok(Deferred::ready(Report::Update(report)))
        }))
    }

    fn share_guard(&mut self, _: &Guard) {} // nothing here is checked on a GPU

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(Vec::new())
    }

    fn load_state(&mut self, _: &HashMap<String, Tensor>) -> Result<()> {
        Ok(())
    }
}

fn main() -> Result<()> {
    let start = || Var::new(&[3., -1., 2.], &Device::Cpu);
    let (own, sgd) = (start()?, start()?);
    let loss = |x: &Var| -> Result<Tensor> { 1. - (x.get(0)? / x.sqr()?.sum_all()?.sqrt()?)? };
    let rules: [(&Var, Box<dyn Optimizer>); 2] = [
        (&own, Box::new(SignDescent { vars: vec![("x".into(), own.clone())], steps: 0 })),
        (&sgd, Box::new(SiSgd::new(vec![("x".into(), sgd.clone())], SiSgdConfig::default())?)),
    ];
    for (x, mut rule) in rules {
        let before = loss(x)?.to_scalar::<f64>()?;
        for _ in 0..200 {
            rule.check(&loss(x)?.backward()?, 0.01)?.apply()?;
        }
        let after = loss(x)?.to_scalar::<f64>()?;
        println!("after {} steps the loss went from {before:.4} to {after:.4}", rule.steps());
        if after >= before {
            bail!("the loss did not fall");
        }
    }
    Ok(())
}
