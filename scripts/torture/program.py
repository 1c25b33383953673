"""`sibert`, run in a folder, and how it ended."""
import os, resource, shutil, signal, subprocess, time
from dataclasses import dataclass, field

PATIENCE = 60.  # seconds for a command that takes less than one
MEMORY = 6 << 30  # bytes of addresses: more than any of these commands has a reason for


@dataclass
class Ended:
    """A finished process."""
    args: list
    code: int
    out: str
    err: str
    late: bool = False

    def broken(self):
        """Why no user should ever see such an end; none if it is an answer or a refusal in words."""
        if self.late:
            return 'does not end'
        if self.code == 101 or 'panicked at' in self.err:
            return 'panics'
        if self.code == -signal.SIGABRT and 'memory allocation' in self.err:
            return 'out of memory'
        if self.code < 0:
            return f'ends by {signal.Signals(-self.code).name}'
        if self.code and 'error' not in self.err:
            return 'fails without a word'
        return None

    def last_words(self):
        lines = [line for line in self.err.splitlines() if line.strip()]
        errors = [place for place, line in enumerate(lines) if line.startswith('error')]
        said = ' / '.join(lines[errors[0]:errors[0] + 2] if errors else lines[-1:])
        return f'exit {self.code}: {said[:300]}'


@dataclass
class Program:
    """The program; each of its processes runs in `folder`."""
    path: str
    folder: str
    commands: list = field(default_factory=list)  # all that were run, to be repeated by hand

    def environment(self):
        home = os.path.join(self.folder, '.home')
        return {'PATH': os.environ.get('PATH', ''), 'HOME': home, 'HF_HOME': home, 'HF_HUB_OFFLINE': '1', 'LC_ALL': 'C.UTF-8'}

    def start(self, args, limit=None):
        def before():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a limit is to look like a full disk
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if limit:
                resource.setrlimit(limit[0], (limit[1], limit[1]))
        self.commands.append(' '.join(args))
        return subprocess.Popen([self.path, *args], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before, start_new_session=True)

    def run(self, args, limit=None, patience=PATIENCE):
        process = self.start(args, limit)
        try:
            out, err = process.communicate(timeout=patience)
            late = False
        except subprocess.TimeoutExpired:
            self.end(process)
            out, err = process.communicate()
            late = True
        return Ended(args, process.returncode, out.decode(errors='replace'), err.decode(errors='replace'), late)

    def kill(self, args, has_come):
        """Starts the program and ends it, not its children, by SIGKILL once `has_come(seconds)`: whether it was killed, and its end."""
        process, began = self.start(args), time.monotonic()
        while process.poll() is None and not has_come(time.monotonic() - began):
            time.sleep(0.0001)
            if time.monotonic() - began > PATIENCE:
                break
        process.kill()
        # A child of its own may hold the pipes a while longer.
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.end(process)
            out, err = process.communicate()
        late = time.monotonic() - began > PATIENCE
        ended = Ended(args, process.returncode, out.decode(errors='replace'), err.decode(errors='replace'), late)
        return ended.code == -signal.SIGKILL and not late, ended

    def end_all(self):
        """Ends what a killed process has left running in the folder."""
        until = time.monotonic() + 5
        while (left := self.running()) and time.monotonic() < until:
            for process in left:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)

    def alone(self):
        """Waits until what a killed process had started has ended too: whether it does."""
        until = time.monotonic() + 10
        while self.running():
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def running(self):
        """Processes that work in the folder."""
        found = []
        for process in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.readlink(f'/proc/{process}/cwd') == self.folder and os.readlink(f'/proc/{process}/exe') == self.path:
                    found.append(int(process))
            except OSError:
                pass
        return found

    @staticmethod
    def end(process):
        """Ends a process that was not waited for yet, and all of its group."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def version(path):
    return subprocess.run([path, '--version'], capture_output=True, text=True, check=True).stdout.strip()


def copy(source, target):
    """A file or a folder, links as they are."""
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
