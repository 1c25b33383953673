#!/usr/bin/env python3
"""Times training steps of a well-written SIBERT or BERT in PyTorch, for comparison with `sibert bench`.

    python3 scripts/gpu_peer.py --arch sibert --batch 64 --seq 128 --hidden 768 --layers 12 --vocab 30522 --bf16

--arch sibert  ReLU attention in plain tensor operations, which the compiler fuses; SGD with weight decay and relative
               clipping on the encoder and LAMB on the head, both over lists of tensors and without waiting for the device
--arch bert    scaled_dot_product_attention, GELU, fused AdamW

Both are compiled by torch.compile unless --no-compile is given, and run under bf16 autocast with --bf16. Only the rows to be
predicted reach the decoder. Tokens are random, 15 % are predicted, and dropout is 0.1, as in `sibert bench`. Prints one JSON
line: the wall-clock time of each step, with a wait for the device after it, the peak memory of tensors
(torch.cuda.max_memory_allocated), and the loss of the last step. Prints `{"out_of_memory": true}` if the batch does not fit.
"""
import argparse, json, math, resource, statistics, sys, time

import torch
import torch.nn.functional as F
from torch import nn

DROPOUT, DEVIATION = 0.1, 0.02


def linear(width, out, bias=False):
    layer = nn.Linear(width, out, bias=bias)
    nn.init.trunc_normal_(layer.weight, std=DEVIATION, a=-2 * DEVIATION, b=2 * DEVIATION)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def normalized(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-12)


class Embeddings(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.words, self.positions, self.types = (nn.Embedding(n, a.hidden) for n in (a.vocab, a.seq, 2))
        for table in (self.words, self.positions, self.types):
            nn.init.trunc_normal_(table.weight, std=DEVIATION, a=-2 * DEVIATION, b=2 * DEVIATION)

    def forward(self, ids):
        return self.words(ids) + self.positions.weight[:ids.shape[1]] + self.types.weight[0]


class ReluAttention(nn.Module):
    """Scores rectified and divided by their row sum."""

    def __init__(self, a):
        super().__init__()
        self.heads, self.scale = a.heads, 1 / math.sqrt(a.hidden // a.heads)
        self.query, self.key, self.value, self.out = (linear(a.hidden, a.hidden) for _ in range(4))

    def forward(self, x):
        batch, seq, hidden = x.shape
        split = lambda y: y.view(batch, seq, self.heads, -1).transpose(1, 2)
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = F.relu(query @ key.transpose(-1, -2) * self.scale)
        total = weights.sum(-1, keepdim=True, dtype=torch.float32)
        weights = (weights / torch.where(total > 0, total, 1.0)).to(value.dtype)
        weights = F.dropout(weights, DROPOUT, self.training)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, seq, hidden))


class SibertLayer(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.attention = ReluAttention(a)
        self.wide, self.narrow = linear(a.hidden, 4 * a.hidden, bias=True), linear(4 * a.hidden, a.hidden)

    def forward(self, x):
        x = x + F.dropout(self.attention(normalized(x)), DROPOUT, self.training)
        return x + F.dropout(self.narrow(F.relu(self.wide(normalized(x)))), DROPOUT, self.training)


class SibertEncoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embeddings = Embeddings(a)
        self.weight, self.bias = nn.Parameter(torch.ones(a.hidden)), nn.Parameter(torch.zeros(a.hidden))
        self.project = linear(a.hidden, a.hidden)
        self.layers = nn.ModuleList(SibertLayer(a) for _ in range(a.layers))

    def forward(self, ids):
        x = normalized(self.embeddings(ids)) * self.weight + self.bias
        x = self.project(F.dropout(x, DROPOUT, self.training))
        for layer in self.layers:
            x = layer(x)
        return normalized(x)


class BertLayer(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.heads = a.heads
        self.qkv, self.out = linear(a.hidden, 3 * a.hidden, bias=True), linear(a.hidden, a.hidden, bias=True)
        self.wide, self.narrow = linear(a.hidden, 4 * a.hidden, bias=True), linear(4 * a.hidden, a.hidden, bias=True)
        self.first, self.second = nn.LayerNorm(a.hidden, eps=1e-12), nn.LayerNorm(a.hidden, eps=1e-12)

    def forward(self, x):
        batch, seq, hidden = x.shape
        query, key, value = self.qkv(x).view(batch, seq, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(query, key, value, dropout_p=DROPOUT if self.training else 0.)
        y = self.out(y.transpose(1, 2).reshape(batch, seq, hidden))
        x = self.first(x + F.dropout(y, DROPOUT, self.training))
        return self.second(x + F.dropout(self.narrow(F.gelu(self.wide(x))), DROPOUT, self.training))


class BertEncoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embeddings, self.norm = Embeddings(a), nn.LayerNorm(a.hidden, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(a) for _ in range(a.layers))

    def forward(self, ids):
        x = F.dropout(self.norm(self.embeddings(ids)), DROPOUT, self.training)
        for layer in self.layers:
            x = layer(x)
        return x


class Head(nn.Module):
    def __init__(self, a, words=None):
        super().__init__()
        self.dense, self.norm = linear(a.hidden, a.hidden, bias=True), nn.LayerNorm(a.hidden, eps=1e-12)
        self.decoder = linear(a.hidden, a.vocab, bias=True)
        if words is not None:
            self.decoder.weight = words

    def forward(self, x):
        return self.decoder(self.norm(F.gelu(self.dense(x))))


class Model(nn.Module):
    def __init__(self, a):
        super().__init__()
        sibert = a.arch == 'sibert'
        self.encoder = SibertEncoder(a) if sibert else BertEncoder(a)
        self.head = Head(a, None if sibert else self.encoder.embeddings.words.weight)

    def forward(self, ids, positions, labels):
        rows = self.encoder(ids).flatten(0, 1)[positions]
        return F.cross_entropy(self.head(rows).float(), labels)


class RelativeSgd:
    """x ← (1 − ηλ) x − η min(1, √(2Cλ/η) ‖x‖ / ‖g‖) g, in the kernels of lists; the factor stays on the device."""

    def __init__(self, parameters, lr, weight_decay=1e-2, root_c=2.0):
        self.parameters, self.lr, self.weight_decay = list(parameters), lr, weight_decay
        self.bound = root_c * math.sqrt(2 * weight_decay / lr)

    @torch.no_grad()
    def step(self):
        gradients = [x.grad for x in self.parameters]
        total = lambda xs: torch.linalg.vector_norm(torch.stack(torch._foreach_norm(xs)))
        factor = (self.bound * total(self.parameters) / total(gradients)).clamp(max=1.0)
        torch._foreach_mul_(gradients, factor * -self.lr)
        torch._foreach_mul_(self.parameters, 1 - self.lr * self.weight_decay)
        torch._foreach_add_(self.parameters, gradients)


class Lamb:
    """Adam's direction times ‖x‖ / ‖direction‖ of each matrix, in the kernels of lists."""

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-6):
        self.parameters, self.lr, self.betas, self.eps, self.count = list(parameters), lr, betas, eps, 0
        self.means, self.squares = ([torch.zeros_like(x) for x in self.parameters] for _ in range(2))
        self.matrices = [i for i, x in enumerate(self.parameters) if x.ndim > 1]

    @torch.no_grad()
    def step(self):
        self.count += 1
        gradients, (first, second) = [x.grad for x in self.parameters], self.betas
        torch._foreach_lerp_(self.means, gradients, 1 - first)
        torch._foreach_mul_(self.squares, second)
        torch._foreach_addcmul_(self.squares, gradients, gradients, 1 - second)
        roots = torch._foreach_sqrt(torch._foreach_div(self.squares, 1 - second ** self.count))
        torch._foreach_add_(roots, self.eps)
        updates = torch._foreach_div(torch._foreach_div(self.means, 1 - first ** self.count), roots)
        norms, lengths = torch._foreach_norm(self.parameters), torch._foreach_norm(updates)
        ratio = lambda i: torch.where((norms[i] > 0) & (lengths[i] > 0), norms[i] / lengths[i], 1.0)
        torch._foreach_mul_([updates[i] for i in self.matrices], [ratio(i) for i in self.matrices])
        torch._foreach_add_(self.parameters, updates, alpha=-self.lr)


def optimizers(model, a):
    if a.arch == 'sibert':
        return [RelativeSgd(model.encoder.parameters(), 8e-4), Lamb(model.head.parameters(), 8e-4)]
    return [torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)]


class Steps:
    """Training steps on tokens that are on the device already: always as many to be predicted, so that no shape changes."""

    def __init__(self, a):
        self.a, self.model = a, Model(a).to(a.device).train()
        self.optimizers = optimizers(self.model, a)
        self.loss_of = self.model
        if a.compile_layers:
            for layer in [*self.model.encoder.layers, self.model.head]:
                layer.compile()
        elif a.compile:
            self.loss_of = torch.compile(self.model, mode=a.compile_mode or None)
        tokens = a.batch * a.seq
        self.masked = max(1, round(0.15 * tokens))

    def step(self):
        a = self.a
        ids = torch.randint(0, a.vocab, (a.batch, a.seq), device=a.device)
        positions = torch.randperm(a.batch * a.seq, device=a.device)[:self.masked]
        with torch.autocast(a.device, dtype=torch.bfloat16, enabled=a.bf16):
            loss = self.loss_of(ids, positions, ids.flatten()[positions])
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        return loss.detach()


def wait(a):
    if a.device == 'cuda':
        torch.cuda.synchronize()


def measure(a):
    torch.manual_seed(0)
    torch.set_float32_matmul_precision('high')
    steps = Steps(a)
    step = steps.step
    began = time.perf_counter()
    for _ in range(a.warmup):
        step()
    wait(a)
    warmup, seconds, loss = time.perf_counter() - began, [], None
    for _ in range(a.steps):
        began = time.perf_counter()
        loss = step()
        wait(a)
        seconds.append(time.perf_counter() - began)
    # all steps without a wait between them, as training runs
    began = time.perf_counter()
    for _ in range(a.steps):
        loss = step()
    wait(a)
    whole = (time.perf_counter() - began) / a.steps
    cuda = a.device == 'cuda'
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return dict(
        tokens_per_second=round(a.batch * a.seq / whole), ms_per_step=round(whole * 1e3, 3),
        ms_median=round(statistics.median(seconds) * 1e3, 3), ms_min=round(min(seconds) * 1e3, 3),
        peak_mib=peak >> 20, reserved_mib=torch.cuda.max_memory_reserved() >> 20 if cuda else None,
        parameters=sum(x.numel() for x in steps.model.parameters()), warmup_seconds=round(warmup, 1), loss=round(loss.item(), 4),
    )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', choices=['sibert', 'bert'], default='sibert')
    sizes = dict(batch=16, seq=128, hidden=256, layers=4, heads=0, vocab=8192, steps=15, warmup=3, threads=0)
    for name, default in sizes.items():
        parser.add_argument('--' + name, type=int, default=default, metavar='N')
    parser.add_argument('--device', choices=['cuda', 'cpu'], default='cuda')
    parser.add_argument('--bf16', action='store_true', help='bf16 autocast')
    parser.add_argument('--compile', action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument('--compile-layers', action='store_true',
                        help='compile one layer and reuse it: starts sooner, runs a little slower; useful to find the best batch')
    parser.add_argument('--compile-mode', choices=['default', 'reduce-overhead', 'max-autotune'], help="mode of torch.compile")
    a = parser.parse_args()
    a.heads = a.heads or max(1, a.hidden // 64)
    return a


def main():
    a = arguments()
    if a.threads:
        torch.set_num_threads(a.threads)
    sizes = dict(arch=a.arch, bf16=a.bf16, device=a.device, batch=a.batch, seq=a.seq, hidden=a.hidden, layers=a.layers,
                 heads=a.heads, vocab=a.vocab, steps=a.steps, compile='layers' if a.compile_layers else a.compile, torch=torch.__version__)
    try:
        found = measure(a)
    except torch.OutOfMemoryError:
        found = dict(out_of_memory=True)
    print(json.dumps({**sizes, **found}))


if __name__ == '__main__':
    sys.exit(main())
