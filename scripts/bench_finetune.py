#!/usr/bin/env python3
"""Fine-tunes on MRPC with `sibert finetune` and transformers' Trainer in turn, and prints samples per second and memory.

    V/bin/python scripts/bench_finetune.py --sibert target/release/sibert --model DIR --data-dir GLUE --out OUT.jsonl

V is the virtual environment of scripts/finetune_peer.py. Both train one epoch on the same rows with the same batch
size, longest input and threads; `--precision bf16` is the Trainer's `bf16=True`. The times include neither evaluation nor start-up.
Nothing else should run.
"""
import argparse, json, pathlib, shutil, statistics, subprocess, sys, tempfile

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--sibert', required=True)
parser.add_argument('--model', required=True)
parser.add_argument('--data-dir', required=True)
parser.add_argument('--pairs', type=int, default=3)
parser.add_argument('--train-rows', type=int, default=3668)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--precision', default='f32')
parser.add_argument('--out', required=True, type=pathlib.Path)
args = parser.parse_args()

common = ['--task', 'mrpc', '--model', args.model, '--data-dir', args.data_dir, '--lr', '1e-4', '--epochs', '1']
common += ['--batch-size', '32', '--max-seq-len', '128', '--train-rows', str(args.train_rows), '--threads', str(args.threads)]
peer_script = pathlib.Path(__file__).with_name('finetune_peer.py')


def ours(folder, seed):
    run = [args.sibert, 'finetune', *common, '--seed', str(seed), '--precision', args.precision, '--out', folder / 'run']
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads((folder / 'run' / 'finetune.json').read_text())['seeds'][0]


def peer(folder, seed):
    run = [sys.executable, peer_script, *common, '--seeds', str(seed), '--json', folder / 'peer.jsonl']
    run += ['--bf16'] if args.precision == 'bf16' else []
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads((folder / 'peer.jsonl').read_text())


rows = []
for seed in range(args.pairs):
    folder = pathlib.Path(tempfile.mkdtemp())
    pair = {name: run(folder, seed) for name, run in [('sibert', ours), ('transformers', peer)]}
    shutil.rmtree(folder)
    row = {name: {key: run[key] for key in ('samples_per_second', 'peak_memory_bytes')} for name, run in pair.items()}
    row['settings'] = {key: str(value) for key, value in vars(args).items() if key in ('train_rows', 'threads', 'precision')}
    rows.append(row)
    with args.out.open('a') as out:
        print(json.dumps(row), file=out)
    print(json.dumps(row), flush=True)


def median(name, key):
    return statistics.median(row[name][key] for row in rows)


ratios = [row['sibert']['samples_per_second'] / row['transformers']['samples_per_second'] for row in rows]
print(f'samples/s   sibert {median("sibert", "samples_per_second"):.1f}   transformers '
      f'{median("transformers", "samples_per_second"):.1f}   ratio {statistics.median(ratios):.2f} '
      f'({min(ratios):.2f} … {max(ratios):.2f}, {len(rows)} pairs)')
print(f'memory      sibert {median("sibert", "peak_memory_bytes") / 2**20:.0f} MiB   transformers '
      f'{median("transformers", "peak_memory_bytes") / 2**20:.0f} MiB')
