"""The content of a folder that does not depend on the clock."""
import csv, hashlib, io, json, os

# Numbers that differ between two equal runs: times, and counts of how often a run was started.
CLOCK = {'timing', 'memory', 'elapsed_seconds', 'seconds', 'wait_seconds', 'samples_per_second', 'peak', 'peak_memory_bytes', 'command'}
# Files that must exist, with any bytes: digests of files with times, pictures and cards that show times, logs.
PRESENT = ('.png', '.svg', 'README.md', 'training_state/manifest.json', 'training_state/state.json', 'log.txt')
LOCKS = '.lock'


def facts(folder):
    """Each file with a digest of the content that equal runs share, and each link with its target."""
    found, around = {}, os.path.dirname(os.path.abspath(folder))
    for place, folders, files in os.walk(folder):
        for name in files + [name for name in folders if os.path.islink(os.path.join(place, name))]:
            path = os.path.join(place, name)
            relative = os.path.relpath(path, folder)
            if name != LOCKS:
                found[relative] = 'link to ' + os.readlink(path) if os.path.islink(path) else digest(path, relative, around)
    return found


def digest(path, name, around):
    if name.endswith(PRESENT):
        return 'there'
    with open(path, 'rb') as file:
        content = file.read().replace(around.encode(), b'.')  # each case has a folder of its own
    try:
        if name.endswith('.jsonl'):
            content = repr([timeless(json.loads(line)) for line in content.splitlines()]).encode()
        elif name.endswith('.json'):
            content = repr(timeless(json.loads(content))).encode()
        elif name.endswith('summary.csv'):
            content = repr(columns(content.decode())).encode()
    except ValueError:
        pass
    return hashlib.sha256(content).hexdigest()[:16]


def timeless(value):
    if isinstance(value, dict):
        # The digest of an object or a file with times says nothing; that of another file stands beside its size.
        gone = CLOCK if 'size' in value else CLOCK | {'sha256'}
        return {key: timeless(inner) for key, inner in value.items() if key not in gone and not key.endswith(('.json', '.md'))}
    if isinstance(value, list):
        return [timeless(inner) for inner in value]
    return value


def columns(text):
    rows = list(csv.reader(io.StringIO(text)))
    kept = [i for i, name in enumerate(rows[0]) if not name.startswith(('timing', 'memory'))]
    return [[row[i] for i in kept] for row in rows]


def difference(found, expected):
    """The differences between a folder and its expected content, the worst first; None if there are none."""
    other = sorted(name for name in expected if name in found and found[name] != expected[name])
    missing = sorted(set(expected) - set(found))
    left = sorted(set(found) - set(expected))
    models = [name for name in other if name.endswith('.safetensors')]
    for word, names in [('other weights', models), ('other bytes', other), ('a file is missing', missing), ('a file stays behind', left)]:
        if names:
            return word, ', '.join(names[:4])
    return None


def checkpoints(found):
    """The weights of each checkpoint by its path; `found` is the result of `facts`."""
    return {name: what for name, what in found.items()
            if name.endswith('model.safetensors') and 'checkpoint-' in name and not any(p.startswith('.') for p in name.split('/'))}
