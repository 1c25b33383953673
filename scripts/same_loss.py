#!/usr/bin/env python3
"""Exits with 1 unless the last held-out losses of two runs are the same within a part of them.

    python3 scripts/same_loss.py RUN RUN 1e-3
"""
import json, pathlib, sys

last = lambda run: [line['eval_loss'] for line in map(json.loads, pathlib.Path(run, 'metrics.jsonl').open()) if 'eval_loss' in line][-1]
first, second, part = last(sys.argv[1]), last(sys.argv[2]), float(sys.argv[3])
if not abs(first - second) < part * first:
    sys.exit(f'held-out losses {first} and {second} differ by more than {part} of them')
