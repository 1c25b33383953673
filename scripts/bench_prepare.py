#!/usr/bin/env python3
"""Times `sibert prepare` and Python's `tokenizers` in turn.

    V/bin/python scripts/bench_prepare.py --sibert target/release/sibert --tokenizer tokenizer.json [--pairs 5] TEXT...

V is a virtual environment with tokenizers and numpy. TEXT are files with one document per line. Both sides read them, encode
with the same tokenizer on the same number of threads, and write the ids to disk, two bytes each. Each measurement is a whole
process, from start to end. A pair is one run of ours and one of the peer's, in an order that changes from pair to pair.
Ratios are taken within a pair, and the table gives their median. Nothing else may run at the same time.

Ours also computes digests of the text and of the shards, and holds documents out.

Prints a Markdown table and writes every measurement to --out, one JSON object per line.
"""
import argparse, json, os, pathlib, shutil, statistics, subprocess, sys, tempfile, time

PEER = '''
import itertools, sys
import numpy as np
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_truncation()
tokenizer.no_padding()
separator, tokens = tokenizer.token_to_id('[SEP]'), 0
with open(sys.argv[2], 'wb') as out:
    for name in sys.argv[3:]:
        with open(name, encoding='utf-8') as text:
            documents = (line.rstrip() for line in text)
            documents = (document for document in documents if document)
            while batch := list(itertools.islice(documents, 4096)):
                ids = []
                for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                    ids += encoding.ids
                    ids.append(separator)
                np.array(ids, dtype=np.uint16).tofile(out)
                tokens += len(ids) - len(batch)
print(tokens)
'''


def run(command, threads):
    """Seconds, peak memory in MiB and standard output of a process."""
    environment = {**os.environ, 'RAYON_NUM_THREADS': str(threads), 'TOKENIZERS_PARALLELISM': 'true', 'PYTHONDONTWRITEBYTECODE': '1'}
    with tempfile.TemporaryFile('w+') as output:
        began = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f'{command[0]} failed with exit code {process.returncode}')
        output.seek(0)
        unit = 1 << 20 if sys.platform == 'darwin' else 1 << 10
        return seconds, usage.ru_maxrss / unit, output.read()


def ours(args, folder):
    out = folder / 'shards'
    shutil.rmtree(out, ignore_errors=True)
    command = [args.sibert, 'prepare', '--documents', 'per_line', '--tokenizer', args.tokenizer, '--out', out,
               '--threads', args.threads, *(['--sentences'] if args.sentences else []), '--source', *args.text]
    seconds, memory, _ = run(command, args.threads)
    shards = json.loads((out / 'manifest.json').read_text())['shards']
    return dict(seconds=seconds, peak_mib=memory, tokens=sum(shard[side]['tokens'] for shard in shards for side in ('train', 'held_out')))


def peer(args, folder):
    seconds, memory, output = run([args.python, '-c', PEER, args.tokenizer, folder / 'ids', *args.text], args.threads)
    return dict(seconds=seconds, peak_mib=memory, tokens=int(output))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('text', nargs='+', type=pathlib.Path, metavar='TEXT', help='files with one document per line')
    parser.add_argument('--sibert', required=True, type=pathlib.Path, metavar='PATH', help='our program, a release build')
    parser.add_argument('--tokenizer', required=True, type=pathlib.Path, metavar='FILE', help='a tokenizer.json of at most 65536 entries')
    parser.add_argument('--python', default=sys.executable, metavar='PATH', help='Python that has tokenizers and numpy; default: this one')
    parser.add_argument('--sentences', action='store_true', help='ours also keeps the starts of sentences')
    parser.add_argument('--pairs', type=int, default=5, metavar='N')
    parser.add_argument('--threads', type=int, default=2, metavar='N')
    parser.add_argument('--out', default='bench-prepare.jsonl', metavar='FILE', help='default: bench-prepare.jsonl')
    args = parser.parse_args()
    if args.pairs < 1 or args.threads < 1:
        parser.error('--pairs and --threads are at least 1')
    for file in [args.sibert, args.tokenizer, *args.text]:
        if not file.is_file():
            parser.error(f'{file} is not there')
    return args


def middle(found, key):
    return statistics.median(one[key] for one in found)


if __name__ == '__main__':
    args = arguments()
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    if load > 0.5:
        print(f'warning: something else is running here (load {load:.1f}): the numbers mean nothing', file=sys.stderr)
    size, pairs = sum(file.stat().st_size for file in args.text), []
    with tempfile.TemporaryDirectory() as folder, open(args.out, 'w') as out:
        for number in range(args.pairs):
            sides = [('ours', ours), ('tokenizers', peer)]
            found = {}
            for who, measure in sides if number % 2 == 0 else sides[::-1]:
                found[who] = measure(args, pathlib.Path(folder))
                print(json.dumps(dict(pair=number, who=who, **found[who])), file=out, flush=True)
                print(f'{who}: {found[who]["tokens"] / found[who]["seconds"]:,.0f} tokens/s', file=sys.stderr)
            pairs.append((found['ours'], found['tokenizers']))
    mine, theirs = zip(*pairs)
    if mine[0]['tokens'] != theirs[0]['tokens']:
        print(f'warning: ours found {mine[0]["tokens"]} tokens, the peer {theirs[0]["tokens"]}', file=sys.stderr)
    ratios = [b['seconds'] / a['seconds'] for a, b in pairs]
    print(f'{size / 1e6:,.0f} MB of text, {args.threads} threads, medians of {args.pairs} pairs\n')
    print('|  | seconds | tokens/s | peak MiB |\n| --- | --- | --- | --- |')
    for who, found in (('ours', mine), ('tokenizers', theirs)):
        rate = statistics.median(one['tokens'] / one['seconds'] for one in found)
        print(f'| {who} | {middle(found, "seconds"):.2f} | {rate:,.0f} | {middle(found, "peak_mib"):,.0f} |')
    print(f'| ratio (range) | **{statistics.median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f}) | | |')
