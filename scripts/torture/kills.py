"""SIGKILL at random moments; the same command must then give the folder of a run that was never stopped."""
import glob, os

from . import facts
from .works import WORKS

# Files whose appearance is a moment to kill at: a checkpoint being written, just named, its links, shards, results.
MOMENTS = {
    'run': ['.checkpoint-*', 'checkpoint-*', 'checkpoint-000004', 'config.toml', 'data', 'data/manifest.json', 'last', 'best',
            'metrics.jsonl', 'curves.svg', 'summary.json', '.*.tmp*'],
    'more': ['.checkpoint-*', 'checkpoint-*', 'config.toml', 'data/manifest.json', 'last', 'summary.json'],
    'tuned': ['settings.json', 'seed-0/.*', 'seed-*/checkpoint-*', 'seed-0/outcomes.json', 'seed-0/model', 'seed-0/result.json',
              'seed-1', 'model.safetensors', 'finetune.json', 'README.md', 'config.json'],
    'shards': ['tokenizer.json', 'shard-*', '.*', 'shard-00001.safetensors', 'manifest.json'],
    'sweep': ['sweep.json', 'data/manifest.json', 'init_scale=*', 'init_scale=*/checkpoint-*', 'init_scale=2*/summary.json',
              'summary.csv', 'summary.json', 'curves.svg'],
}


def moment(random, work, span, folder):
    """The moment to kill: after a part of the whole time, or when a new file appears."""
    if random.random() < 0.6:
        after = random.random() * span * 1.1
        return lambda seconds: seconds >= after
    pattern = os.path.join(folder, work.out, random.choice(MOMENTS[work.out]))
    there, delay, since = set(glob.glob(pattern)), random.choice([0., 0., 0.0005, 0.002]), []

    def has_come(seconds):
        if not since and set(glob.glob(pattern)) - there:
            since.append(seconds)
        return bool(since) and seconds >= since[0] + delay
    return has_come


def run(case):
    """One to four kills of one work, then a run to its end."""
    work = WORKS[case.random.choice(list(WORKS))]
    case.name = work.name
    case.take(work.inputs)
    for _ in range(case.random.choice([1, 1, 2, 3, 4])):
        args = work.command(case.folder)
        killed, ended = case.program.kill(args, moment(case.random, work, case.base.spans[work.name], case.folder))
        case.weight += killed
        if not killed and (ended.broken() or ended.code):
            return case.fails(ended.broken() or 'is refused after a kill', ended)
        if not case.program.alone():
            return case.fails('leaves a process running', ended)
        if broken := readable(case, work):
            return broken
    return finish(case, work)


def readable(case, work):
    """Checkpoints are complete as soon as they have their names."""
    if work.name != 'pretrain' or not os.path.isdir(case.at(work.out)):
        return None
    found = facts.checkpoints(facts.facts(case.at(work.out)))
    torn = [name for name, what in found.items() if case.base.all_checkpoints.get(name) != what]
    return case.fails('a checkpoint is torn', ', '.join(torn)) if torn else None


def finish(case, work):
    """Continues to the end, and once more when nothing is left to do."""
    for word in ['continues', 'has ended']:
        ended = case.program.run(work.command(case.folder))
        if ended.broken() or ended.code:
            return case.fails(ended.broken() or f'is refused when it {word}', ended)
        found = facts.facts(case.at(work.out))
        if wrong := facts.difference(found, case.base.facts[work.name]):
            return case.fails(wrong[0], f'when it {word}: {wrong[1]}')
    return case.passes('same bytes')
