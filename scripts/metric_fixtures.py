#!/usr/bin/env python3
"""Computes the values that the metrics of `sibert` are tested against, with scikit-learn and scipy.

    V/bin/python scripts/metric_fixtures.py > crates/sibert-train/tests/data/metrics.json

V is a virtual environment with numpy, scipy and scikit-learn. Scores are float32, as GLUE's metric passes them to scipy. null
is an undefined figure. scipy computes Pearson's coefficient of float32 values in float32. That is wrong by up to 2e-7, and by
much more if the values are nearly constant. So `pearson` is computed from the same values in float64, and `pearson_float32` as
GLUE computes it. Spearman's coefficient uses ranks, in float64 in both cases.
"""
import json, math, warnings

import numpy as np
import scipy, sklearn
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

warnings.simplefilter('ignore')
rng = np.random.default_rng(20)


def figure(value):
    return None if math.isnan(value) else float(value)


def classes(name, predicted, actual):
    """Classes are written as digits. F1 is that of class 1 against all others."""
    predicted, actual = np.asarray(predicted), np.asarray(actual)
    return dict(
        name=name, predicted=''.join(map(str, predicted)), actual=''.join(map(str, actual)),
        accuracy=figure(accuracy_score(actual, predicted)),
        f1=figure(f1_score(actual == 1, predicted == 1, zero_division=0)),
        matthews=figure(matthews_corrcoef(actual, predicted)))


def scores(name, predicted, actual):
    predicted, actual = np.float32(predicted), np.float32(actual)
    pearson = lambda dtype: figure(pearsonr(predicted.astype(dtype), actual.astype(dtype))[0]) if len(actual) > 1 else None
    written = lambda values: [float(str(value)) for value in values]  # the shortest text that is this float32
    return dict(name=name, predicted=written(predicted), actual=written(actual),
                pearson=pearson('float64'), pearson_float32=pearson('float32'), spearman=figure(spearmanr(predicted, actual)[0]))


def noisy(actual, right, count):
    """The actual classes, and with probability 1 - right any of `count`."""
    return np.where(rng.random(len(actual)) < right, actual, rng.integers(0, count, len(actual)))


def class_cases():
    for rows in (1, 2, 3, 10, 100):
        for right in (0., 0.5, 0.9):
            actual = rng.integers(0, 2, rows)
            yield classes(f'{rows} rows of two classes, {right} known', noisy(actual, right, 2), actual)
    for count in (3, 5):
        for right in (0., 0.7):
            actual = rng.integers(0, count, 60)
            yield classes(f'{count} classes, {right} known', noisy(actual, right, count), actual)
    rare = (rng.random(1500) < 0.03).astype(int)
    yield classes('1500 rows, few of class 1', noisy(rare, 0.8, 2), rare)
    actual = rng.choice(3, 2000, p=[0.6, 0.3, 0.1])
    yield classes('2000 rows of three classes', noisy(actual, 0.6, 3), actual)
    mixed = [0, 1, 1, 0, 1]
    yield classes('one row, right', [1], [1])
    yield classes('one row, right, of class 0', [0], [0])
    yield classes('one row, wrong', [0], [1])
    yield classes('two rows, swapped', [0, 1], [1, 0])
    yield classes('all right', mixed, mixed)
    yield classes('all wrong', [1 - label for label in mixed], mixed)
    yield classes('only class 0 predicted', [0] * 5, mixed)
    yield classes('only class 1 predicted', [1] * 5, mixed)
    yield classes('only class 0 there', mixed, [0] * 5)
    yield classes('only class 1 there', mixed, [1] * 5)
    yield classes('only class 0 predicted and there', [0] * 5, [0] * 5)
    yield classes('only class 1 predicted and there', [1] * 5, [1] * 5)
    yield classes('a class that is never predicted', [0, 0, 2, 2, 0, 2], [0, 1, 2, 1, 0, 2])
    yield classes('a class that is not there', [0, 1, 2, 1, 0, 2], [0, 0, 2, 2, 0, 2])
    yield classes('all of three classes wrong', [1, 2, 0, 1, 2, 0], [0, 1, 2, 0, 1, 2])
    yield classes('classes far apart', [0, 9, 9, 4, 0], [0, 9, 4, 4, 9])


def score_cases():
    stsb = lambda rows: rng.integers(0, 26, rows) / 5
    for rows in (1, 2, 3, 10, 100):
        for noise in (0.3, 3):
            actual = stsb(rows)
            yield scores(f'{rows} rows, noise {noise}', actual + noise * rng.normal(size=rows), actual)
    actual = stsb(1500)
    yield scores('1500 rows', np.round(0.6 * actual + 1 + 0.7 * rng.normal(size=1500), 3), actual)
    yield scores('1500 rows with many ties', np.round(0.3 * actual + rng.normal(size=1500)), actual)
    actual = stsb(40)
    for spread in (1e-2, 1e-3, 1e-5, 1e-6):
        yield scores(f'nearly constant, spread {spread}', 2.7 + spread * (actual + rng.normal(size=40)), actual)
    yield scores('equal but for the last bit of float32', np.nextafter(np.float32(2.5), np.float32(9 * (actual > 2))), actual)
    yield scores('different in float64, equal in float32', 3 + 1e-9 * actual, actual)
    yield scores('predicted is constant', [2.5] * 40, actual)
    yield scores('actual is constant', actual, [2.5] * 40)
    yield scores('both are constant', [1.] * 5, [2.] * 5)
    yield scores('the same', actual, actual)
    yield scores('reversed', -actual, actual)
    yield scores('monotone, not linear', np.exp(2 * actual), actual)
    yield scores('one far away', np.append(actual[:-1], 1e6), actual)
    yield scores('very large', 1e30 * (actual + rng.normal(size=40)), actual)
    yield scores('very small', 1e-30 * (actual + rng.normal(size=40)), actual)
    yield scores('zeros of both signs', [0., -0., 1., -0., 2.], [0., 1., 2., 3., 4.])
    yield scores('two rows, rising', [1., 2.], [0., 5.])
    yield scores('two rows, falling', [0.1, 0.3], [4.2, 1.1])
    yield scores('two rows, tied', [1., 1.], [0., 5.])
    yield scores('uncorrelated', [1., 2., 1., 2.], [1., 1., 2., 2.])


def lines(cases):
    return '[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases) + '\n]'


made_with = json.dumps(f'scikit-learn {sklearn.__version__}, scipy {scipy.__version__}')
print(f'{{"made_with":{made_with},\n"classes":{lines(class_cases())},\n"scores":{lines(score_cases())}}}')
