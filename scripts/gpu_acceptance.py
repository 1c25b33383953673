#!/usr/bin/env python3
"""The phases of scripts/gpu_acceptance.sh. They write their measurements to OUT/results.jsonl, one JSON object per line.

Each object has a `kind`: phase (its start), machine, devices, selftest, nccl, bench, metrics, plot or failure. Every command has a
time limit. A command that would not end within --seconds is not started.
"""
import argparse, hashlib, json, os, pathlib, platform, signal, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
BASE = dict(hidden=768, layers=12, vocab=30522)
TINY = dict(hidden=32, layers=1, vocab=200)


class Acceptance:
    """Runs commands until the time is over, and keeps their output."""

    def __init__(self, a):
        self.a, self.ends, self.failed = a, time.monotonic() + a.seconds, 0
        a.out.mkdir(parents=True, exist_ok=True)
        self.results, self.log = (open(a.out / name, 'a') for name in ('results.jsonl', 'log.txt'))

    def left(self):
        return self.ends - time.monotonic()

    def write(self, kind, **record):
        print(json.dumps(dict(kind=kind, **record)), file=self.results, flush=True)

    def fail(self, what, reason):
        self.failed += 1
        self.write('failure', what=what, reason=reason)
        print(f'{what}: {reason}', file=sys.stderr, flush=True)

    def attempt(self, what, command, seconds):
        """The output of a command, or why it failed; neither if there is no time left."""
        limit = min(seconds, self.left())
        if limit < 1:
            self.write('skipped', what=what)
            return None, None
        began = time.monotonic()
        print(f'{what} ...', file=sys.stderr, flush=True)
        try:
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as late:
            self.note(what, late.stdout, late.stderr)
            return None, f'not done within {limit:.0f} s'
        self.note(what, done.stdout, done.stderr, f'exit code {done.returncode}, {time.monotonic() - began:.1f} s')
        return (done.stdout, None) if done.returncode == 0 else (None, reason(done))

    def run(self, what, command, seconds):
        """The output of a command; None if it failed, and then the failure is kept."""
        printed, why = self.attempt(what, command, seconds)
        if why:
            self.fail(what, why)
        return printed

    def note(self, what, *texts):
        print(f'== {what}', file=self.log)
        for text in texts:
            text = text.decode(errors='replace') if isinstance(text, bytes) else text
            if text:
                print(text.rstrip(), file=self.log)
        self.log.flush()


def reason(done):
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    errors = [line for line in lines if 'error' in line.lower()]
    return (errors or lines or [f'exit code {done.returncode}'])[-1][:300]


def machine(run):
    """The GPU, its driver, the processor, and PyTorch."""
    ask = lambda *command: subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    try:
        gpu = ask('nvidia-smi', '--query-gpu=name,driver_version,memory.total', '--format=csv,noheader')
    except (OSError, subprocess.TimeoutExpired):
        gpu = ''
    torch = ask(run.a.python, '-c', 'import torch; print(torch.__version__)')
    run.write('machine', gpu=gpu or None, torch=torch or None, cores=os.cpu_count(), system=platform.platform(),
              date=time.strftime('%Y-%m-%d'), sibert=ask(run.a.sibert, '--version'), tiny=run.a.tiny, phases=run.a.phase)


def selftest(run):
    a = run.a
    devices = run.run('devices', [a.sibert, 'devices', '--json'], 60)
    if devices:
        run.write('devices', **json.loads(devices))
    path = a.work / 'selftest.json'
    command = [a.sibert, 'selftest', '--device', a.device, '--json', path] + ['--quick'] * a.tiny
    run.run('selftest', command, 300)
    if path.exists():  # also where checks failed
        run.write('selftest', **json.loads(path.read_text()))


def nccl(run):
    """The same short training without NCCL and with it, in a world of one: the same bytes."""
    a = run.a
    found = (json.loads(run.run('nccl', [a.sibert, 'devices', '--json'], 60) or '{}')).get('nccl', {})
    if not found.get('version'):
        return run.fail('nccl', found.get('reason') or 'this build knows nothing of NCCL')
    small = ['model.preset=tiny', 'vocab_size=500', 'seq_len=32', 'batch_size=16', 'shares=4', 'sentences=500', 'eval_every=20',
             'eval_sequences=16']
    if a.tiny:
        small += ['model.hidden_size=64', 'model.num_hidden_layers=1', 'batch_size=4', 'eval_sequences=4']
    digests = {}
    for name, switch in [('host', '0'), ('nccl', '1'), ('any-order', '1')]:
        folder = a.work / f'sums-{name}'
        settings = small + ['gradient_sums=any_order'] * (name == 'any-order')
        command = ['env', f'SIBERT_NCCL={switch}', a.sibert, 'pretrain', '--device', a.device, '--max-steps', 2 if a.tiny else 20, '--out', folder,
                   '--set', *settings]
        if run.run(f'nccl, {name}', command, 120) is None:
            return None
        digests[name] = hashlib.sha256((folder / 'last' / 'model.safetensors').read_bytes()).hexdigest()
    return run.write('nccl', version=found['version'], sha256=digests)


class Contender:
    """One contender at one length: finds its best batch, then repeats it.

    PyTorch climbs with one layer compiled for all, which is ready within seconds, and repeats with the whole compiled.
    """

    def __init__(self, run, who, arch, seq, first):
        self.bench, self.who, self.arch, self.seq = run, who, arch, seq
        self.batch, self.best, self.speed, self.repeats, self.done = first, None, 0, 0, False
        self.cost = 2 if run.a.tiny else 15 if who == 'ours' else 40  # seconds, at first a guess

    def turn(self):
        a, repeat = self.bench.a, self.best is not None and self.batch is None
        began = time.monotonic()
        batch = self.best if repeat else self.batch
        layers = self.who == 'torch' and not repeat
        found = measure(self.bench, self.who, self.arch, batch, self.seq, compile_layers=layers)
        self.cost = time.monotonic() - began
        if repeat:
            self.repeats += 1
            self.done = self.repeats >= a.repeats or not found
        elif found and found['tokens_per_second'] > 1.01 * self.speed:
            self.best, self.speed, self.batch = self.batch, found['tokens_per_second'], 2 * self.batch
            if self.batch * self.seq > a.most_tokens:
                self.batch = None
        elif self.best is None:  # not even the first: a smaller one
            self.batch //= 2
            self.done = self.batch == 0 or found is None
        else:
            self.batch = None
        if self.batch is None and self.repeats == 0 and self.who == 'torch' and not a.tiny:
            self.cost = 90  # of compiling the whole


def measure(run, who, arch, batch, seq, compile_layers=False, **options):
    """One process: the JSON line that it prints; an empty one if memory ran out; None if it failed."""
    a = run.a
    sizes = {**(TINY if a.tiny else BASE), **options}
    arguments = ['--arch', arch, '--batch', batch, '--seq', seq, '--steps', a.steps]
    arguments += [str(x) for name, value in sizes.items() for x in ('--' + name, value)]
    if who == 'ours':
        command = [a.sibert, 'bench', '--json', '--device', a.device, '--precision', a.precision, *arguments]
    else:
        bf16 = ['--bf16'] * (a.precision == 'bf16')
        compiled = ['--no-compile'] if a.tiny else ['--compile-layers'] * compile_layers
        command = [a.python, HERE / 'gpu_peer.py', '--device', a.device, *bf16, *compiled, *arguments]
    what = f'{who} {arch}, {batch} x {seq}'
    printed, why = run.attempt(what, command, 180)
    if why and any(words in why.lower() for words in ('out of memory', 'out_of_memory')):
        run.write('bench', who=who, arch=arch, batch=batch, seq=seq, out_of_memory=True)
        return {}
    if why:
        run.fail(what, why)
    if printed is None:
        return None
    found = json.loads(printed.strip().splitlines()[-1])
    run.write('bench', who=who, **found)
    return {} if found.get('out_of_memory') else found


def bench(run):
    """Long sequences, then ours and PyTorch's in turn, starting near the best batch."""
    lengths = [(16, 4), (32, 2)] if run.a.tiny else [(seq, (1 << 15) // seq) for seq in run.a.lengths]
    who = [('ours', 'sibert'), ('torch', 'sibert'), ('torch', 'bert')]
    contenders = [Contender(run, *one, seq, first) for seq, first in lengths for one in who]
    long(run)
    while any(not one.done for one in contenders):
        for one in contenders:
            if one.done:
                continue
            if run.left() < 1.3 * one.cost + 5:
                run.write('skipped', what=f'{one.who} {one.arch} at {one.seq} tokens, the rest of its measurements')
                one.done = True
                continue
            one.turn()


def long(run):
    """The same number of tokens in longer and longer sequences: memory that is linear in the length stays the same."""
    lengths = [64, 128] if run.a.tiny else [2048, 4096, 8192]
    for seq in lengths:
        measure(run, 'ours', 'sibert', lengths[-1] // seq, seq)
    measure(run, 'torch', 'bert', 1, lengths[-1], compile_layers=True)


def pretrain(run):
    """SIBERT-small in bf16 on the GPU, and in f32 on the CPU at the same time, both for as long as the time allows."""
    a = run.a
    limit = min(60 * a.minutes, run.left() - 20)
    batch = 8 if a.tiny else 256
    sizes = dict(hidden=64, layers=1, vocab=500) if a.tiny else dict(hidden=512, layers=4, vocab=8192)
    speed = measure(run, 'ours', 'sibert', batch, 32 if a.tiny else 128, **sizes)
    if not speed:
        return run.fail('pretrain', 'its speed could not be measured')
    steps = max(20, int(0.8 * limit * 1e3 / speed['ms_per_step']))
    common = [a.sibert, 'pretrain', '--config', HERE.parent / 'configs' / 'sibert-small-gpu.toml', '--max-steps', steps]
    common += ['--source', *a.text] if a.text else []
    if a.tiny:
        common += ['--set', 'model.preset=tiny', 'model.hidden_size=64', 'model.num_hidden_layers=1', 'vocab_size=500',
                   'seq_len=32', 'batch_size=8', 'sentences=500', 'eval_every=10', 'eval_sequences=16']
    cores = os.cpu_count() or 2
    devices = [('gpu', ['--device', a.device, '--precision', a.precision], max(1, cores // 4)),
               ('cpu', ['--device', 'cpu'], max(1, cores // 2))]
    children = []
    for name, options, threads in devices:
        command = [*common, *options, '--threads', threads, '--out', a.work / name]
        log = open(a.work / f'{name}.log', 'w')
        children.append((name, subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)))
    ends = time.monotonic() + limit
    gpu = children[0][1]
    while gpu.poll() is None and time.monotonic() < ends:
        time.sleep(0.2)
    for name, child in children:  # ends the step, saves and leaves
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    for name, child in children:
        collect(run, name, child)
    labels = 'GPU bf16,CPU f32' if a.precision == 'bf16' else 'device,CPU'
    run.run('plot', [a.sibert, 'plot', a.work / 'gpu', a.work / 'cpu', '--labels', labels, '--out', a.out / 'curves'], 60)


def collect(run, name, child):
    """Waits for a run to end, and keeps its metrics."""
    try:
        code = child.wait(timeout=15)
    except subprocess.TimeoutExpired:
        child.kill()
        code = 'killed'
    log = (run.a.work / f'{name}.log').read_text()
    run.note(f'pretrain {name}', log, f'exit code {code}')
    metrics = run.a.work / name / 'metrics.jsonl'
    if code != 0 and not metrics.exists():
        return run.fail(f'pretrain {name}', (log.strip().splitlines() or [f'exit code {code}'])[-1])
    for line in metrics.read_text().splitlines():
        run.write('metrics', run=name, line=json.loads(line))
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sibert', required=True, type=pathlib.Path)
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--work', required=True, type=pathlib.Path)
    parser.add_argument('--out', required=True, type=pathlib.Path)
    parser.add_argument('--phase', nargs='+', choices=['selftest', 'nccl', 'bench', 'pretrain', 'all'], default=['all'])
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--precision', choices=['bf16', 'f32'], help='default: bf16; f32 on a CPU')
    parser.add_argument('--text', nargs='+', type=pathlib.Path, help='default: the corpus built into the program')
    parser.add_argument('--lengths', nargs='+', type=int, default=[128, 512], help='lengths of the sequences in bench, in tokens')
    parser.add_argument('--minutes', type=float, default=8, help='minutes of pretraining')
    parser.add_argument('--seconds', type=float, default=570, help='time limit of this call')
    parser.add_argument('--steps', type=int, default=20, help='timed steps per measurement')
    parser.add_argument('--repeats', type=int, default=2, help='repeats of the best batch')
    parser.add_argument('--most-tokens', type=int, default=1 << 18, help='most tokens in a batch')
    parser.add_argument('--tiny', action='store_true', help='use a tiny model, to try the script')
    a = parser.parse_args()
    a.precision = a.precision or ('f32' if a.device == 'cpu' else 'bf16')
    if a.tiny:
        a.steps, a.repeats, a.most_tokens = 3, 1, 256
    if 'all' in a.phase:
        a.phase = ['selftest', 'nccl', 'bench', 'pretrain'] if a.device != 'cpu' else ['selftest', 'bench', 'pretrain']
    return a


def main():
    run = Acceptance(arguments())
    phases = dict(selftest=selftest, nccl=nccl, bench=bench, pretrain=pretrain)
    for phase in [machine, *(phases[name] for name in run.a.phase)]:
        run.write('phase', name=phase.__name__, lengths=run.a.lengths if phase is bench else None)
        try:
            phase(run)
        except Exception as error:  # one phase must not end the others
            run.fail(phase.__name__, f'{type(error).__name__}: {error}')
    return 1 if run.failed else 0


if __name__ == '__main__':
    sys.exit(main())
