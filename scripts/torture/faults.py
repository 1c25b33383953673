"""Full disks, folders that cannot be written, files that cannot be opened: an error in words, and later the same bytes."""
import ctypes, errno, os, resource, time

from . import facts
from .kills import finish, moment, readable
from .works import WORKS

NEW_MOUNTS, NEW_USERS, READ_ONLY, REMOUNT, RECURSIVE, PRIVATE, DETACH = 0x20000, 0x10000000, 1, 32, 0x4000, 1 << 18, 2
LIBC = ctypes.CDLL(None, use_errno=True)
MOUNTS = False


def own_mounts():
    """Gives this process private mounts that end with it; false if the system does not allow it."""
    global MOUNTS
    user, group = os.getuid(), os.getgid()
    if LIBC.unshare(NEW_MOUNTS | (NEW_USERS if user else 0)):
        return
    try:
        if user:
            for file, line in [('setgroups', 'deny'), ('uid_map', f'0 {user} 1'), ('gid_map', f'0 {group} 1')]:
                with open(f'/proc/self/{file}', 'w') as map_:
                    map_.write(line)
        MOUNTS = LIBC.mount(b'none', b'/', None, RECURSIVE | PRIVATE, None) == 0
    except OSError:
        pass


def mount(case, target, options, flags=0):
    if not flags:
        case.undo.append(lambda: LIBC.umount2(target.encode(), DETACH))
    for attempt in range(100):
        if LIBC.mount(b'torture', target.encode(), b'tmpfs', flags, options.encode()) == 0:
            return
        if ctypes.get_errno() != errno.EBUSY:  # busy: a run of a killed sweep still saves there
            break
        time.sleep(.1)
    raise OSError(ctypes.get_errno(), f'cannot mount {target}')


def run(case):
    work = WORKS[case.random.choice(list(WORKS))]
    kinds = [file_limit, few_files, in_the_way] + [small_disk, read_only] * MOUNTS
    kind = case.random.choice(kinds)
    case.name = kind.__doc__.split(':')[0]
    case.take(work.inputs)
    case.weight = 1
    return kind(case, work)


def begin(case, work):
    """Often the fault hits a work that was started and killed."""
    if case.random.random() < 0.5:
        case.program.kill(work.command(case.folder), moment(case.random, work, case.base.spans[work.name], case.folder))
        case.program.alone()


def harmed(case, work, limit=None):
    """Runs the work under the fault; returns the promise that it breaks, if any."""
    ended = case.program.run(work.command(case.folder), limit)
    if ended.broken():
        return case.fails(ended.broken(), ended)
    case.said = ended.last_words()
    return readable(case, work)


def file_limit(case, work):
    """no file may be larger: RLIMIT_FSIZE, as a disk that is full looks to a write."""
    begin(case, work)
    most = int(2 ** case.random.uniform(0, 17))
    return harmed(case, work, (resource.RLIMIT_FSIZE, most)) or finish(case, work)


def few_files(case, work):
    """no more files may be open: RLIMIT_NOFILE."""
    begin(case, work)
    return harmed(case, work, (resource.RLIMIT_NOFILE, case.random.randint(6, 24))) or finish(case, work)


def in_the_way(case, work):
    """a folder is where a file goes: one of the files of the finished work."""
    name = case.random.choice(sorted(name for name, what in case.base.facts[work.name].items() if not what.startswith('link')))
    begin(case, work)
    path, made = case.at(os.path.join(work.out, name)), []
    if os.path.lexists(path):
        return case.passes('was there already')
    while not os.path.exists(path):
        made.append(path)
        path = os.path.dirname(path)
    os.makedirs(made[0])
    failed = harmed(case, work)
    for folder in made:
        try:
            os.rmdir(folder)
        except OSError:
            break  # the work has put something into it
    return failed or finish(case, work)


def small_disk(case, work):
    """a full disk: a file system of some pages or some files, later larger."""
    os.makedirs(case.at(work.out))
    room = sum(2 + len(what) // 4096 for what in case.base.facts[work.name]) * 3
    small = case.random.choice([f'size={4096 * case.random.randint(1, room)}', f'nr_inodes={case.random.randint(2, room)}'])
    mount(case, case.at(work.out), small)
    failed = harmed(case, work)
    mount(case, case.at(work.out), 'size=64m,nr_inodes=100000', REMOUNT)
    return failed or finish(case, work)


def read_only(case, work):
    """a folder that cannot be written: a file system that is read-only for a while."""
    os.makedirs(case.at(work.out))
    mount(case, case.at(work.out), 'size=64m')
    begin(case, work)
    mount(case, case.at(work.out), 'size=64m', REMOUNT | READ_ONLY)
    failed = harmed(case, work)
    mount(case, case.at(work.out), 'size=64m', REMOUNT)
    return failed or finish(case, work)
