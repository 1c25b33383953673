#!/usr/bin/env python3
"""Reads the event files of `sibert pretrain` and `sibert finetune` with TensorBoard's own reader.

    V/bin/python scripts/interop_tensorboard.py --sibert target/release/sibert

V is a virtual environment with tensorboard. A run is killed in the middle, the last record torn, and resumed, while a reader
that has seen the first part reads on. Both it and a new reader must have every number of metrics.jsonl once, as f32, under the
tags of transformers' Trainer; the settings as text; and the curves as a picture. Prints a line for each check and exits with 1
if one differs.
"""
import argparse, json, pathlib, signal, struct, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--sibert', required=True, type=pathlib.Path)
args = parser.parse_args()

from tensorboard.backend.event_processing import tag_types
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sibert = str(args.sibert.resolve())
examples = pathlib.Path(__file__).resolve().parent.parent / 'docs' / 'examples'
TRAINER = {'train/loss', 'train/learning_rate', 'train/grad_norm', 'train/epoch'}
failed = []


def say(name, ok, detail):
    print(f'{"ok    " if ok else "DIFFER"}  {name}: {detail}', flush=True)
    if not ok:
        failed.append(name)


def run(*arguments):
    done = subprocess.run([sibert, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'sibert {arguments[0]} failed:\n{done.stderr}')


def reader(folder):
    return EventAccumulator(str(folder), {tag_types.SCALARS: 0, tag_types.IMAGES: 0, tag_types.TENSORS: 0}).Reload()


def single(number):
    return struct.unpack('f', struct.pack('f', number))[0]


def expected(folder):
    """{tag: [(step, value), …]} of metrics.jsonl."""
    names, found = {'lr': 'learning_rate', 'head_lr': 'head_learning_rate'}, {}
    for line in (folder / 'metrics.jsonl').read_text().splitlines():
        line = json.loads(line)
        step = line.pop('step')
        group = 'eval' if any(key == 'figures' or key.startswith('eval_') for key in line) else 'train'
        for key, value in line.items():
            inside = value.items() if isinstance(value, dict) else [(names.get(key, key.removeprefix('eval_')), value)]
            place = key if isinstance(value, dict) and key not in ('timing', 'figures') else group
            for name, number in inside:
                if number is not None:
                    found.setdefault(f'{place}/{name}', []).append((step, single(number)))
    return found


def compare(name, read, folder, tags):
    wanted = expected(folder)
    found = {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()['scalars']}
    different = [tag for tag in wanted.keys() | found.keys() if wanted.get(tag) != found.get(tag)]
    count = sum(map(len, wanted.values()))
    say(name, not different and tags <= found.keys(), f'{count} scalars of {len(wanted)} tags, different: {different or "none"}')


def compare_rest(name, read, folder, settings):
    text = {tag: read.Tensors(f'{tag}/text_summary')[0].tensor_proto.string_val[0] for tag in ('args', 'model_config')}
    shown = {tag: json.loads(text) for tag, text in text.items()}
    say(f'{name}, settings', all(shown['args'].get(key) == value for key, value in settings.items())
        and shown['model_config']['hidden_size'] > 0, f'{len(shown["args"])} settings, {len(shown["model_config"])} of the model')
    pictures = read.Images('curves')
    drawn = folder / 'curves.png'
    same = len(pictures) == 1 and pictures[0].encoded_image_string.startswith(b'\x89PNG')
    if drawn.exists():
        same = same and pictures[0].encoded_image_string == drawn.read_bytes()
    say(f'{name}, curves', same, f'{len(pictures)} picture of {pictures[0].width} x {pictures[0].height}')


with tempfile.TemporaryDirectory() as work:
    work = pathlib.Path(work)
    folder = work / 'run'
    start = ['pretrain', '--out', folder, '--set', 'max_steps=120', 'batch_size=8', 'sentences=2000', 'log_every=2', 'eval_every=10',
             'eval_sequences=16', 'save_every=25']
    process = subprocess.Popen([sibert, *map(str, start)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = lambda: (folder / 'metrics.jsonl').read_text().count('\n') if (folder / 'metrics.jsonl').exists() else 0
    while lines() < 40 and process.poll() is None:
        time.sleep(.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    files = list(folder.glob('*tfevents*'))
    with files[0].open('r+b') as file:
        file.truncate(files[0].stat().st_size - 9)
    live = reader(folder)
    say('killed', len(files) == 1 and process.returncode == -signal.SIGKILL,
        f'{len(live.Scalars("train/loss"))} losses in {len(files)} file')
    run('pretrain', '--out', folder, '--resume')
    compare('pretrain, read anew', reader(folder), folder, TRAINER | {'eval/loss'})
    compare('pretrain, read on', live.Reload(), folder, TRAINER | {'eval/loss'})
    compare_rest('pretrain', reader(folder), folder, {'max_steps': 120, 'optimizer': 'spectral'})

    out = work / 'cola'
    run('finetune', '--task', 'cola', '--model', folder, '--data-dir', examples / 'glue', '--epochs', 3, '--out', out)
    compare('finetune', reader(out / 'seed-0'), out / 'seed-0', TRAINER | {'eval/matthews'})
    compare_rest('finetune', reader(out / 'seed-0'), out / 'seed-0', {'task': 'cola', 'epochs': 3, 'seed': 0})

sys.exit(f'{len(failed)} differ: {", ".join(failed)}' if failed else 0)
