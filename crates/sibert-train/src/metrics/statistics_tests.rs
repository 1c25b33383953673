#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_summary_has_median_mean_and_the_deviation_of_a_sample() {
    let odd = Summary::of(&[0.9, 0.5, 0.7]).unwrap();
    assert_eq!(odd.median, 0.7);
    assert!((odd.mean - 0.7).abs() < 1e-12);
    assert!((odd.standard_deviation.unwrap() - 0.2).abs() < 1e-12);
    assert_eq!(Summary::of(&[4., 1., 2., 9.]).unwrap().median, 3.);
    assert_eq!(Summary::of(&[0.5]), Some(Summary { median: 0.5, mean: 0.5, standard_deviation: None }));
    assert_eq!(Summary::of(&[0.5, 0.5]).unwrap().standard_deviation, Some(0.));
    assert_eq!(Summary::of(&[]), None);
    assert_eq!(Summary::of(&[0.5, f64::NAN]), None);
    assert_eq!(Summary::of(&[0.5, f64::INFINITY]), None);
}

/// Rows that are 1 with a probability, else 0.
fn bernoulli(seed: u64, rows: usize, probability: f64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Text, 0, 0);
    (0..rows).map(|_| if stream.unit() < probability { 1. } else { 0. }).collect()
}

fn mean_of(values: &[f64], rows: &[u32]) -> f64 {
    rows.iter().map(|&row| values[row as usize]).sum::<f64>() / rows.len() as f64
}

#[test]
fn an_interval_of_bernoulli_rows_is_as_wide_as_their_deviation_says() {
    for (rows, probability) in [(400, 0.5), (1000, 0.85)] {
        let values = bernoulli(rows as u64, rows, probability);
        let all: Vec<u32> = (0..rows as u32).collect();
        let mean = mean_of(&values, &all);
        let (low, high) = bootstrap(1, rows, 2000, 0, |_, drawn| mean_of(&values, drawn)).unwrap();
        assert!(low < mean && mean < high);
        let expected = 2. * 1.96 * (probability * (1. - probability) / rows as f64).sqrt();
        assert!(((high - low) / expected - 1.).abs() < 0.15, "{} and {expected}", high - low);
    }
}

#[test]
fn the_interval_holds_the_true_mean_in_nineteen_of_twenty_samples() {
    let (samples, rows, probability) = (300, 100, 0.7);
    let holds = |sample: &u64| {
        let values = bernoulli(*sample, rows, probability);
        let (low, high) = bootstrap(1, rows, 300, *sample, |_, drawn| mean_of(&values, drawn)).unwrap();
        low <= probability && probability <= high
    };
    let held = (0..samples).filter(holds).count();
    assert!((0.91..=0.98).contains(&(held as f64 / samples as f64)), "{held} of {samples}");
}

#[test]
fn the_interval_is_that_of_the_mean_over_seeds_drawn_again() {
    // Rows make no difference: the mean of 16 drawn seeds, half of which give 0 and half 1, has deviation 1/8.
    let (low, high) = bootstrap(16, 3, 4000, 1, |seed, _| (seed % 2) as f64).unwrap();
    assert_eq!((low, high), (0.25, 0.75));
    // All seeds of a resample see the same rows: five that say the same are no surer than one.
    let values = bernoulli(3, 200, 0.5);
    let one = bootstrap(1, 200, 1000, 2, |_, rows| mean_of(&values, rows)).unwrap();
    let five = bootstrap(5, 200, 1000, 2, |_, rows| mean_of(&values, rows)).unwrap();
    assert!(((five.1 - five.0) / (one.1 - one.0) - 1.).abs() < 0.1, "{one:?} {five:?}");
}

#[test]
fn the_interval_does_not_depend_on_the_number_of_threads_but_on_the_seed() {
    let values = bernoulli(7, 101, 0.6);
    let interval = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bootstrap(3, 101, 500, seed, |s, rows| mean_of(&values, rows) + 0.01 * s as f64))
    };
    let one = interval(1, 0);
    assert!(one.is_some());
    assert_eq!(one, interval(2, 0));
    assert_eq!(one, interval(7, 0));
    assert_ne!(one, interval(1, 1));
}

#[test]
fn undefined_resamples_are_left_out_and_nothing_is_said_of_too_many() {
    let first = |rows: &[u32], below: u32| if rows[0] < below { f64::NAN } else { 0.5 };
    assert_eq!(bootstrap(1, 10, 1000, 0, |_, rows| first(rows, 3)), Some((0.5, 0.5)));
    assert_eq!(bootstrap(1, 10, 1000, 0, |_, rows| first(rows, 8)), None);
    assert_eq!(bootstrap(2, 10, 1000, 0, |_, _| f64::NAN), None);
    assert_eq!(bootstrap(1, 0, 1000, 0, |_, _| 1.), None);
    assert_eq!(bootstrap(0, 10, 1000, 0, |_, _| 1.), None);
    assert_eq!(bootstrap(1, 10, 0, 0, |_, _| 1.), None);
}
