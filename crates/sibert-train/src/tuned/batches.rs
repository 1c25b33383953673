//! Which sequences go into a batch together, and the batch as tensors.

use anyhow::Result;
use candle_core::{Device, Tensor};
use sibert_data::random::{Purpose, Stream};
use sibert_model::Inputs;

use super::Sequence;
use crate::batch::mask;

/// So many batches are sorted by length together: little padding, and still other neighbours in each epoch.
const BUCKET: usize = 50;

/// The batches of an epoch, as indices: every sequence once, those of about a length together.
///
/// The sequences are shuffled, every 50 batches of them sorted by length and cut, and the batches shuffled; the one
/// that is not full is among them. A pure function of its arguments: a resumed run finds its place by the step.
pub fn order(lengths: &[usize], batch_size: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let mut stream = Stream::new(seed, Purpose::FineTuning, epoch, 0);
    let mut indices: Vec<usize> = (0..lengths.len()).collect();
    stream.draw_to_front(&mut indices, lengths.len());
    let mut batches = Vec::with_capacity(lengths.len().div_ceil(batch_size));
    for bucket in indices.chunks_mut(BUCKET * batch_size) {
        bucket.sort_by_key(|&index| lengths[index]); // stable: ties stay shuffled
        batches.extend(bucket.chunks(batch_size).map(<[usize]>::to_vec));
    }
    let count = batches.len();
    stream.draw_to_front(&mut batches, count);
    batches
}

/// A batch (batch, seq) for a model on `device`, padded to its longest sequence; ids stay on the host.
///
/// # Errors
/// If the device fails.
pub fn inputs(sequences: &[&Sequence], pad: u32, device: &Device) -> Result<Inputs> {
    let longest = sequences.iter().map(|sequence| sequence.len()).max().unwrap_or(0);
    let shape = (sequences.len(), longest);
    let padded = |row: &dyn Fn(&Sequence) -> Vec<u32>, fill: u32| {
        let mut values = Vec::with_capacity(shape.0 * shape.1);
        for sequence in sequences {
            values.extend(row(sequence));
            values.resize(values.len() + longest - sequence.len(), fill);
        }
        values
    };
    let on_host = |ids: Vec<u32>| Tensor::from_vec(ids, shape, &Device::Cpu);
    Ok(Inputs {
        input_ids: on_host(padded(&|sequence| sequence.ids.clone(), pad))?,
        token_type_ids: on_host(padded(&|sequence| sequence.types.clone(), 0))?,
        attention_mask: mask(&padded(&|sequence| vec![1; sequence.len()], 0), shape, device)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..1003).map(|i| 5 + (i * 37) % 60).collect()
    }

    #[test]
    fn every_sequence_comes_once_an_epoch_and_epochs_and_seeds_differ() {
        let lengths = lengths();
        let epoch = |seed, epoch| order(&lengths, 8, seed, epoch);
        let mut seen: Vec<usize> = epoch(1, 0).concat();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..lengths.len()));
        assert_eq!(epoch(1, 0), epoch(1, 0));
        assert_eq!(epoch(1, 0).len(), 126);
        assert!(epoch(1, 0) != epoch(1, 1) && epoch(1, 0) != epoch(2, 0));
    }

    #[test]
    fn batches_of_like_lengths_need_little_padding() {
        let lengths = lengths();
        let padded = |batches: &[Vec<usize>]| -> usize {
            batches
                .iter()
                .map(|batch| batch.len() * batch.iter().map(|&i| lengths[i]).max().unwrap_or(0))
                .sum()
        };
        let naive: Vec<Vec<usize>> = (0..1003).collect::<Vec<_>>().chunks(8).map(<[usize]>::to_vec).collect();
        let tokens: usize = lengths.iter().sum();
        assert!(padded(&order(&lengths, 8, 0, 0)) < tokens * 21 / 20);
        assert!(padded(&naive) > tokens * 5 / 4);
    }

    #[test]
    fn shorter_rows_are_padded_and_masked() {
        let long = Sequence { ids: vec![2, 7, 3, 8, 3], types: vec![0, 0, 0, 1, 1] };
        let short = Sequence { ids: vec![2, 3], types: vec![0, 0] };
        let inputs = inputs(&[&short, &long], 9, &Device::Cpu).unwrap();
        assert_eq!(inputs.input_ids.to_vec2::<u32>().unwrap(), [[2, 3, 9, 9, 9], [2, 7, 3, 8, 3]]);
        assert_eq!(inputs.token_type_ids.to_vec2::<u32>().unwrap(), [[0; 5], [0, 0, 0, 1, 1]]);
        assert_eq!(inputs.attention_mask.to_vec2::<f32>().unwrap(), [[1., 1., 0., 0., 0.], [1.; 5]]);
    }
}
