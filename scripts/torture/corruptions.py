"""A flipped bit or a cut in a file of a finished folder must give the right answer or a refusal that names the file."""
import os, shutil

from . import facts
from .works import WORKS

MASKED = ['The [MASK] lives near the river.', 'The city [MASK] the horse.']


def asked(model):
    return ['fill-mask', '--model', model, '--json', '--top-k', '8', '--threads', '1', *MASKED]


def ask(*args):
    """A reader; its answer is its output."""
    return lambda case: (list(args), lambda ended: ended.out)


class Folder(dict):
    """The content of a resumed work's folder."""


def go_on(name):
    """A resumed work; its answer is its folder."""
    work = WORKS[name]
    return lambda case: (work.command(case.folder), lambda ended: Folder(facts.facts(case.at(work.out))))


def predict(task, model):
    data = 'squad' if task == 'squad_v2' else 'glue'
    args = ['predict', '--task', task, '--model', model, '--data-dir', data, '--out', 'written', '--threads', '1']
    return lambda case: (args, lambda ended: facts.facts(case.at('written')))


def evaluate(model, data):
    return ask('evaluate', '--model', model, '--data-dir', data, '--threads', '1')


def train(case):
    args = ['pretrain', '--config', 'small.toml', '--shards', 'shards', '--max-steps', '4', '--threads', '1', '--out', 'other']
    return args, lambda ended: {n: w for n, w in facts.facts(case.at('other')).items() if n.endswith('safetensors')}


# A target is a folder of the base, other inputs of its readers, and the readers.
TARGETS = {
    'run': ('short/run', (), [ask(*asked('run')), ask(*asked('run/best')), ask('verify', '--model', 'run/last'),
                             ask('data', 'stats', '--shards', 'run/data'), ask('tokenizer', 'encode', '--tokenizer', 'run', 'text.txt')]),
    'half a run': ('half/run', ('small.toml',), [go_on('pretrain')]),
    'fine-tuned': ('tuned', ('glue', 'model'), [evaluate('tuned', 'glue'), predict('cola', 'tuned'), go_on('finetune')]),
    'fine-tuned, scores': ('scores', ('glue',), [evaluate('scores', 'glue'), predict('stsb', 'scores')]),
    'fine-tuned, answers': ('answers', ('squad',), [evaluate('answers', 'squad'), predict('squad_v2', 'answers')]),
    'shards': ('shards', ('long.txt', 'small.toml'), [ask('data', 'stats', '--shards', 'shards'), train, go_on('prepare')]),
    'sweep': ('sweep', ('sweep.toml',), [go_on('sweep')]),
}


def run(case):
    case.name = case.random.choice(list(TARGETS))
    source, inputs, readers = TARGETS[case.name]
    place = os.path.basename(source)
    case.take([source, 'text.txt', *inputs])
    files = sorted(os.path.relpath(os.path.join(at, name), case.folder)
                   for at, _, names in os.walk(case.at(place)) for name in names if not name.endswith('.lock'))
    files = [name for name in files if not os.path.islink(case.at(name))]
    reader = case.random.choice(range(len(readers)))
    args, answer = readers[reader](case)
    key = case.name, reader
    if key not in case.base.answers:  # in this process for the first time
        case.base.answers[key] = undamaged(case, args, answer, place)
    expected, usual = case.base.answers[key]
    asked = [name for name in files if case.name.startswith('fine-tuned') and name.count('/') == 1]  # the model itself
    damaged = case.random.choice(asked if asked and case.random.random() < 0.5 else files)
    how = damage(case.random, case.at(damaged))
    case.weight = 1
    ended = case.program.run(args)
    case.said = f'{how} in {damaged}; {ended.last_words()}'
    if ended.broken():
        return case.fails(ended.broken(), case.said)
    new = [line for line in ended.err.splitlines() if line not in usual]
    named = any(part in line for part in names(damaged, place) for line in new)
    if ended.code:
        return case.passes('names the file') if named else case.fails('does not name the file', case.said)
    return judge(case, expected, answer(ended), damaged, place, named)


def judge(case, expected, found, damaged, place, named):
    """The right answer is that of the undamaged file. A resumed work may also leave a file as it is, or name and replace it."""
    if found == expected:
        return case.passes('right answer, names the file' if named else 'right answer')
    if isinstance(found, Folder):
        inside = os.path.relpath(damaged, place)
        rest = [{name: what for name, what in files.items() if name != inside} for files in (found, expected)]
        detail = facts.difference(*rest)
        if detail is None:
            return case.passes('right answer, names the file' if named else 'the file stays damaged, the rest is right')
        if named and detail[0] != 'other weights':
            return case.passes('names the file, goes on otherwise')
    else:
        detail = facts.difference(found, expected) if isinstance(found, dict) else 'another answer'
        if named and place == 'run':
            return case.passes('names the file, asks another checkpoint')
    return case.fails('wrong answer', str(detail))


def undamaged(case, args, answer, place):
    """The answer, and the messages that come with it."""
    before = case.at('.before')
    shutil.copytree(case.at(place), before, symlinks=True)
    ended = case.program.run(args)
    if ended.code:
        raise SystemExit(f'sibert {" ".join(args)} failed before anything was damaged:\n{ended.err}')
    found = answer(ended)
    shutil.rmtree(case.at(place))
    os.rename(before, case.at(place))
    for made in ['written', 'other']:
        shutil.rmtree(case.at(made), ignore_errors=True)
    return found, ended.err.splitlines()


def names(damaged, place):
    """The names a message may use for the file: its own, or that of its checkpoint, shard or seed."""
    parts = os.path.relpath(damaged, place).split('/')
    return [damaged, *parts]


def damage(random, path):
    """Flips a bit, or cuts the file."""
    with open(path, 'rb') as file:
        content = bytearray(file.read())
    at = random.randrange(max(len(content), 1))
    if content and random.random() < 0.8:
        bit = random.randrange(8)
        content[at] ^= 1 << bit
        how = f'bit {bit} of byte {at} flipped'
    else:
        content = content[:at]
        how = f'cut to {at} bytes'
    with open(path, 'wb') as file:
        file.write(content)
    return how
