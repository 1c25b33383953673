#!/usr/bin/env python3
"""Times our training steps and PyTorch's in turn.

    V/bin/python scripts/bench_peer.py --sibert target/release/sibert --python V/bin/python --peer DIR [--rows first ...] [--pairs 5]

V is a virtual environment with torch, transformers and numpy. DIR has the peer's bench_torch.py and sibert_torch.py. Each
measurement is a separate process. A pair is one run of ours and one of the peer's, in an order that changes from pair to
pair. Ratios are taken within a pair, and the tables give their median. Nothing else may run at the same time.

Prints Markdown tables and writes every measurement and every ratio to --out, one JSON object per line.

rows: first      16 x 128 tokens, width 256, 4 layers, vocabulary 8192, against SIBERT, BERT and transformers' BERT, f32
      second     8 x 128 tokens, width 512, 4 layers, vocabulary 30522, against the same
      bf16       as first, second and seq512 with bf16 products, against SIBERT under bf16 autocast
      compiled   as first and as bf16, against SIBERT and BERT compiled by torch.compile, where that runs
      seq512     as first with 4 x 512 tokens, against SIBERT and BERT, f32
      inference  as first, the encoder's forward pass, against BERT; with bf16 products against BERT under autocast and with
                 weights in bf16
      threads    as first, ours on 1 thread and on 2
      memory     ours at 128 ... 4096 tokens per sequence, 4096 tokens per batch
      attention  as memory, against PyTorch's SIBERT
"""
import argparse, json, os, pathlib, platform, statistics, subprocess, sys, time

FIRST = dict(batch=16, seq=128, hidden=256, layers=4, vocab=8192)
SECOND = dict(batch=8, seq=128, hidden=512, layers=4, vocab=30522)
ROWS = ['first', 'second', 'bf16', 'compiled', 'seq512', 'inference', 'threads', 'memory', 'attention']
NAMES = dict(sibert='PyTorch SIBERT', bert='PyTorch BERT', hf='transformers BERT')
LENGTHS = [128, 256, 512, 1024, 2048, 4096]


class Bench:
    """Starts measurements and keeps what they print."""

    def __init__(self, args):
        self.args, self.row, self.pair, self.failure = args, None, None, None
        self.out = open(args.out, 'w')

    def write(self, **record):
        print(json.dumps(record), file=self.out, flush=True)

    def measure(self, who, command, sizes):
        """The JSON line that a command prints; None if it failed."""
        command = [*map(str, command), *(str(x) for key, value in sizes.items() for x in ('--' + key, value))]
        environment = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f'exit code {done.returncode}']
            reason = next((line for line in lines if line.startswith('error')), lines[-1])
            self.failure = reason
            self.write(row=self.row, pair=self.pair, who=who, failed=reason)
            print(f'{self.row}: {who}: {reason}', file=sys.stderr)
            return None
        found = json.loads(done.stdout.strip().splitlines()[-1])
        self.write(row=self.row, pair=self.pair, who=who, **found)
        print(f'{self.row}: {who}: {found["tokens_per_second"]} tokens/s, {found["peak_mib"]} MiB', file=sys.stderr)
        return found

    def ours(self, sizes, *options, arch='sibert', threads=None):
        sizes = dict(sizes, steps=self.args.steps, threads=threads or self.args.threads)
        return self.measure('ours', [self.args.sibert, 'bench', '--json', '--arch', arch, *options], sizes)

    def peer(self, arch, sizes, *options, script=None):
        """By the peer's own program, or by that of our scripts."""
        ours = [pathlib.Path(__file__).with_name(script), '--peer', self.args.peer] if script else []
        command = [self.args.python, *(ours or [self.args.peer / 'bench_torch.py']), '--arch', arch, *options]
        return self.measure(NAMES[arch], command, dict(sizes, steps=self.args.steps, threads=self.args.threads))

    def pairs(self, first, second):
        """The results of both in each pair; the order changes from pair to pair."""
        found = []
        for self.pair in range(self.args.pairs):
            turns = [first, second] if self.pair % 2 == 0 else [second, first]
            results = [turn() for turn in turns]
            if None in results:  # it would fail again
                break
            found.append(results if self.pair % 2 == 0 else results[::-1])
        self.pair = None
        return found


def middle(found, key):
    return statistics.median(one[key] for one in found)


def ratios(pairs, key):
    return [a[key] / b[key] for a, b in pairs if a[key] is not None]


def table(*rows):
    print('\n'.join('| ' + ' | '.join(row) + ' |' for row in (rows[0], ['---'] * len(rows[0]), *rows[1:])) + '\n', flush=True)


def against(bench, title, sizes, peers, options=(), peer_options=(), script=None, note=''):
    """Ours against each peer: one line of the table for each; the note says how the peer runs."""
    rows = [[title, 'ours, tokens/s', 'peer, tokens/s', 'ratio (range)', 'ours, MiB', 'peer, MiB', 'memory ratio']]
    for arch in peers:
        pairs = bench.pairs(lambda: bench.ours(sizes, *options), lambda: bench.peer(arch, sizes, *peer_options, script=script))
        if not pairs:
            rows.append([f'{NAMES[arch]}{note}: {bench.failure}'] + ['not measured'] * 6)
            continue
        speed, memory = ratios(pairs, 'tokens_per_second'), ratios(pairs, 'peak_mib')
        ours, theirs = zip(*pairs)
        bench.write(row=bench.row, ratio_to=NAMES[arch] + note, pairs=len(pairs), speed=statistics.median(speed), speeds=speed,
                    memory=statistics.median(memory) if memory else None)
        rows.append([NAMES[arch] + note, f'{middle(ours, "tokens_per_second"):,.0f}', f'{middle(theirs, "tokens_per_second"):,.0f}',
                     f'**{statistics.median(speed):.2f}** ({min(speed):.2f}-{max(speed):.2f})',
                     f'{middle(ours, "peak_mib"):,.0f}' if memory else 'unknown', f'{middle(theirs, "peak_mib"):,.0f}',
                     f'{statistics.median(memory):.2f}' if memory else 'unknown'])
    table(*rows)


def threads(bench):
    pairs = bench.pairs(lambda: bench.ours(FIRST, threads=2), lambda: bench.ours(FIRST, threads=1))
    rows = [['first row', '1 thread, tokens/s', '2 threads, tokens/s', 'ratio (range)']]
    if pairs:
        (two, one), speed = zip(*pairs), ratios(pairs, 'tokens_per_second')
        bench.write(row=bench.row, ratio_to='1 thread', pairs=len(pairs), speed=statistics.median(speed), speeds=speed)
        rows.append(['ours', f'{middle(one, "tokens_per_second"):,.0f}', f'{middle(two, "tokens_per_second"):,.0f}',
                     f'**{statistics.median(speed):.2f}** ({min(speed):.2f}-{max(speed):.2f})'])
    table(*rows)


def lengths(bench, with_peer):
    shown = lambda found: [f'{found["tokens_per_second"]:,}', f'{found["peak_mib"]:,}'] if found else ['not measured'] * 2
    rows = [['tokens a sequence', 'sequences', 'ours, tokens/s', 'ours, MiB'] + ['PyTorch SIBERT, tokens/s', 'MiB'] * with_peer]
    for seq in LENGTHS:
        sizes = dict(FIRST, seq=seq, batch=LENGTHS[-1] // seq)
        peer = shown(bench.peer('sibert', sizes)) if with_peer else []
        rows.append([str(seq), str(sizes['batch']), *shown(bench.ours(sizes)), *peer])
    table(*rows)


def run(bench, row):
    bench.row = row
    if row == 'first':
        against(bench, '16 x 128, width 256, vocabulary 8192, f32', FIRST, ['sibert', 'bert', 'hf'])
    elif row == 'second':
        against(bench, '8 x 128, width 512, vocabulary 30522, f32', SECOND, ['sibert', 'bert', 'hf'])
    elif row == 'bf16':
        for title, sizes in [('16 x 128, width 256, vocabulary 8192', FIRST), ('8 x 128, width 512, vocabulary 30522', SECOND),
                             ('4 x 512, width 256, vocabulary 8192', dict(FIRST, batch=4, seq=512))]:
            against(bench, title + ', bf16', sizes, ['sibert'], ['--precision', 'bf16'], ['--bf16'])
    elif row == 'compiled':
        title = 'torch.compile, 16 x 128, width 256, vocabulary 8192, '
        against(bench, title + 'f32', FIRST, ['sibert', 'bert'], script='peer_compiled.py')
        against(bench, title + 'bf16', FIRST, ['sibert'], ['--precision', 'bf16'], ['--bf16'], script='peer_compiled.py')
    elif row == 'seq512':
        against(bench, '4 x 512, width 256, vocabulary 8192, f32', dict(FIRST, batch=4, seq=512), ['sibert', 'bert'])
    elif row == 'inference':
        script = 'peer_inference.py'
        against(bench, 'encoder, 16 x 128, width 256, f32', FIRST, ['bert', 'hf'], ['--inference'], script=script)
        for way in ['autocast', 'weights']:
            against(bench, 'encoder, 16 x 128, width 256, bf16', FIRST, ['bert'], ['--inference', '--precision', 'bf16'],
                    ['--bf16', way], script, f', bf16 {way}')
    elif row == 'threads':
        threads(bench)
    else:
        lengths(bench, with_peer=row == 'attention')


def machine(python):
    """Processor, cores and versions."""
    try:
        lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
        processor = next(line.split(':', 1)[1].strip() for line in lines if line.startswith('model name'))
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    torch = subprocess.run([python, '-c', 'import torch; print(torch.__version__)'], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else None
    return dict(processor=processor, cores=os.cpu_count(), torch=torch, system=platform.system(), date=time.strftime('%Y-%m-%d'), load=load)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sibert', required=True, type=pathlib.Path, metavar='PATH', help='our program, a release build')
    parser.add_argument('--peer', required=True, type=pathlib.Path, metavar='DIR', help='folder with bench_torch.py')
    parser.add_argument('--python', required=True, metavar='PATH', help='Python that has torch and transformers')
    parser.add_argument('--rows', nargs='+', choices=ROWS, default=ROWS, metavar='ROW', help='default: all')
    parser.add_argument('--pairs', type=int, default=5, metavar='N')
    parser.add_argument('--steps', type=int, default=15, metavar='N', help='timed steps per measurement')
    parser.add_argument('--threads', type=int, default=2, metavar='N')
    parser.add_argument('--out', default='bench-peer.jsonl', metavar='FILE', help='default: bench-peer.jsonl')
    args = parser.parse_args()
    if args.pairs < 1 or args.steps < 1 or args.threads < 1:
        parser.error('--pairs, --steps and --threads are at least 1')
    if not (args.peer / 'bench_torch.py').is_file():
        parser.error(f'{args.peer} has no bench_torch.py')
    args.sibert, args.peer = args.sibert.resolve(), args.peer.resolve()
    if not args.sibert.is_file():
        parser.error(f'{args.sibert} is not there: cargo build --release')
    return args


if __name__ == '__main__':
    args = arguments()
    bench = Bench(args)
    where = machine(args.python)
    bench.write(machine=where, pairs=args.pairs, steps=args.steps, threads=args.threads)
    if where['load'] and where['load'] > 0.5:
        print(f'warning: something else is running here (load {where["load"]:.1f}): the numbers mean nothing', file=sys.stderr)
    print(f'{where["processor"]}, {args.threads} threads of {where["cores"]}, PyTorch {where["torch"]}, {where["date"]}, '
          f'medians of {args.pairs} pairs of {args.steps} steps\n', flush=True)
    for row in args.rows:
        run(bench, row)
