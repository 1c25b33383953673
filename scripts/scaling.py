#!/usr/bin/env python3
"""What many processes would give, from what one process and one link gave: a model, not a measurement.

    python3 scripts/scaling.py --parameters 110e6 --compute 10 --gbit 10 100

A step of R processes takes t = c + m + l:

    c   --compute: the seconds that a process computes between two sums, its tokens of a step by its tokens per second
    m   the bytes that a process sends, (pieces + 1)·(R - 1)/R·4·P, over the part of the link that MPI reaches
    l   two collectives for each bucket of gradients, 4 MiB or more, each with R - 1 latencies, and the small ones of a step with
        log2(R) + 1: what MPI does at worst

Sums go on during the backward pass, which hides up to --hidden of c from m. The efficiency is c / t: the part of R times one
process that is left. `--check` compares the model with the runs of docs/scaling.md, most of which were made before sums were
hidden.
"""
import argparse, math

SMALL = 6  # small collectives of a step


def step(ranks, parameters, compute, gbit, reached, latency, pieces=1, bytes_each=4, hidden=0.):
    """Seconds of computing, of sending, and of latency."""
    if ranks == 1:
        return compute, 0., 0.
    sent = (pieces + 1) * (ranks - 1) / ranks * bytes_each * parameters
    buckets = math.ceil(parameters / max(1 << 20, ranks << 16))
    rounds = 2 * buckets * (ranks - 1) + SMALL * (math.log2(ranks) + 1)
    return compute, max(0., sent / (gbit * 1e9 / 8 * reached) - hidden * compute), rounds * latency


def efficiency(*args, **keys):
    parts = step(*args, **keys)
    return parts[0] / sum(parts)


# Two processes of one thread in two network namespaces: parameters, tokens a process, Gbit/s, tokens/s over shared memory and the
# link; then with sums hidden, by the medians of the ratios of six rounds.
RUNS = [
    ('width 256, 16 x 128', 7.52e6, 1024, 1, 4552, 2714), ('width 256, 16 x 128', 7.52e6, 1024, 10, 4552, 4275),
    ('width 256, 64 x 128', 7.52e6, 4096, 1, 4838, 4203), ('width 256, 64 x 128', 7.52e6, 4096, 10, 4838, 4958),
    ('width 512, 16 x 128', 21.58e6, 1024, 1, 1376, 793), ('width 512, 16 x 128', 21.58e6, 1024, 10, 1376, 1236),
]
HIDDEN = [('width 256, 16 x 128', 7.52e6, 1024, 1, 4390, .79 * 4390), ('width 256, 16 x 128', 7.52e6, 1024, 10, 4390, .94 * 4390)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parameters', type=float, default=110e6)
    parser.add_argument('--compute', type=float, default=10, help='seconds of a process between two sums')
    parser.add_argument('--gbit', type=float, nargs='+', default=[10, 100, 400])
    parser.add_argument('--reached', type=float, default=0.65, help='part of the link that MPI reaches')
    parser.add_argument('--latency', type=float, default=50e-6, help='seconds')
    parser.add_argument('--hidden', type=float, default=0.6, help='part of c in which sums go on: the backward pass but for its end')
    parser.add_argument('--bytes', type=float, default=4, help='of a number on the wire')
    parser.add_argument('--ranks', type=int, nargs='+', default=[2, 8, 64, 1024])
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    if args.check:
        print('| step | Gbit/s | measured | model |\n|---|---|---|---|')
        for runs, hidden in (RUNS, 0.), (HIDDEN, args.hidden):
            for name, parameters, tokens, gbit, shared, link in runs:
                model = efficiency(2, parameters, tokens / (shared / 2), gbit, args.reached, args.latency, hidden=hidden)
                print(f'| {name} | {gbit} | {link / shared:.2f} | {model:.2f} |')
        return
    print('| processes | ' + ' | '.join(f'{gbit:g} Gbit/s' for gbit in args.gbit) + ' |\n' + '|---' * (len(args.gbit) + 1) + '|')
    for ranks in args.ranks:
        cells = [efficiency(ranks, args.parameters, args.compute, gbit, args.reached, args.latency, bytes_each=args.bytes,
                            hidden=args.hidden)
                 for gbit in args.gbit]
        print(f'| {ranks} | ' + ' | '.join(f'{cell:.2f}' for cell in cells) + ' |')


if __name__ == '__main__':
    main()
