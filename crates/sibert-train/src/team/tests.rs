//! What a team computes is what one process computes, to the bit; what one of them cannot do, none of them does.

use anyhow::bail;
use candle_core::{DType, Device, Tensor};
use sibert_data::batches::MaskedBatch;
use sibert_model::{ModelType, PositionKind, PreTraining};
use sibert_ranks::Threads;

use super::*;
use crate::config::{ModelSettings, RunConfig};
use crate::step;
use crate::sums::Sums;

const VOCABULARY: usize = 60;

/// Eight sequences in eight shares, of a SIBERT, whose token table gets its gradients by rows, or of a BERT, whose table is
/// tied to the head and gets them whole.
fn config(tied: bool) -> RunConfig {
    let model = ModelSettings {
        model_type: if tied { ModelType::Bert } else { ModelType::Sibert },
        hidden_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 32,
        max_position_embeddings: 12,
        hidden_dropout_prob: 0.1,
        tie_word_embeddings: Some(tied),
        position_embedding_type: Some(PositionKind::Absolute),
        ..RunConfig::default().model
    };
    RunConfig { batch_size: 8, shares: 8, seq_len: 12, model, ..RunConfig::default() }
}

fn model(config: &RunConfig) -> PreTraining {
    let shape = config.model.to_model_config(VOCABULARY, 0);
    PreTraining::new(&shape, 3, DType::F32, &Device::Cpu).unwrap()
}

/// One sequence of the batch; the fourth has no token to predict.
fn row(number: usize) -> MaskedBatch {
    let token = |i: usize| 5 + ((number * 31 + i * 7) % (VOCABULARY - 5)) as u32;
    let positions: Vec<u32> = if number == 3 { Vec::new() } else { vec![2, 5 + number as u32 % 4] };
    MaskedBatch {
        batch: 1,
        seq_len: 12,
        input_ids: (0..12).map(token).collect(),
        token_type_ids: vec![0; 12],
        attention_mask: vec![1; 12],
        labels: positions.iter().map(|&position| token(position as usize + 40)).collect(),
        positions,
        next_sentence: None,
    }
}

/// The bits of all gradients and of the loss, as a process of the team finds them: in a first step, in which nothing is sent
/// ahead, and in the next.
fn gradients(team: &Team, config: &RunConfig) -> (Vec<Vec<u32>>, u64) {
    let first = step(team, config);
    let silent = [1, 2].contains(&team.size()); // one of two processes comes to nothing in its last share, the fourth
    assert_eq!(team.plan().is_empty(), silent);
    assert_eq!(first, step(team, config));
    first
}

fn step(team: &Team, config: &RunConfig) -> (Vec<Vec<u32>>, u64) {
    let model = model(config);
    let rows = step::rows(config, team.shares(config.shares).unwrap());
    let batches = rows.into_iter().map(|rows| (rows.start, row(rows.start))).collect();
    let (gradients, sums) = step::gradients(&model, batches, config, 1, &Device::Cpu, team).unwrap();
    let bits = |tensor: Tensor| -> Vec<u32> {
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|x| x.to_bits()).collect()
    };
    let of = |(_, var): &(_, _)| gradients.whole(var).unwrap().map(bits).unwrap_or_default();
    (model.parameters().iter().map(of).collect(), sums.wait().unwrap().mean_loss().to_bits())
}

#[test]
fn gradients_and_loss_have_the_same_bits_on_any_number_of_processes() {
    for tied in [false, true] {
        let config = config(tied);
        let alone = gradients(&Team::alone(), &config);
        assert!(alone.0.iter().flatten().any(|bits| *bits != 0));
        for size in [2, 3, 4, 7, 8] {
            let team = Threads::run(size, |ranks| gradients(&Team::of_thread(ranks), &config));
            team.iter().for_each(|found| assert_eq!(found, &alone, "{size} processes, tied: {tied}"));
        }
    }
}

#[test]
fn faster_sums_differ_by_rounding_alone() {
    for (gradient_sums, rounding) in [(GradientSums::AnyOrder, 1e-5), (GradientSums::Bf16, 1e-2)] {
        let config = RunConfig { gradient_sums, ..config(false) };
        differ_by(rounding, &config);
    }
}

fn differ_by(rounding: f64, config: &RunConfig) {
    let alone = gradients(&Team::alone(), config).0;
    let team = Threads::run(3, |ranks| gradients(&Team::of_thread(ranks), config).0);
    assert_eq!(team[0], team[1]);
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let value = |bits: &u32| f64::from(f32::from_bits(*bits));
    for (found, expected) in team[2].iter().zip(&alone) {
        let difference = norm(&mut found.iter().zip(expected).map(|(x, y)| value(x) - value(y)));
        assert!(difference <= rounding * norm(&mut expected.iter().map(value)));
    }
}

#[test]
fn an_error_of_one_process_ends_all_with_its_words() {
    let errors = Threads::run(3, |ranks| {
        let team = Team::of_thread(ranks);
        let own = if team.name().starts_with("process 1") { Err(anyhow!("no such file")) } else { Ok(()) };
        team.agree(own).unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| error.contains("no such file")), "{errors:?}");
    assert_eq!(errors[2], "process 1 of 3 on host: no such file");
}

#[test]
fn what_the_first_process_does_is_done_once_and_known_to_all() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let found = Threads::run(4, |ranks| {
        let team = Team::of_thread(ranks);
        let found = team.first(|| Ok(calls.fetch_add(1, Ordering::Relaxed) + 7)).unwrap();
        let error = team.first(|| -> Result<()> { bail!("disk full") }).unwrap_err().to_string();
        (found, error)
    });
    assert_eq!(calls.into_inner(), 1);
    assert!(found.iter().all(|(found, error)| *found == 7 && error.ends_with("disk full")), "{found:?}");
}

#[test]
fn no_process_has_its_turn_before_the_first_one_is_done() {
    let order = std::sync::Mutex::new(Vec::new());
    Threads::run(3, |ranks| {
        let team = Team::of_thread(ranks);
        let note = || {
            order.lock().unwrap().push(team.is_first());
            Ok(())
        };
        team.in_turn(note).unwrap();
    });
    assert_eq!(*order.lock().unwrap(), [true, false, false]);
}

#[test]
fn figures_of_shared_batches_come_back_in_their_order() {
    let sums = |i: usize| Sums { loss: i as f64, masked: i, ..Sums::default() };
    let found = Threads::run(3, |ranks| {
        let team = Team::of_thread(ranks);
        let own: Vec<Sums> = (0..8).filter(|&i| team.makes(i)).map(sums).collect();
        let rows = (0..8).map(|i| if team.makes(i) { vec![i as f32; i + 1] } else { Vec::new() });
        (team.interleaved(&own).unwrap(), team.merged(rows.collect()).unwrap())
    });
    for (figures, rows) in found {
        assert_eq!(figures.iter().map(|sums| sums.masked).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        (0..8).for_each(|i| assert_eq!(rows[i], vec![i as f32; i + 1]));
    }
}

#[test]
fn more_processes_than_shares_are_refused_with_the_mend() {
    let error = Threads::run(3, |ranks| Team::of_thread(ranks).shares(2).unwrap_err().to_string());
    assert!(error[0].starts_with("3 processes, but shares is 2") && error[0].contains("set shares to 4"));
}

#[test]
fn what_is_not_the_same_everywhere_is_refused_everywhere() {
    let results = Threads::run(3, |ranks| {
        let team = Team::of_thread(ranks);
        let odd = u8::from(team.name().starts_with("process 2"));
        (team.ensure_same("the texts", &[1, 2]).is_ok(), team.ensure_same("the texts", &[odd]).is_err())
    });
    assert_eq!(results, [(true, true); 3]);
}
