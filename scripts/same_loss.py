#!/usr/bin/env python3
"""Exits with 1 unless the held-out losses of two runs are the same at a step, or at the end, within a part of them.

    python3 scripts/same_loss.py RUN RUN 1e-3 [STEP]

Rounding that differs grows from step to step, so runs that should be the same but for that are compared early.
"""
import json, pathlib, sys


def loss(run, step):
    lines = map(json.loads, pathlib.Path(run, 'metrics.jsonl').open())
    losses = {line['step']: line['eval_loss'] for line in lines if 'eval_loss' in line}
    return losses[step or max(losses)]


step = int(sys.argv[4]) if len(sys.argv) > 4 else None
first, second, part = loss(sys.argv[1], step), loss(sys.argv[2], step), float(sys.argv[3])
if not abs(first - second) < part * first:
    sys.exit(f'held-out losses {first} and {second} differ by more than {part} of them')
