#!/usr/bin/env python3
"""Exits with 1 unless the last training losses of two runs are the same within a part of them.

    python3 scripts/same_loss.py RUN RUN 1e-3

They are means over many sequences. A small held-out set is coarser than the rounding that these runs differ by.
"""
import json, pathlib, sys

last = lambda run: [line['loss'] for line in map(json.loads, pathlib.Path(run, 'metrics.jsonl').open()) if 'loss' in line][-1]
first, second, part = last(sys.argv[1]), last(sys.argv[2]), float(sys.argv[3])
if not abs(first - second) < part * first:
    sys.exit(f'training losses {first} and {second} differ by more than {part} of them')
