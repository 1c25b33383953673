#!/usr/bin/env python3
"""Kills the processes of runs over MPI at random, and goes on with other numbers of them.

    python3 scripts/torture_ranks.py --sibert target/release/sibert --kills 200

Each time 1 to 3 processes are started, and one of them, or mpirun itself, gets SIGKILL or SIGTERM after a random time. Within 20 s
no process may be left; the next start goes on with --resume. A run that comes to its end must have the bytes of one process that
was never stopped; then the next run begins. Exits with 1 at the first broken promise. Needs Linux, Open MPI, and `--features mpi`.
"""
import argparse, collections, hashlib, os, pathlib, random, shutil, signal, subprocess, sys, tempfile, time

SETTINGS = ['shares=8', 'documents=blank_line', 'vocab_size=400', 'held_out=0.1', 'batch_size=16', 'seq_len=24', 'eval_every=8',
            'eval_sequences=16', 'save_every=4', 'log_every=8', 'model.num_hidden_layers=1', 'model.hidden_size=64',
            'model.intermediate_size=128', 'model.num_attention_heads=2']
TEXT = pathlib.Path(__file__).resolve().parent.parent / 'LICENSE-APACHE'
MPI = {'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}


def pretrain(sibert, out, steps, processes=None, resume=False):
    """Starts a run, or lets it go on."""
    command = [sibert, 'pretrain', '--out', out, '--threads', '1', '--max-steps', str(steps)]
    command += ['--resume'] if resume else ['--source', str(TEXT), '--set', *SETTINGS]
    if processes:
        command = ['mpirun', '--oversubscribe', '--bind-to', 'none', '-n', str(processes), *command]
    log = open(f'{out}.log', 'ab')
    return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | MPI, start_new_session=True)


def processes_of(out):
    """The processes that write to a folder, mpirun left out."""
    found = subprocess.run(['pgrep', '-f', '--', f'^[^ ]*sibert pretrain --out {out} '], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def digest(out):
    return hashlib.sha256(pathlib.Path(out, 'last/model.safetensors').read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sibert', required=True)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--steps', type=int, default=400)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    draw, folder = random.Random(args.seed), tempfile.mkdtemp(prefix='ranks-')
    program = pathlib.Path(folder, 'sibert')  # a name that no other process has
    shutil.copy2(args.sibert, program)
    whole = f'{folder}/whole'
    assert pretrain(program, whole, args.steps).wait() == 0, f'{whole}.log'
    expected, counts, kills, run = digest(whole), collections.Counter(), 0, 0
    began, did = False, 'no signal'
    while kills < args.kills:
        out = f'{folder}/run-{run}'
        count = draw.randint(1, 3)
        job = pretrain(program, out, args.steps, count, resume=began and os.path.exists(f'{out}/config.toml'))
        began = True
        deadline = time.monotonic() + draw.uniform(0.2, 6)
        while time.monotonic() < deadline and job.poll() is None:
            time.sleep(0.01)
        if job.poll() is None:
            target = draw.choice(processes_of(out) + [job.pid])
            number = draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            try:
                os.kill(target, number)
                kills += 1
                did = f"{signal.Signals(number).name} to {'mpirun' if target == job.pid else target} of {count}"
                counts[f"{signal.Signals(number).name} to {'mpirun' if target == job.pid else 'a process'} of {count}"] += 1
            except ProcessLookupError:
                pass
        limit = time.monotonic() + 20
        while (job.poll() is None or processes_of(out)) and time.monotonic() < limit:
            time.sleep(0.02)
        left = processes_of(out) + [job.pid] * (job.poll() is None)
        if left:
            states = subprocess.run(['ps', '-o', 'pid,stat,wchan:20,time,args', '-p', ','.join(map(str, left))], capture_output=True, text=True)
            sys.exit(f'{out}: 20 s after {did} processes are left, see {out}.log\n{states.stdout}')
        if job.returncode == 0:
            if digest(out) != expected:
                sys.exit(f'{out}: other bytes than those of {whole}')
            counts['runs that came to their end, with the same bytes'] += 1
            run, began = run + 1, False
        elif b'panicked' in pathlib.Path(f'{out}.log').read_bytes():
            sys.exit(f'{out}: a panic, see {out}.log')
    shutil.rmtree(folder)
    for what, number in sorted(counts.items()):
        print(f'{number:5}  {what}')


if __name__ == '__main__':
    main()
