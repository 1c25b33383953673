//! Figures of predicted scores.

use statrs::statistics::Statistics;

use sibert_data::task::Metric;

/// A correlation of predicted with actual scores; NaN if either is constant or has a NaN, of less than two rows, of
/// unequally many, and of a metric of classes.
///
/// Sums are in float64. scipy's `pearsonr` sums float32 values in float32 and comes within 2e-7, but for scores that
/// are nearly constant.
pub fn of_scores(metric: Metric, predicted: &[f32], actual: &[f32]) -> f64 {
    let wide = |scores: &[f32]| -> Vec<f64> { scores.iter().copied().map(f64::from).collect() };
    if predicted.len() != actual.len() || predicted.iter().chain(actual).any(|score| score.is_nan()) {
        return f64::NAN;
    }
    match metric {
        Metric::Pearson => pearson(wide(predicted), wide(actual)),
        Metric::Spearman => pearson(ranks(wide(predicted)), ranks(wide(actual))),
        _ => f64::NAN,
    }
}

fn pearson(x: Vec<f64>, y: Vec<f64>) -> f64 {
    if is_constant(&x) || is_constant(&y) {
        return f64::NAN;
    }
    let (x, y) = (centred(x), centred(y));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    (dot(&x, &y) / (dot(&x, &x).sqrt() * dot(&y, &y).sqrt())).clamp(-1., 1.)
}

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|value| *value == values[0])
}

fn centred(values: Vec<f64>) -> Vec<f64> {
    let mean = Statistics::mean(&values);
    values.into_iter().map(|value| value - mean).collect()
}

/// 1, 2, … by size; equal values have the mean of their ranks.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| (values[*a] + 0.).total_cmp(&(values[*b] + 0.))); // -0 equals 0
    let mut ranks = vec![0.; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = first as f64 + (equal.len() as f64 + 1.) / 2.;
        equal.iter().for_each(|index| ranks[*index] = rank);
        first += equal.len();
    }
    ranks
}
