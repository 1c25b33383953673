"""The starting point of all cases, made once: finished folders, the answers of their readers, and the time of each command."""
import json, os, re, shutil, time

from . import facts
from .program import Program, copy
from .works import FINETUNE, WORKS, write_inputs

TASKS = {'cola': 'tuned', 'stsb': 'scores', 'squad_v2': 'answers'}


class Base:
    """A folder with all inputs, every finished work, and models to query."""

    def __init__(self, path, folder, examples):
        self.folder, self.program = folder, Program(path, folder)
        write_inputs(folder, examples)
        self.must(list(WORKS['pretrain'].begin))
        copy(self.at('run/last/'), self.at('model'))
        shutil.rmtree(self.at('model/training_state'))
        for task in ['stsb', 'squad_v2']:
            data = [part if part != 'glue' else 'squad' if task == 'squad_v2' else part for part in FINETUNE]
            self.must(['finetune', '--task', task, '--out', TASKS[task], '--epochs', '6', *data])
        self.facts, self.spans, self.answers = {}, {}, {}
        for work in WORKS.values():
            self.spans[work.name] = min(self.span(work) for _ in range(3))
            self.facts[work.name] = facts.facts(self.at(work.out))
        self.all_checkpoints = self.every_checkpoint()
        self.half()
        self.short()

    def at(self, name):
        return os.path.join(self.folder, name)

    def must(self, args):
        ended = self.program.run(args)
        if ended.code or ended.broken():
            raise SystemExit(f'sibert {" ".join(args)} failed before anything was done to it:\n{ended.err}')
        return ended

    def span(self, work):
        shutil.rmtree(self.at(work.out), ignore_errors=True)
        began = time.monotonic()
        self.must(work.command(self.folder))
        return time.monotonic() - began

    def every_checkpoint(self):
        """The weights at each step of `pretrain`, also those that a run drops again."""
        args = ['pretrain', '--config', 'small.toml', '--threads', '1', '--out', 'every', '--set', 'keep_last=1000']
        self.must(args)
        found = facts.checkpoints(facts.facts(self.at('every')))
        shutil.rmtree(self.at('every'))
        return found

    def half(self):
        """`half/run` is the run as a power cut behind its middle leaves it: without what comes later."""
        copy(self.at('run'), self.at('half/run'))
        run = self.at('half/run')
        steps = sorted(name for name in os.listdir(run) if re.fullmatch(r'checkpoint-\d+', name))
        shutil.rmtree(os.path.join(run, steps[-1]))
        at = int(steps[-2].split('-')[1])
        for name in ['summary.json', 'curves.svg', 'curves.png', 'best', 'last']:
            if os.path.lexists(os.path.join(run, name)):
                os.remove(os.path.join(run, name))
        for link in ['best', 'last']:
            os.symlink(steps[-2], os.path.join(run, link))
        lines = open(os.path.join(run, 'metrics.jsonl')).read().splitlines(keepends=True)
        with open(os.path.join(run, 'metrics.jsonl'), 'w') as file:
            file.writelines(line for line in lines if json.loads(line)['step'] <= at + 1)

    def short(self):
        """`short/run` is the run with the checkpoints that are asked alone, so that damage meets what is read."""
        copy(self.at('run'), self.at('short/run'))
        asked = {os.readlink(self.at(f'run/{link}')) for link in ['best', 'last']}
        for name in os.listdir(self.at('run')):
            if name.startswith('checkpoint-') and name not in asked:
                shutil.rmtree(self.at(f'short/run/{name}'))
