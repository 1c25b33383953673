"""The counts as tables, and as the part of a page between two marks."""
BEGIN, END = '<!-- counts -->', '<!-- end of counts -->'
TITLES = {'kills': 'command', 'faults': 'fault', 'corruptions': 'damaged', 'mutations': 'input'}


def tables(report):
    return '\n\n'.join(table(kind, report) for kind, asked in report['asked'].items() if asked)


def table(kind, report):
    """A row for each name, its outcomes with their counts, failures in bold."""
    cases = [case for case in report['cases'] if case['kind'] == kind]
    rows = {}
    for case in cases:
        text = f'{case["count"]} {case["outcome"]}'
        rows.setdefault(case['name'], []).append((case['count'], text if case['well'] else f'**{text}**'))
    number, failed = sum(case['count'] for case in cases), sum(case['count'] for case in cases if not case['well'])
    kills = f'{report["kills"]} kills in ' if kind == 'kills' else ''
    head = f'{kind.capitalize()}: {kills}{number:,} cases, {failed} failed, {report["seconds"][kind]:.0f} s.'
    lines = [head, '', f'| {TITLES[kind]} | cases | outcomes |', '|---|---|---|']
    for name, outcomes in rows.items():
        lines.append(f'| {name} | {sum(count for count, _ in outcomes):,} | {", ".join(text for _, text in outcomes)} |')
    return '\n'.join(lines)


def page(path, report):
    """Replaces the tables between the marks of a page."""
    text = path.read_text(encoding='utf-8')
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    head = f'{report["date"]}, commit {report["commit"]}, {report["machine"]}, seed {report["seed"]}.'
    path.write_text(f'{before}{BEGIN}\n{head}\n\n{tables(report)}\n{END}{after}', encoding='utf-8')
