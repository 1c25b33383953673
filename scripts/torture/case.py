"""One case: its random numbers, its folder, and its outcome."""
import os, random, shutil

from .program import Program, copy


class Case:
    """Case `number` of a kind: a function of seed, kind and number; only the moment of a kill also depends on the clock."""

    def __init__(self, base, kind, number, seed):
        self.base, self.kind, self.number = base, kind, number
        self.random = random.Random(f'{seed}/{kind}/{number}')
        self.folder = os.path.join(os.path.dirname(base.folder), f'{kind}-{number}')
        self.program = Program(base.program.path, self.folder)
        self.name, self.weight, self.said = '', 0, ''
        self.spoils = True  # false: the same with nothing spoiled
        self.undo = []  # what is called before the folder is removed
        os.makedirs(self.folder)

    def at(self, name):
        return os.path.join(self.folder, name)

    def take(self, names, link=False):
        """Copies files and folders of the base into the case's folder, or links to them what is only read."""
        for name in names:
            place = name if name.count('/') == 0 or os.path.isfile(self.base.at(name)) else os.path.basename(name)
            if os.path.lexists(self.at(place)):
                continue
            os.makedirs(os.path.dirname(self.at(place)), exist_ok=True)
            (os.symlink if link else copy)(self.base.at(name), self.at(place))

    def passes(self, outcome):
        return self.result(outcome, True, self.said)

    def fails(self, outcome, what):
        detail = what if isinstance(what, str) else what.last_words()
        return self.result(outcome, False, f'{detail} {f"({self.said})" if self.said and self.said != detail else ""}'.strip())

    def result(self, outcome, well, detail):
        return {'kind': self.kind, 'number': self.number, 'name': self.name, 'weight': self.weight, 'outcome': outcome, 'well': well,
                'detail': detail, 'commands': self.program.commands}

    def close(self, keep):
        """Removes the folder, or leaves what can be looked at under `keep`."""
        if self.kind in ('kills', 'faults'):
            self.program.end_all()
        if keep:
            kept = os.path.join(keep, os.path.basename(self.folder))
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.folder, kept, symlinks=True)
        for undo in self.undo:
            undo()
        shutil.rmtree(self.folder, ignore_errors=True)
