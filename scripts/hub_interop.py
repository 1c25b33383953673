#!/usr/bin/env python3
"""Pushes a model with `sibert` and reads it with Python's huggingface_hub, and the other way round, through an emulated hub.

    V/bin/python scripts/hub_interop.py --sibert target/release/sibert --hub target/release/examples/hub --model runs/own

V is a virtual environment with huggingface_hub, and the model is one of `sibert pretrain`. Six checks:

1. `snapshot_download` brings the bytes that `sibert push` sent.
2. `sibert fill-mask` makes the same guesses with what it brought.
3. `ModelCard` reads the card's metadata, with the figures of its model-index.
4. `sibert push` to a branch makes that branch, and leaves main as it was.
5. `upload_folder` of the same files to another repository gives the same listing: paths, sizes, digests, store or git.
6. After that, `sibert push` changes the card alone, which names the repository.

Prints a line for each and exits with 1 if one fails. Takes a few seconds.
"""
import argparse, os, pathlib, subprocess, sys, tempfile

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--sibert', required=True, type=pathlib.Path)
parser.add_argument('--hub', required=True, type=pathlib.Path, help='the example `hub` of sibert-hub-emulator')
parser.add_argument('--model', required=True, type=pathlib.Path)
args = parser.parse_args()

TOKEN = 'hf_example'
work = tempfile.TemporaryDirectory()
hub = subprocess.Popen([str(args.hub.resolve()), TOKEN], stdout=subprocess.PIPE, text=True)
os.environ |= {'HF_ENDPOINT': hub.stdout.readline().strip(), 'HF_HOME': work.name, 'HF_TOKEN': TOKEN,
               'HF_HUB_DISABLE_XET': '1', 'HF_HUB_DISABLE_PROGRESS_BARS': '1'}

from huggingface_hub import HfApi, ModelCard, snapshot_download

api, failed = HfApi(), []


def say(name, ok, detail=''):
    print(f'{"ok    " if ok else "FAILED"}  {name}{": " * bool(detail)}{detail}', flush=True)
    if not ok:
        failed.append(name)


def sibert(*arguments):
    done = subprocess.run([str(args.sibert.resolve()), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'sibert {arguments[0]} failed:\n{done.stderr}')
    return done.stdout


def contents(folder):
    files = (path for path in pathlib.Path(folder).rglob('*') if path.is_file() and '.cache' not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def listing(repo):
    entries = api.list_repo_tree(repo, recursive=True, expand=False)
    return sorted((e.path, e.size, e.blob_id, e.lfs and e.lfs.sha256) for e in entries if hasattr(e, 'blob_id'))


try:
    sibert('push', args.model, 'org/ours', '--private', '--license', 'mit')
    ours = snapshot_download('org/ours')
    pushed = contents(ours)
    original = contents(args.model.resolve())
    differ = [name for name, data in pushed.items() if original.get(name, data) != data]
    say('downloaded by Python', 'model.safetensors' in pushed and not differ, f'{len(pushed)} files, differ {differ}')
    guesses = [sibert('fill-mask', '--json', '--model', model, 'the [MASK] is here') for model in (ours, args.model)]
    say('opened again', guesses[0] == guesses[1], 'the same guesses')

    card = ModelCard.load('org/ours')
    results = card.data.eval_results or []
    figures = [f'{result.metric_type} {result.metric_value}' for result in results]
    say('card', card.data.license == 'mit' and bool(results), f'{card.data.pipeline_tag}, {", ".join(figures)}')

    main = listing('org/ours')
    sibert('push', args.model, 'org/ours', '--revision', 'other', '--license', 'apache-2.0')
    branches = sorted(branch for branch in ('main', 'other') if api.repo_info('org/ours', revision=branch))
    say('branch', listing('org/ours') == main and len(branches) == 2, ', '.join(branches))

    api.create_repo('org/theirs')
    api.upload_folder(repo_id='org/theirs', folder_path=ours, commit_message='by Python')
    say('uploaded by Python', listing('org/theirs') == main, f'{len(main)} files with the same digests')
    said = sibert('push', args.model, 'org/theirs', '--license', 'mit')
    say('only the card changes', 'pushed 1 of' in said, said.splitlines()[0])
finally:
    hub.kill()
sys.exit(bool(failed))
