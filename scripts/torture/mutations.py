"""Randomly spoiled inputs, given to the command that reads them: no panic, no signal, and an end."""
import csv, gzip, io, json, os

from . import mutate
from .case import Case
from .corruptions import MASKED
from .program import copy

SECONDS = 10.
TEXT, TABLE, JSON = [mutate.bytes_, mutate.words], [mutate.bytes_, mutate.words, mutate.lines], [mutate.bytes_, mutate.words, mutate.values]
LINES = [mutate.bytes_, mutate.words, mutate.lines]
STATS = ['data', 'stats', '--tokenizer', 'model', '--set', 'documents=per_line', 'seq_len=16', 'model.max_position_embeddings=32']


def spoil(case, name, ways):
    """Replaces a file of the case's folder by a spoiled one."""
    if not case.spoils:
        return
    path = case.at(name)
    with open(path, 'rb') as file:
        data = file.read()
    way = case.random.choice(ways)
    os.remove(path)  # it may be a link into the base
    with open(path, 'wb') as file:
        file.write(way(case.random, data))


def put(case, name, data):
    os.makedirs(os.path.dirname(case.at(name)), exist_ok=True)
    with open(case.at(name), 'wb') as file:
        file.write(data)


def documents(case):
    with open(case.base.at('text.txt'), encoding='utf-8') as file:
        return file.read().splitlines()


def text(case):
    """text: encoded, prepared, and a vocabulary learned from it."""
    case.take(['model'], link=True)
    case.take(['text.txt'])
    spoil(case, 'text.txt', TEXT)
    return case.random.choice([
        ['tokenizer', 'encode', '--tokenizer', 'model', 'text.txt'],
        ['prepare', '--source', 'text.txt', '--documents', 'per_line', '--tokenizer', 'model', '--out', 'shards', *['--sentences'] * case.random.randrange(2)],
        ['tokenizer', 'train', '--source', 'text.txt', '--documents', 'per_line', '--vocab-size', '90', '--out', 'learned'],
        [*STATS, '--source', 'text.txt'],
    ])


def json_lines(case):
    """JSON lines: plain and gzipped."""
    rows = [json.dumps({'text': line, 'meta': {'n': n, 'x': 0.5}}) for n, line in enumerate(documents(case))]
    return source(case, 'rows.jsonl', '\n'.join(rows), [*LINES, mutate.values])


def comma_table(case):
    """csv: as Python writes it."""
    file = io.StringIO()
    csv.writer(file).writerows([['n', 'text'], *enumerate(documents(case))])
    return source(case, 'rows.csv', file.getvalue(), LINES)


def tab_table(case):
    """tsv: with a column to be named."""
    return source(case, 'rows.tsv', 'n\ttext\n' + '\n'.join(f'{n}\t{line}' for n, line in enumerate(documents(case))), LINES)


def source(case, name, content, ways):
    case.take(['model'], link=True)
    data = content.encode()
    if case.random.random() < 0.15:
        name, data, ways = name + '.gz', gzip.compress(data, mtime=0), [mutate.bytes_]
    put(case, name, data)
    spoil(case, name, ways)
    skip = ['--skip-bad'] * case.random.randrange(2)
    return [*STATS, '--source', name, *skip]


def cola(case):
    """GLUE's tables: asked, and scored."""
    case.take(['glue'])
    case.take(['tuned'], link=True)
    split = case.random.choice(['dev', 'test'])
    spoil(case, f'glue/CoLA/{split}.tsv', TABLE)
    if split == 'test':
        return ['predict', '--task', 'cola', '--model', 'tuned', '--data-dir', 'glue', '--threads', '1', '--out', 'written']
    if case.random.random() < 0.5:
        put(case, 'CoLA.tsv', ('index\tprediction\n' + '\n'.join(f'{i}\t{i % 2}' for i in range(32)) + '\n').encode())
        if case.random.random() < 0.5:
            spoil(case, 'CoLA.tsv', TABLE)
        return ['evaluate', '--task', 'cola', '--predictions', 'CoLA.tsv', '--dataset', 'glue/CoLA/dev.tsv']
    return ['evaluate', '--model', 'tuned', '--data-dir', 'glue', '--threads', '1']


def scores(case):
    """STS-B's table: a figure as a label."""
    case.take(['glue'])
    case.take(['scores'], link=True)
    spoil(case, 'glue/STS-B/dev.tsv', TABLE)
    return ['evaluate', '--model', 'scores', '--data-dir', 'glue', '--threads', '1']


def squad(case):
    """SQuAD's JSON: data set, answers and odds, scored; questions asked."""
    case.take(['squad/dev-v2.0.json', 'answers.json', 'odds.json'])
    case.take(['answers'], link=True)
    asked = case.random.random() < 0.3
    spoil(case, 'squad/dev-v2.0.json' if asked else case.random.choice(['squad/dev-v2.0.json', 'answers.json', 'odds.json']), JSON)
    if asked:
        return ['predict', '--task', 'squad_v2', '--model', 'answers', '--questions', 'squad/dev-v2.0.json', '--out', 'written',
                '--threads', '1']
    return ['evaluate', '--predictions', 'answers.json', '--dataset', 'squad/dev-v2.0.json', '--na-prob-file', 'odds.json']


def settings(case):
    """config TOML: of runs and sweeps."""
    case.take(['text.txt', 'small.toml', 'sweep.toml'])
    name = case.random.choice(['small.toml', 'sweep.toml'])
    while True:  # no place outside the folder is to be read
        spoil(case, name, TABLE)
        with open(case.at(name), 'rb') as file:
            if not any(quote + b'/' in (data := file.read()) for quote in [b'"', b"'"]) and b'..' not in data:
                break
        os.remove(case.at(name))
        case.take([name])
    if name == 'sweep.toml':
        return ['sweep', name, '--dry-run', '--out', 'sweep']
    return case.random.choice([
        ['pretrain', '--config', name, '--max-steps', '1', '--threads', '1', '--out', 'run'],
        ['data', 'stats', '--config', name],
        ['data', 'sample', '--config', name],
    ])


def model(case, name, ways):
    case.take(['model'])
    case.take(['glue'], link=True)
    spoil(case, f'model/{name}', ways)
    encode = ['tokenizer', 'encode', '--tokenizer', 'model', 'glue/CoLA/dev.tsv']
    mask = ['fill-mask', '--model', 'model', '--threads', '1', *MASKED]
    tune = ['finetune', '--task', 'cola', '--model', 'model', '--data-dir', 'glue', '--epochs', '1', '--threads', '1', '--out', 'out']
    return case.random.choice([mask, mask, tune, encode] if name.startswith('tokenizer') else [mask, mask, tune])


def config_json(case):
    """config.json: of a model."""
    return model(case, 'config.json', JSON)


def tokenizer_json(case):
    """tokenizer.json: of a model."""
    return model(case, 'tokenizer.json', JSON)


def tokenizer_config(case):
    """tokenizer_config.json: of a model."""
    return model(case, 'tokenizer_config.json', JSON)


def weights(case):
    """safetensors: header, lengths and numbers of a model's weights."""
    return model(case, 'model.safetensors', [mutate.header])


def vocabulary(case):
    """vocab.txt: alone, and beside a model."""
    with open(case.base.at('model/tokenizer.json'), encoding='utf-8') as file:
        known = json.load(file)['model']['vocab']
    put(case, 'vocab.txt', '\n'.join(sorted(known, key=known.get)).encode() + b'\n')
    spoil(case, 'vocab.txt', LINES)
    case.take(['text.txt'])
    if case.random.random() < 0.7:
        return ['tokenizer', 'encode', '--tokenizer', 'vocab.txt', 'text.txt']
    case.take(['model'])
    os.remove(case.at('model/tokenizer.json'))
    copy(case.at('vocab.txt'), case.at('model/vocab.txt'))
    return ['fill-mask', '--model', 'model', '--threads', '1', *MASKED]


KINDS = [text, text, json_lines, comma_table, tab_table, cola, scores, squad, squad, settings, settings, config_json, tokenizer_json,
         tokenizer_json, tokenizer_config, weights, weights, vocabulary]


def run(case):
    kind = case.random.choice(KINDS)
    case.name = kind.__doc__.split(':')[0]
    args = kind(case)
    case.weight = 1
    ended = case.program.run(args, patience=SECONDS)
    if ended.late:  # a machine that is busy with other things is no fault: once more, with more time
        ended = case.program.run(args, patience=6 * SECONDS)
    if ended.broken():
        return case.fails(ended.broken(), ended)
    case.said = ended.last_words()
    return case.passes('is refused in words' if ended.code else 'is answered')


def check(base):
    """Every unspoiled input is answered, so a later refusal is due to the spoiling."""
    for number in range(120):
        case = Case(base, 'check', number, 0)
        case.spoils = False
        result = run(case)
        case.close(None)
        if result['outcome'] != 'is answered':
            raise SystemExit(f'sibert {result["commands"][-1]} failed before anything was spoiled: {result}')
