#!/usr/bin/env python3
"""Times the forward pass of PyTorch's encoders on the CPU, as `sibert bench --inference` times ours.

    V/bin/python scripts/peer_inference.py --peer DIR --arch bert|sibert|hf --batch 16 --seq 128 --hidden 256 --layers 4

DIR has sibert_torch.py. The encoder runs without its head, in evaluation mode and without gradients, on random tokens that
are drawn for every step. Prints one JSON line with the keys of the training peer.
"""
import argparse, json, resource, sys, time
import torch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--peer', required=True, metavar='DIR')
parser.add_argument('--arch', choices=['bert', 'sibert', 'hf'], default='bert')
parser.add_argument('--bf16', choices=['autocast', 'weights'], help='products under autocast, or all weights and activations')
for name, default in dict(batch=16, seq=128, hidden=256, layers=4, heads=0, vocab=8192, steps=15, warmup=3, threads=2).items():
    parser.add_argument('--' + name, type=int, default=default)
a = parser.parse_args()
sys.path.insert(0, a.peer)
from sibert_torch import Bert, Cfg, SIBert

torch.set_num_threads(a.threads)
torch.manual_seed(0)
heads = a.heads or max(1, a.hidden // 64)


def bert_hidden(bert, ids):
    """What Bert.forward computes before its head."""
    x = bert.ln(bert.tok[ids] + bert.pos[:ids.shape[1]] + bert.seg[0])
    for layer in bert.L:
        x = layer.l1(x + bert.att(layer, x))
        x = layer.l2(x + layer.f2(torch.nn.functional.gelu(layer.f1(x))))
    return x


if a.arch == 'hf':
    from transformers import BertConfig, BertModel
    sizes = dict(hidden_size=a.hidden, num_hidden_layers=a.layers, num_attention_heads=heads, intermediate_size=4 * a.hidden)
    config = BertConfig(vocab_size=a.vocab, max_position_embeddings=a.seq, **sizes)
    model = BertModel(config, add_pooling_layer=False).eval()
    encode = lambda ids: model(input_ids=ids).last_hidden_state
else:
    config = Cfg(V=a.vocab, d=a.hidden, L=a.layers, H=heads, ff=4 * a.hidden, T=a.seq)
    model = (Bert if a.arch == 'bert' else SIBert)(config).eval()
    encode = (lambda ids: bert_hidden(model, ids)) if a.arch == 'bert' else model.enc

if a.bf16 == 'weights':
    model = model.to(torch.bfloat16)
times = []
with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16, enabled=a.bf16 == 'autocast'):
    for step in range(a.warmup + a.steps):
        start = time.perf_counter()
        encode(torch.randint(0, a.vocab, (a.batch, a.seq)))
        if step >= a.warmup:
            times.append(time.perf_counter() - start)
seconds = sum(times) / len(times)
print(json.dumps(dict(
    arch=a.arch, inference=True, bf16=a.bf16, threads=a.threads, batch=a.batch, seq=a.seq, hidden=a.hidden, layers=a.layers,
    vocab=a.vocab, tokens_per_second=round(a.batch * a.seq / seconds), ms_per_step=round(seconds * 1e3, 1),
    peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, parameters=sum(p.numel() for p in model.parameters()))))
