#!/usr/bin/env python3
"""Times the training steps of PyTorch's peer with its model compiled by torch.compile.

    V/bin/python scripts/peer_compiled.py --peer DIR --arch sibert|bert|hf [options of DIR/bench_torch.py]

DIR has bench_torch.py and sibert_torch.py, which run as they are: only the classes of the models are replaced, by ones whose
objects are compiled and have taken steps on random tokens until nothing was compiled any more. torch.compile needs a C++
compiler. Prints the peer's JSON line; fails if nothing was compiled, or something while the clock ran.
"""
import argparse, pathlib, runpy, sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--peer', required=True, type=pathlib.Path, metavar='DIR')
parser.add_argument('--arch', choices=['sibert', 'bert', 'hf'], default='sibert')
parser.add_argument('--bf16', action='store_true')
for name, default in dict(batch=16, seq=128, vocab=8192).items():
    parser.add_argument('--' + name, type=int, default=default)
args, rest = parser.parse_known_args()
script = args.peer / 'bench_torch.py'
sys.path.insert(0, str(args.peer))

import sibert_torch
import torch
from torch._dynamo.utils import counters

graphs = lambda: counters['stats']['unique_graphs']


def settle(model):
    """Forward and backward passes, until two in a row compile nothing; the number of masked rows differs in each."""
    quiet = 0
    for _ in range(20):
        before = graphs()
        ids = torch.randint(0, args.vocab, (args.batch, args.seq))
        labels = torch.where(torch.rand(args.batch, args.seq) < .15, ids, torch.full_like(ids, -100))
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=args.bf16):
            loss = model(input_ids=ids, labels=labels).loss if args.arch == 'hf' else model(ids, labels)
        loss.backward()
        model.zero_grad()
        quiet = quiet + 1 if graphs() == before else 0
        if quiet == 2:
            return
    sys.exit('error: torch.compile compiles anew in every step')


settled = 0


def compiled(model):
    """The class, whose objects are compiled where they stand."""
    def make(*parameters, **named):
        global settled
        made = model(*parameters, **named).train()
        made.compile()
        settle(made)
        settled = graphs()
        return made
    return make


torch._dynamo.config.suppress_errors = False  # rather no number than that of the model as it was
if args.arch == 'hf':
    import transformers
    transformers.BertForMaskedLM = compiled(transformers.BertForMaskedLM)
else:
    for name in ['Bert', 'SIBert']:
        setattr(sibert_torch, name, compiled(getattr(sibert_torch, name)))
sizes = [str(x) for name in ['arch', 'batch', 'seq', 'vocab'] for x in ('--' + name, getattr(args, name))]
sys.argv = [str(script), *sizes, *['--bf16'] * args.bf16, *rest]
runpy.run_path(str(script), run_name='__main__')
if settled == 0:
    sys.exit('error: torch.compile compiled nothing')
if graphs() != settled:
    sys.exit('error: torch.compile compiled while the clock ran')
