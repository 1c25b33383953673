#!/usr/bin/env python3
"""Prints a Markdown table of fine-tuning runs: one line per figure, one column per set of runs.

    scripts/finetune_table.py NAME=RUNS [NAME=RUNS ...]

RUNS is a folder with run folders of `sibert finetune`, or a JSON-lines file from scripts/finetune_peer.py. A cell has the
mean over the seeds ± their sample standard deviation, in percent, and the number of seeds in brackets.
"""
import json, pathlib, statistics, sys

TITLES = {
    'cola': 'CoLA', 'sst2': 'SST-2', 'mrpc': 'MRPC', 'stsb': 'STS-B', 'qqp': 'QQP', 'mnli': 'MNLI', 'qnli': 'QNLI',
    'rte': 'RTE', 'wnli': 'WNLI', 'squad': 'SQuAD 1.1', 'squad_v2': 'SQuAD 2.0',
}
SHOWN = ['matthews', 'accuracy', 'accuracy_mm', 'f1', 'pearson', 'spearman', 'exact_match']


def figures(place):
    """(task, figure) -> the seeds' values, and task -> rows that were trained on."""
    found, rows = {}, {}
    if place.is_file():
        runs = [(run['task'], [run['figures']], run['settings']['train_rows']) for run in map(json.loads, place.open())]
    else:
        reports = [json.loads(path.read_text()) for path in sorted(place.glob('*/finetune.json'))]
        runs = [(r['settings']['task'], [s['figures'] for s in r['seeds']], r['train_rows']) for r in reports]
    for task, seeds, count in runs:
        rows[task] = count or rows.get(task)
        for seed in seeds:
            for name, value in seed.items():
                if name in SHOWN and value is not None:
                    found.setdefault((task, name), []).append(value if task.startswith('squad') else 100 * value)
    return found, rows


def cell(values):
    if not values:
        return '–'
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.1f}{spread} ({len(values)})'


columns = [argument.split('=', 1) for argument in sys.argv[1:]] or sys.exit(__doc__)
found = {name: figures(pathlib.Path(place)) for name, place in columns}
print('| task | rows to train on | figure | ' + ' | '.join(found) + ' |')
print('|---' * (3 + len(found)) + '|')
for task, title in TITLES.items():
    count = next((rows[task] for _, rows in found.values() if rows.get(task)), None)
    shown = f'{count:,}' if count else 'all'
    for name in SHOWN:
        cells = [values.get((task, name)) for values, _ in found.values()]
        if any(cells):
            print(f'| {title} | {shown} | {name} | ' + ' | '.join(map(cell, cells)) + ' |')
