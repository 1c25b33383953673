#!/usr/bin/env python3
"""Prints the effective rank of the token embeddings of runs: the number of directions in which tokens differ.

    scripts/effective_rank.py RUN [RUN ...]

RUN is a run's folder or a checkpoint's. The effective rank is exp(H). H is the entropy of the squared singular values,
as shares of their sum (Roy and Vetterli 2007). Needs numpy and safetensors.
"""
import pathlib, sys
import numpy as np
from safetensors.numpy import load_file


def effective_rank(matrix):
    shares = np.linalg.svd(matrix, compute_uv=False) ** 2
    shares = shares[shares > 0] / shares.sum()
    return np.exp(-(shares * np.log(shares)).sum())


for argument in sys.argv[1:] or sys.exit(__doc__):
    run = pathlib.Path(argument)
    tensors = load_file((run / 'last' if (run / 'last').exists() else run) / 'model.safetensors')
    name = next(name for name in tensors if name.endswith('embeddings.word_embeddings.weight'))
    rows, width = tensors[name].shape
    print(f'{run.name}: {effective_rank(tensors[name]):.1f} of {min(rows, width)}')
