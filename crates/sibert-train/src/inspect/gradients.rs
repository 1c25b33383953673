//! `sibert gradients`: the gradients of independent batches, block by block.

use anyhow::{Result, bail};
use candle_core::{DType, Tensor};
use sibert_model::{Block, Gradients, PreTraining};

use super::open;
use crate::args::GradientsArgs;
use crate::batch::DTYPE;
use crate::console::result;
use crate::pretrained::MaskedLm;
use crate::step;
use crate::team::Team;

/// Prints a line for each block.
///
/// # Errors
/// If model or text cannot be read, do not belong together, or standard output is closed.
pub fn run(args: &GradientsArgs) -> Result<()> {
    if !(args.angle.is_finite() && args.angle > 0.) {
        bail!("--angle is {}, expected a positive number of radians", args.angle);
    }
    let device = args.device.open()?;
    let model = MaskedLm::open(&args.model, &device)?.model(DTYPE, &device)?;
    let text = open(&args.text)?;
    let (words, known) = (text.corpus.tokenizer.get_vocab_size(true), model.config().vocab_size);
    if words > known {
        bail!(
            "the text has {words} kinds of tokens and the model {known}: give the run's own shards, or --tokenizer {}",
            args.model
        );
    }
    let encoder = model.encoder_blocks().len();
    let blocks = [model.encoder_blocks(), model.head_blocks()].concat();
    let mut found: Vec<_> = blocks.iter().map(|_| Signal::default()).collect();
    for step in args.step..args.step + args.batches {
        let batch = text.corpus.train.micro_batch(step, 0..text.config.batch_size);
        let (gradients, _) =
            step::gradients(&model, vec![(0, batch)], &text.config, step as usize, &device, &Team::alone())?;
        for (signal, block) in found.iter_mut().zip(&blocks) {
            signal.add(block, &gradients)?;
        }
    }
    let turn = Turn::new(&found[..encoder], &blocks[..encoder], args.angle)?;
    print(&model, &blocks, &found, encoder, &turn)
}

/// The common part of a block's gradients.
#[derive(Default)]
struct Signal {
    batches: usize,
    /// The sum of the gradients, each of norm 1.
    units: Option<Tensor>,
    /// The mean of ‖G‖².
    squared: f64,
    /// The sum of the matrices' effective ranks.
    ranks: f64,
}

impl Signal {
    fn add(&mut self, block: &Block, gradients: &Gradients) -> Result<()> {
        let parts = block.vars.iter().map(|(_, var)| match gradients.whole(var)? {
            Some(gradient) => Ok(gradient),
            None => Ok(var.zeros_like()?),
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let flat = parts.iter().map(Tensor::flatten_all).collect::<candle_core::Result<Vec<_>>>()?;
        let gradient = Tensor::cat(&flat, 0)?.to_device(&candle_core::Device::Cpu)?.to_dtype(DType::F64)?;
        let squared = number(&gradient.sqr()?)?;
        self.batches += 1;
        self.squared += (squared - self.squared) / self.batches as f64;
        if let [matrix, ..] = parts.as_slice()
            && matrix.rank() == 2
        {
            self.ranks += effective_rank(matrix)?;
        }
        if squared > 0. {
            let unit = (gradient / squared.sqrt())?;
            self.units = Some(match self.units.take() {
                Some(units) => (units + unit)?,
                None => unit,
            });
        }
        Ok(())
    }

    /// The mean cosine between two batches: `(‖Σ û‖² − n) / (n (n − 1))`.
    fn cosine(&self) -> Result<f64> {
        let Some(units) = &self.units else { return Ok(0.) };
        let n = self.batches as f64;
        Ok((number(&units.sqr()?)? - n) / (n * (n - 1.)))
    }

    fn rank(&self) -> Option<f64> {
        (self.ranks > 0.).then(|| self.ranks / self.batches as f64)
    }
}

/// `(Σ σ²)² / Σ σ⁴` of the singular values: how many of them share the energy.
fn effective_rank(matrix: &Tensor) -> Result<f64> {
    let matrix = matrix.to_device(&candle_core::Device::Cpu)?.to_dtype(DType::F64)?;
    let (rows, columns) = matrix.dims2()?;
    let transposed = matrix.t()?.contiguous()?;
    let gram = if rows < columns { matrix.matmul(&transposed)? } else { transposed.matmul(&matrix)? };
    let (energy, fourth) = (number(&matrix.sqr()?)?, number(&gram.sqr()?)?);
    Ok(if fourth > 0. { energy * energy / fourth } else { 0. })
}

/// One step of all blocks together: each goes as far as its gradient is long.
struct Turn {
    /// Angle of a block over `‖G‖/‖W‖`.
    rate: f64,
}

impl Turn {
    fn new(signals: &[Signal], blocks: &[Block], angle: f64) -> Result<Self> {
        let gradient: f64 = signals.iter().map(|signal| signal.squared).sum();
        let parameters = blocks.iter().map(norm).collect::<Result<Vec<_>>>()?;
        let parameters: f64 = parameters.iter().map(|norm| norm * norm).sum();
        let rate = if gradient > 0. { angle * (parameters / gradient).sqrt() } else { 0. };
        Ok(Self { rate })
    }

    fn of(&self, signal: &Signal, norm: f64) -> f64 {
        self.rate * signal.squared.sqrt() / norm
    }
}

fn print(model: &PreTraining, blocks: &[Block], found: &[Signal], encoder: usize, turn: &Turn) -> Result<()> {
    let all: f64 = found[..encoder].iter().map(|signal| signal.squared).sum();
    let root = format!("{}.", model.config().model_type.prefix());
    result(format!(
        "{:48} {:>9} {:>9} {:>8} {:>7} {:>9}",
        "block", "norm", "share", "cosine", "rank", "turn"
    ))?;
    for (i, (block, signal)) in blocks.iter().zip(found).enumerate() {
        let (norm, cosine) = (norm(block)?, signal.cosine()?);
        let rank = signal.rank().map_or("-".into(), |rank| format!("{rank:.1}"));
        let name = &block.vars[0].0;
        let name = name.strip_prefix(&root).unwrap_or(name).trim_end_matches(".weight");
        let (share, turn) = match i < encoder {
            true => {
                (format!("{:.2} %", 100. * signal.squared / all), format!("{:.4}", turn.of(signal, norm)))
            }
            false => ("-".into(), "-".into()),
        };
        result(format!("{name:48} {norm:>9.2} {share:>9} {cosine:>8.3} {rank:>7} {turn:>9}"))?;
    }
    Ok(())
}

/// The norm of a block.
fn norm(block: &Block) -> Result<f64> {
    let squares = block
        .vars
        .iter()
        .map(|(_, var)| number(&var.to_device(&candle_core::Device::Cpu)?.to_dtype(DType::F64)?.sqr()?));
    Ok(squares.sum::<Result<f64>>()?.sqrt())
}

fn number(squares: &Tensor) -> Result<f64> {
    Ok(squares.sum_all()?.to_scalar::<f64>()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn block(values: &[f32], shape: (usize, usize)) -> (Block, Var) {
        let var = Var::from_tensor(&Tensor::from_slice(values, shape, &Device::Cpu).unwrap()).unwrap();
        let vars = vec![("w".to_string(), var.clone())];
        (Block { kind: sibert_model::BlockKind::Matrix, vars }, var)
    }

    fn rank(values: &[f32]) -> f64 {
        effective_rank(&Tensor::from_slice(values, (2, 2), &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn the_effective_rank_counts_the_directions_that_share_the_energy() {
        assert!((rank(&[1., 2., 2., 4.]) - 1.).abs() < 1e-12);
        assert!((rank(&[3., 0., 0., 3.]) - 2.).abs() < 1e-12);
        assert!((rank(&[2., 0., 0., 1.]) - 25. / 17.).abs() < 1e-12);
        assert_eq!(rank(&[0.; 4]), 0.);
    }

    #[test]
    fn a_step_of_all_together_turns_each_block_by_its_share() {
        let (wide, _) = block(&[3., 0., 4., 0.], (2, 2));
        let (small, _) = block(&[0.5], (1, 1));
        let signal = |squared| Signal { batches: 1, squared, ..Signal::default() };
        let signals = [signal(9.), signal(16.)];
        let turn = Turn::new(&signals, &[wide, small], 0.01).unwrap();
        let length = 0.01 * 25.25_f64.sqrt(); // of the whole step
        assert!((turn.of(&signals[0], 5.) - length * 3. / 5. / 5.).abs() < 1e-15);
        assert!((turn.of(&signals[1], 0.5) - length * 4. / 5. / 0.5).abs() < 1e-15);
    }

    #[test]
    fn the_cosine_is_that_of_pairs_of_batches() {
        let unit = |values: &[f64]| Some(Tensor::from_slice(values, 2, &Device::Cpu).unwrap());
        let cosine = |sum| Signal { batches: 2, units: sum, ..Signal::default() }.cosine().unwrap();
        assert!((cosine(unit(&[2., 0.])) - 1.).abs() < 1e-12);
        assert!(cosine(unit(&[1., 1.])).abs() < 1e-12);
        assert!((cosine(unit(&[1.6, 0.8])) - 0.6).abs() < 1e-12);
    }
}
