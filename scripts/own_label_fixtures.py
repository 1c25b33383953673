#!/usr/bin/env python3
"""Computes figures of classes, of several labels and of named entities, with scikit-learn and seqeval.

    V/bin/python scripts/own_label_fixtures.py > crates/sibert-train/tests/data/own_labels.json

V is a virtual environment with numpy, scikit-learn and seqeval. The cases are random; labels of words are drawn without regard to
their order, so that entities also begin with I- or go on with another type.
"""
import json
import warnings
from importlib.metadata import version

import numpy as np
import seqeval.metrics
import sklearn
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

warnings.simplefilter('ignore')
rng = np.random.default_rng(7)


def per_class(actual, predicted, labels):
    precision, recall, f1, support = precision_recall_fscore_support(actual, predicted, labels=labels, zero_division=0)
    return dict(precision=precision.tolist(), recall=recall.tolist(), f1=f1.tolist(), support=[int(count) for count in support])


def classes(count, rows, right):
    actual = rng.integers(0, count, rows)
    predicted = np.where(rng.random(rows) < right, actual, rng.integers(0, count, rows))
    labels = list(range(count))
    return dict(count=count, actual=actual.tolist(), predicted=predicted.tolist(), **per_class(actual, predicted, labels),
                f1_macro=f1_score(actual, predicted, average='macro', zero_division=0),
                confusion=confusion_matrix(actual, predicted, labels=labels).tolist())


def labels(count, rows, share):
    actual = (rng.random((rows, count)) < share).astype(int)
    predicted = np.where(rng.random((rows, count)) < 0.7, actual, 1 - actual)
    places = lambda matrix: [np.flatnonzero(row).tolist() for row in matrix]
    average = lambda kind: f1_score(actual, predicted, average=kind, zero_division=0)
    return dict(count=count, actual=places(actual), predicted=places(predicted),
                **per_class(actual, predicted, list(range(count))),
                accuracy=accuracy_score(actual, predicted), f1_micro=average('micro'), f1_macro=average('macro'))


def words(fronts, kinds, sentences, right):
    tags = ['O'] + [f'{front}-{kind}' for front in fronts for kind in kinds]
    actual, predicted = [], []
    for _ in range(sentences):
        sentence = rng.choice(tags, rng.integers(1, 12)).tolist()
        actual.append(sentence)
        predicted.append([tag if rng.random() < right else str(rng.choice(tags)) for tag in sentence])
    report = seqeval.metrics.classification_report(actual, predicted, output_dict=True, zero_division=0)
    of_kind = {kind: dict(precision=float(row['precision']), recall=float(row['recall']), f1=float(row['f1-score']),
                          support=int(row['support'])) for kind, row in report.items() if not kind.endswith(' avg')}
    return dict(actual=actual, predicted=predicted, kinds=of_kind,
                entity_f1=float(seqeval.metrics.f1_score(actual, predicted, zero_division=0)),
                accuracy=float(seqeval.metrics.accuracy_score(actual, predicted)))


cases = dict(
    made_with=f'scikit-learn {sklearn.__version__}, seqeval {version("seqeval")}, numpy {np.__version__}',
    classes=[classes(count, rows, right) for count in (2, 3, 7) for rows in (1, 5, 200) for right in (0., 0.6)],
    labels=[labels(count, rows, share) for count in (2, 6) for rows in (1, 150) for share in (0., 0.3)],
    words=[words(fronts, ['PER', 'LOC', 'WORK-OF-ART'][:kinds], sentences, right)
           for fronts in ('BI', 'I', 'BIES') for kinds in (1, 3) for sentences in (1, 60) for right in (0., 0.8)])
print(json.dumps(cases, indent=None, separators=(',', ':')))
