#!/usr/bin/env python3
"""Tests the promises of `sibert` under kills, faults, damaged files and spoiled inputs.

    python3 scripts/torture.py --sibert target/release/sibert

kills         SIGKILL at a random moment; the same command must then end with the same bytes
faults        full disks, read-only folders, files that cannot be opened: an error in words, and later the same bytes
corruptions   a flipped bit or a cut in a file: the right answer, or a refusal that names the file
mutations     spoiled texts, tables, JSON, settings, models: no panic, no signal, and an end within 10 s

Every case is a function of --seed and its number; only the moment of a kill also depends on the clock. `--only KIND/NUMBER`
repeats one case. Folders of failed cases are kept. Needs Linux and Python's standard library, and no network. Exits with 1
if a case fails.
"""
import argparse, collections, datetime, json, multiprocessing, os, pathlib, platform, shutil, subprocess, sys, tempfile, time, traceback

sys.dont_write_bytecode = True
from torture import corruptions, faults, kills, mutations
from torture.base import Base
from torture.case import Case
from torture.program import version
from torture.report import page, tables

KINDS = {'kills': kills, 'faults': faults, 'corruptions': corruptions, 'mutations': mutations}
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
KEPT = 3  # folders of each kind, name and outcome


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sibert', required=True, type=pathlib.Path)
    parser.add_argument('--seed', type=int, default=0)
    for kind, count in {'kills': 500, 'faults': 200, 'corruptions': 500, 'mutations': 20_000}.items():
        parser.add_argument(f'--{kind}', type=int, default=count, metavar='N')
    parser.add_argument('--only', metavar='KIND/NUMBER', help='run one case and keep its folder')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), metavar='N')
    parser.add_argument('--minutes', type=float, default=120, help='start no new case after this time [default: 120]')
    parser.add_argument('--keep', type=pathlib.Path, default=REPOSITORY / 'target/torture', metavar='DIR')
    parser.add_argument('--out', type=pathlib.Path, metavar='FILE', help='write the counts and all failures as JSON')
    parser.add_argument('--page', type=pathlib.Path, metavar='FILE', help='update the tables of this page')
    return parser.parse_args()


def one(job):
    """Runs a case in a process of the pool."""
    kind, number = job
    case, result = Case(BASE, kind, number, ARGS.seed), None
    try:
        result = KINDS[kind].run(case)
    except Exception:
        result = case.fails('the script fails', traceback.format_exc())
    finally:
        mark = (result or {}).get('name'), (result or {}).get('outcome')
        KEPT_HERE[mark] += not (result or {}).get('well')
        case.close(ARGS.keep if ARGS.only or not (result or {}).get('well') and KEPT_HERE[mark] <= KEPT else None)
    return result


def jobs(kind, count, done):
    """Yields cases until there were as many kills as asked for: some kills come after the end."""
    number = 0
    while done[kind] < count and number < 4 * count and time.monotonic() < DEADLINE:
        yield kind, number
        number += 1


def run(pool, kind, count, results):
    done, began, shown = collections.Counter(), time.monotonic(), 0.
    waiting, source = [], jobs(kind, count, done)
    while True:
        # A few ahead, no more: how many cases are needed shows as they end. Judged in order, so that a seed is a result.
        while len(waiting) < 4 * ARGS.jobs and done[kind] + len(waiting) < count and (job := next(source, None)):
            waiting.append(pool.apply_async(one, (job,)))
        if not waiting:
            break
        result = waiting.pop(0).get()
        done[kind] += result['weight'] if kind == 'kills' else 1
        results.append(result)
        if not result['well']:
            print(f'\nFAILS  {kind}/{result["number"]} {result["name"]}: {result["outcome"]}: {result["detail"]}', flush=True)
            for command in result['commands'][-4:]:
                print(f'       sibert {command}', flush=True)
        if time.monotonic() > shown + 5 or done[kind] >= count:
            shown = time.monotonic()
            print(f'{kind} {done[kind]}/{count}  {shown - began:.0f}s', file=sys.stderr, flush=True)
    return time.monotonic() - began


def commit():
    git = subprocess.run(['git', 'rev-parse', '--short=7', 'HEAD'], cwd=REPOSITORY, capture_output=True, text=True)
    return git.stdout.strip() or 'unknown'


def main():
    global BASE, KEPT_HERE, DEADLINE
    KEPT_HERE, DEADLINE = collections.Counter(), time.monotonic() + 60 * ARGS.minutes
    memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    work = tempfile.mkdtemp(prefix='torture-', dir=memory)
    try:
        BASE = Base(str(ARGS.sibert.resolve()), os.path.join(work, 'base'), str(REPOSITORY / 'docs/examples'))
        if ARGS.mutations:
            mutations.check(BASE)
        if ARGS.only:
            kind, number = ARGS.only.split('/')
            faults.own_mounts()
            result = one((kind, int(number)))
            print(json.dumps(result, indent=1))
            return 0 if result['well'] else 1
        report = {'date': datetime.date.today().isoformat(), 'commit': commit(), 'program': version(str(ARGS.sibert.resolve())),
                  'machine': f'{os.cpu_count()} cores, {platform.system()}', 'seed': ARGS.seed, 'seconds': {}, 'asked': {}}
        results = []
        with multiprocessing.get_context('fork').Pool(ARGS.jobs, initializer=faults.own_mounts) as pool:
            for kind in KINDS:
                if report['asked'].setdefault(kind, getattr(ARGS, kind)):
                    report['seconds'][kind] = round(run(pool, kind, report['asked'][kind], results), 1)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return conclude(report, results)


def conclude(report, results):
    counts = collections.defaultdict(collections.Counter)
    for result in results:
        counts[result['kind'], result['name']][result['outcome'], result['well']] += 1
    report['cases'] = [{'kind': kind, 'name': name, 'outcome': outcome, 'well': well, 'count': count}
                       for (kind, name), outcomes in sorted(counts.items()) for (outcome, well), count in outcomes.most_common()]
    report['kills'] = sum(result['weight'] for result in results if result['kind'] == 'kills')
    report['failures'] = [result for result in results if not result['well']]
    print(tables(report))
    if ARGS.out:
        ARGS.out.parent.mkdir(parents=True, exist_ok=True)
        ARGS.out.write_text(json.dumps(report, indent=1) + '\n')
    if ARGS.page:
        page(ARGS.page, report)
    if report['failures']:
        print(f'{len(report["failures"])} cases failed; folders in {ARGS.keep}; --seed {ARGS.seed} --only KIND/NUMBER repeats one')
    short = [kind for kind, asked in report['asked'].items() if done_of(kind, report) < asked]
    if short:
        print(f'fewer than asked for: {", ".join(short)}')
    return 1 if report['failures'] or short else 0


def done_of(kind, report):
    return report['kills'] if kind == 'kills' else sum(case['count'] for case in report['cases'] if case['kind'] == kind)


if __name__ == '__main__':
    ARGS = arguments()
    sys.exit(main())
