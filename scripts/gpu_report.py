#!/usr/bin/env python3
"""Writes the report of scripts/gpu_acceptance.sh: OUT/report.md and OUT/report.json, from OUT/results.jsonl.

    scripts/gpu_report.py OUT

A speed is the median over the processes that measured the same setting. For each contender the fastest batch counts. The FLOPs
of a token are three times those of its forward products: 24 d² for each layer, 4 d for each token of the sequence in its
attention, and 2 (d² + d V) in the head for the 15 % that are predicted.
"""
import collections, json, pathlib, statistics, sys

PEAK = 989e12  # of an H100's tensor cores in bf16, dense
STATE = 8  # bytes of an optimizer's two moments, for each parameter


def flops(one):
    d, layers, seq, vocab = one['hidden'], one['layers'], one['seq'], one['vocab']
    return 3 * (layers * (24 * d * d + 4 * d * seq) + 2 * d * d + 0.15 * 2 * (d * d + d * vocab))


def utilisation(one):
    return one['tokens_per_second'] * flops(one) / PEAK


def measured(results):
    """Each contender's batches, with the median of their measurements."""
    groups = collections.defaultdict(list)
    for one in results['bench']:
        groups[one['who'], one['arch'], one['seq'], one['batch'], one.get('hidden'),
               one.get('compile')].append(one)
    found = []
    for ones in groups.values():
        fit = [one for one in ones if 'tokens_per_second' in one]
        speed = statistics.median(one['tokens_per_second'] for one in fit) if fit else None
        found.append({**(fit or ones)[0], 'tokens_per_second': speed, 'runs': len(fit), 'out_of_memory': not fit})
    return found


def best(found, who, arch, seq, width):
    fit = [one for one in found if (one['who'], one['arch'], one['seq'], one.get('hidden')) == (who, arch, seq, width)]
    fit = [one for one in fit if one['tokens_per_second']]
    return max(fit, key=lambda one: one['tokens_per_second'], default=None)


def table(*rows):
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in (rows[0], ['---'] * len(rows[0]), *rows[1:])) + '\n'


def name(one):
    arch = one['arch'].upper() if one['arch'] == 'bert' else 'SIBERT'
    how = {True: 'compiled', 'layers': 'compiled by layer'}.get(one.get('compile'), 'eager')
    return arch if one['who'] == 'ours' else f'PyTorch {arch}, {how}'


def speeds(found, width):
    """The table of the best batches, and the claims about them."""
    rows = [['tokens per sequence', 'model', 'batch', 'tokens/s', 'FLOPs used', 'peak, MiB', 'processes']]
    claims = []
    compared = sorted({one['seq'] for one in found if one['who'] == 'torch' and one['arch'] == 'sibert'})
    for seq in compared:
        ours, sibert, bert = (best(found, *who, seq, width) for who in
                              [('ours', 'sibert'), ('torch', 'sibert'), ('torch', 'bert')])
        for one in [one for one in (ours, sibert, bert) if one]:
            rows.append([str(seq), name(one), str(one['batch']), f"{one['tokens_per_second']:,.0f}",
                         f'{utilisation(one):.1%}', f"{one['peak_mib']:,}" if one['peak_mib'] else 'unknown', str(one['runs'])])
        if ours and sibert:
            ratio = ours['tokens_per_second'] / sibert['tokens_per_second']
            claims.append(claim(f"tokens/s of PyTorch's SIBERT, {seq} tokens", ratio, 1.0, f'{ratio:.2f} times {name(sibert)}, aim 1.3'))
            used = utilisation(ours)
            claims.append(dict(claim=f'FLOPs used of 989 TFLOP/s, {seq} tokens', found=used, holds=None, text=f'{used:.1%}, aim 50 %'))
        claims += less_memory(found, seq, width)
    return rows, claims


def less_memory(found, seq, width):
    """Memory of ours and PyTorch's at the largest batch that was measured for both."""
    at = {(one['who'], one['batch']): one for one in found
          if (one['arch'], one['seq'], one.get('hidden')) == ('sibert', seq, width) and one.get('peak_mib')}
    batches = [batch for who, batch in at if who == 'ours' and ('torch', batch) in at]
    if not batches:
        return []
    ours, theirs = at['ours', max(batches)], at['torch', max(batches)]
    saved, state = theirs['peak_mib'] - ours['peak_mib'], STATE * ours['parameters'] / 2**20
    return [claim(f'MiB of memory less than PyTorch SIBERT, {max(batches)} x {seq}', saved, state,
                  f"{saved:,.0f} less ({ours['peak_mib']:,} to {theirs['peak_mib']:,}), the state of Adam is {state:,.0f}")]


def claim(what, found, least, text):
    return dict(claim=what, found=found, least=least, holds=found >= least, text=text)


def long_sequences(found, compared):
    ones = [one for one in found if one['who'] == 'ours' and one['seq'] not in compared and one['tokens_per_second']]
    ones = [one for one in ones if one['seq'] * one['batch'] == max(x['seq'] * x['batch'] for x in ones)]
    rows = [['tokens per sequence', 'sequences', 'tokens/s', 'peak, MiB']]
    for one in sorted(ones, key=lambda one: one['seq']):
        rows.append([f"{one['seq']:,}", str(one['batch']), f"{one['tokens_per_second']:,.0f}", f"{one['peak_mib'] or 0:,}"])
    peaks = [one['peak_mib'] for one in sorted(ones, key=lambda one: one['seq'])]
    if len(peaks) < 2 or None in peaks:
        return rows, []
    longest, growth = max(one['seq'] for one in ones), peaks[-1] / peaks[0]
    holds = growth <= 1.2
    text = f'{growth:.2f} times that of {min(one["seq"] for one in ones):,} tokens per sequence, with as many tokens per batch'
    return rows, [dict(claim=f'memory is linear up to {longest:,} tokens per sequence', found=growth, most=1.2, holds=holds, text=text)]


def curves(results):
    """The losses of both pretrainings at the steps that both reported, and the last of each."""
    losses = {}
    for one in results['metrics']:
        line = one['line']
        if 'loss' in line and 'step' in line:
            losses.setdefault(one['run'], {})[line['step']] = line['loss']
    gpu, cpu = losses.get('gpu', {}), losses.get('cpu', {})
    shared = sorted(set(gpu) & set(cpu))
    if not shared:
        return [], []
    apart = [abs(gpu[step] - cpu[step]) / cpu[step] for step in shared]
    some = shared[::max(1, len(shared) // 8)]
    rows = [['step', 'GPU', 'CPU, f32']] + [[str(step), f'{gpu[step]:.4f}', f'{cpu[step]:.4f}'] for step in some]
    if max(gpu) > shared[-1]:
        rows.append([str(max(gpu)), f'{gpu[max(gpu)]:.4f}', 'not reached'])
    worst = max(apart)
    text = f'{worst:.2%} at most over {shared[-1]:,} steps; the GPU ran {max(gpu):,}'
    return rows, [dict(claim='loss of pretraining, GPU against CPU', found=worst, most=0.05, holds=worst <= 0.05, text=text)]


def selftest(results):
    if not results['selftest']:
        return '', []
    report = results['selftest'][-1]
    count = collections.Counter(check['verdict'] for check in report['checks'])
    bad = [check for check in report['checks'] if check['verdict'] == 'failed']
    text = f"{count['passed']} of {count['passed'] + count['failed']} checks passed, {count['skipped']} skipped"
    worst = collections.OrderedDict()
    for check in report['checks']:
        if check['found'] is not None:
            worst.setdefault(check['claim'], []).append(check)
    rows = [['difference', 'cases', 'largest found', 'allowed']]
    for what, checks in worst.items():
        rows.append([what, str(len(checks)), f"{max(check['found'] for check in checks):.1e}", f"{checks[0]['allowed']:.0e}"])
    failed = ''.join(f"- {c['claim']}, {c['case']}: {c['error'] or c['found']}\n" for c in bad)
    return f'{text} on {report["device"]}.\n\n{failed}\n{table(*rows)}', [
        dict(claim='selftest', found=count['failed'], holds=not bad, text=text)]


def nccl(results):
    """Whether NCCL, alone with itself, gave the bytes of the run without it."""
    if not results['nccl']:
        return []
    found = results['nccl'][-1]
    same = sum(digest == found['sha256']['host'] for digest in found['sha256'].values()) - 1
    others = len(found['sha256']) - 1
    return [dict(claim='a run whose gradients NCCL adds, one process', found=same, least=others, holds=same == others,
                 text=f"{same} of {others} runs have the bytes of that without NCCL, version {found['version']}")]


def read(out):
    """The measurements by kind; of a phase that was repeated, the last ones."""
    kept, phase = [], None
    for line in (out / 'results.jsonl').read_text().splitlines():
        one = json.loads(line)
        if one['kind'] != 'phase':
            kept.append((phase, one))
            continue
        phase = one['name'], one['lengths']
        if phase[0] != 'machine':
            kept = [(of, earlier) for of, earlier in kept if of != phase]
    results = collections.defaultdict(list)
    for _, one in kept:
        results[one.pop('kind')].append(one)
    return results


def report(out):
    results = read(out)
    found = measured(results)
    # the width of most measurements, which is not that of the pretrained model
    widths = collections.Counter(one['hidden'] for one in results['bench'] if one['who'] == 'torch' and 'hidden' in one)
    width = widths.most_common(1)[0][0] if widths else None
    rows, claims = speeds([one for one in found], width)
    compared = {one['seq'] for one in found if one['who'] == 'torch' and one['arch'] == 'sibert'}
    long_rows, long_claims = long_sequences([one for one in found if one.get('hidden') == width], compared)
    curve_rows, curve_claims = curves(results)
    text, self_claims = selftest(results)
    nccl_claims = nccl(results)
    asked = {phase for one in results['machine'] for phase in one.get('phases', [])}
    wanted = [('selftest', 'selftest', self_claims), ('nccl', 'a run whose gradients NCCL adds', nccl_claims),
              ('bench', "tokens/s of PyTorch's SIBERT", claims),
              ('bench', 'memory of long sequences', long_claims), ('pretrain', 'loss of pretraining', curve_claims)]
    missing = [dict(claim=what, found=None, holds=None, text='**not measured**')
               for phase, what, some in wanted if phase in asked and not some]
    claims = self_claims + nccl_claims + claims + long_claims + curve_claims + missing
    machine = results['machine'][-1] if results['machine'] else {}
    failures = [f"- {one['what']}: {one['reason']}" for one in results['failure']]
    failures += [f"- {one['what']}: no time was left" for one in results['skipped']]
    verdict = lambda holds: {True: 'holds', False: '**does not hold**', None: ''}[holds]
    tiny = 'This is a trial of the script with a tiny model: its numbers mean nothing.\n\n' if machine.get('tiny') else ''
    gpu = machine.get('gpu') or 'no NVIDIA GPU'
    parts = [f"# Acceptance on {gpu}\n\n{tiny}{machine.get('sibert', '')}, PyTorch {machine.get('torch')}, "
             f"{machine.get('cores')} cores, {machine.get('date', '')}.\n"]
    parts.append('## Claims\n\n' + table(['claim', 'found', ''], *[[c['claim'], c['text'], verdict(c['holds'])] for c in claims]))
    parts.append('## What failed or was left out\n\n' + ('\n'.join(failures) or 'Nothing.') + '\n')
    if len(rows) > 1:
        parts.append(f'## Training steps at the best batch\n\n{table(*rows)}')
    if len(long_rows) > 1:
        parts.append(f'## Long sequences\n\n{table(*long_rows)}')
    if curve_rows:
        picture = '![The curves of both](curves.svg)\n\n' if (out / 'curves.svg').exists() else ''
        parts.append(f'## Pretraining\n\n{picture}{table(*curve_rows)}')
    if text:
        parts.append(f'## Selftest\n\n{text}')
    (out / 'report.md').write_text('\n'.join(parts))
    (out / 'report.json').write_text(json.dumps(dict(machine=machine, claims=claims, measured=found, failures=failures), indent=1) + '\n')
    print('\n'.join(parts[:3]))


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    report(pathlib.Path(sys.argv[1]))
