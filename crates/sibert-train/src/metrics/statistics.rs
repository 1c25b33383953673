//! Statistics of the figures of several seeds.

use rayon::prelude::*;
use statrs::statistics::{Data, OrderStatistics, Statistics};

use sibert_data::random::{Purpose, Stream};

/// A figure over the seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The middle value, or the mean of both middle ones.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// Of the sample, with n − 1; none for one value.
    pub standard_deviation: Option<f64>,
}

impl Summary {
    /// Of one value or more; none if there is no value or one is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        let defined = !values.is_empty() && values.iter().all(|value| value.is_finite());
        defined.then(|| Self {
            median: Data::new(values.to_vec()).median(),
            mean: Statistics::mean(values),
            standard_deviation: (values.len() > 1).then(|| Statistics::std_dev(values)),
        })
    }
}

/// The 95 % interval of the mean of a figure over seeds, by the percentiles of `resamples` bootstrap means.
///
/// A resample draws seeds and examples again, with replacement: as many of both, and the same examples for all its
/// seeds. `figure` gives the figure of a seed, by its index, on examples, by theirs. A resample without a finite mean
/// is left out; there is no interval if that happens to more than half of them. The same `seed` gives the same
/// interval on any number of threads.
pub fn bootstrap(
    seeds: usize,
    rows: usize,
    resamples: usize,
    seed: u64,
    figure: impl Fn(usize, &[u32]) -> f64 + Sync,
) -> Option<(f64, f64)> {
    if seeds == 0 || rows == 0 || u32::try_from(rows).is_err() {
        return None;
    }
    let mean = |resample: usize| {
        let mut stream = Stream::new(seed, Purpose::Bootstrap, 0, resample as u64);
        let mut times = vec![0.; seeds];
        (0..seeds).for_each(|_| times[stream.below(seeds)] += 1.);
        let drawn: Vec<u32> = (0..rows).map(|_| stream.below(rows) as u32).collect();
        let used = times.iter().enumerate().filter(|(_, times)| **times > 0.);
        used.map(|(seed, times)| times * figure(seed, &drawn)).sum::<f64>() / seeds as f64
    };
    let means = (0..resamples).into_par_iter().map(mean).filter(|mean| mean.is_finite());
    let means: Vec<f64> = means.collect();
    let enough = !means.is_empty() && 2 * means.len() >= resamples;
    let mut means = Data::new(means);
    enough.then(|| (means.quantile(0.025), means.quantile(0.975)))
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
