#!/usr/bin/env python3
"""Writes crates/sibert-train/tests/data/squad.json: SQuAD's figures and answers, computed by the code that defines them.

    V/bin/pip install numpy tqdm 'transformers<5'
    V/bin/pip download --no-deps --dest W tf-models-official==2.20.0 sparseml==1.8.0
    V/bin/python scripts/squad_fixtures.py W

Only single functions are run from the wheels in W: `evaluate` of SQuAD 1.1 (tf-models-official, a copy of the official
script) and `postprocess_qa_predictions` (sparseml, a copy of transformers' utils_qa.py). SQuAD 2.0 is scored by
transformers' squad_evaluate, a copy of the official script.
"""
import ast, collections, json, logging, os, pathlib, random, re, string, sys, tempfile, types, typing, zipfile

import numpy as np
from transformers.data.metrics import squad_metrics

OUT = pathlib.Path(__file__).parent.parent / 'crates/sibert-train/tests/data/squad.json'


def functions(wheel, member, names, scope):
    """The functions `names` of a module in a wheel, without its imports."""
    path, = pathlib.Path(sys.argv[1]).glob(wheel)
    tree = ast.parse(zipfile.ZipFile(path).read(member))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and (not names or node.name in names)]
    exec(compile(tree, member, 'exec'), scope)
    return scope


quiet = logging.getLogger('quiet')
quiet.disabled = True
official_v1 = functions('tf_models_official*.whl', 'official/nlp/tools/squad_evaluate_v1_1.py', [],
                        {'collections': collections, 're': re, 'string': string, 'logging': quiet})
utils_qa = functions('sparseml*.whl', 'sparseml/transformers/sparsification/question_answering.py',
                     ['postprocess_qa_predictions'],
                     {'collections': collections, 'json': json, 'logging': logging, 'os': os, 'np': np, '_LOGGER': quiet,
                      'tqdm': lambda values: values, **{n: getattr(typing, n) for n in ['Optional', 'Tuple']}})
random.seed(7)

TEXTS = [
    '', ' ', 'The', 'a', 'An', 'the the', 'The Beatles', 'the-cat', "the cat's a-b", 'U.S.A.', '$1,000.50', '24–10', 'a.n. other',
    'theatre', 'bathe', 'an_other', '_a_', 'a_the', 'a1', '1 a', 'É', 'ÉCOLE the École', 'Straße', 'STRASSE', 'İstanbul', 'ΟΔΟΣ', 'ΑΣ. Σ',
    'the\u00a0end', 'x\u1680y\u2003z', 'a\u200bb', 'the\u200b', 'line\nbreak\r\n\tthe tab', 'x\x1cy\x1dthe\x1ez\x1f', 'v\x0bw\x0c', 'n\x85l',
    'the\u0301', 'a\u0301 b', 'a\u0300', 'cafe\u0301', '«the»', '“a”', '‘an’', 'the…', '東京 the 東京', 'the東', '東 the', 'a²', '²a', 'a½ the½',
    'aⒶ Ⓐa the', 'Ⓐ', 'किa the', 'aि', 'ª a', 'Ⅷ an Ⅷ', '٣the', '👩‍👩‍👧 a 👩', 'the👍', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', '—a—', 'a\u2019s', 'Ǆ a ǅ',
    'ﬁ the ﬂ', '\u2028the\u2029', '\u3000a\u3000', 'a\ufeffb', 'the\u00ad', 'A THE AN', 'Theodore', 'panthean', "o'the", 'the,a,an', 'x  y   z', 'K Å Ω',
]


def answer(words=3):
    vocabulary = ['the', 'a', 'an', 'The', 'red', 'Red', 'red,', 'cat', 'cat.', 'dog', 'été', '10', '!', 'of', '\u00a0', '東京']
    return ' '.join(random.choice(vocabulary) for _ in range(random.randint(0, words)))


def near(answers):
    return random.choice(answers) if answers and random.random() < .5 else answer()


def v1(questions, predictions):
    dataset = [{'paragraphs': [{'qas': [{'id': k, 'answers': [{'text': t} for t in v]} for k, v in questions.items()]}]}]
    found = official_v1['evaluate'](dataset, predictions)
    expected = {'exact_match': 100 * found['exact_match'], 'f1': 100 * found['final_f1'], 'total': len(questions)}
    return {'questions': questions, 'predictions': predictions, 'expected': expected}


def v2(questions, predictions, na_probs=None, thresh=1.):
    examples = [types.SimpleNamespace(qas_id=k, answers=[{'text': t} for t in v]) for k, v in questions.items()]
    found = squad_metrics.squad_evaluate(examples, predictions, na_probs, thresh)
    if na_probs is None:  # as evaluate-v2.0.py without --na-prob-file
        found = {k: v for k, v in found.items() if not k.startswith('best_')}
    return {'questions': questions, 'predictions': predictions, 'na_probs': na_probs, 'na_prob_thresh': thresh, 'expected': found}


def cases_v1():
    yield v1({'q': ['Denver Broncos', 'the Denver Broncos']}, {'q': 'Denver Broncos.'})
    yield v1({'q': ['a'], 'r': ['the']}, {'q': 'an', 'r': ''})  # equal, but no common token
    yield v1({'q': ['x x y']}, {'q': 'x y y'})
    yield v1({'q': ['x'], 'r': ['y']}, {'r': 'y', 's': 'unknown'})  # q is missing
    yield v1({'q': ['Rome of old', 'Rome']}, {'q': 'old Rome'})  # best of each answer
    for _ in range(5):
        questions = {f'q{i}': [answer() for _ in range(random.randint(1, 3))] for i in range(20)}
        yield v1(questions, {k: near(v) for k, v in questions.items() if random.random() < .9})


def cases_v2():
    yield v2({'q': ['x y'], 'r': []}, {'q': 'x', 'r': ''})
    yield v2({'q': ['x y'], 'r': []}, {'q': '', 'r': 'x'}, {'q': .2, 'r': .1})
    yield v2({'q': ['the'], 'r': ['the', 'x']}, {'q': 'a', 'r': 'an'}, {'q': 0., 'r': 0.})  # right answers without words
    yield v2({'q': ['x']}, {'q': 'x'}, {'q': .5})  # no question without an answer
    yield v2({'q': [], 'r': []}, {'q': 'x', 'r': '!'}, {'q': 2.5, 'r': -1.})  # no question with one
    yield v2({'q': ['x'], 'r': [], 's': ['y']}, {'q': 'x', 'r': '', 's': 'y'}, {'q': .7, 'r': .2, 's': .3}, .5)
    yield v2({'q': ['x'], 'r': []}, {'q': 'x', 'r': 'x'}, {'q': .5, 'r': .5}, .5)  # at the threshold an answer is given
    yield v2({'q': ['x'], 'r': [], 's': ['y']}, {'q': 'x', 'r': 'x', 's': 'y'}, {'r': .5, 's': .5, 'q': .5})  # ties, r first
    yield v2({'q': ['x'], 'r': [], 's': ['y']}, {'q': 'x', 'r': 'x', 's': 'y'}, {'q': .5, 's': .5, 'r': .5, 'unknown': .1})
    for case in range(8):
        questions = {f'q{i}': [answer() for _ in range(random.randint(0, 3))] for i in range(25)}
        predictions = {k: near(v) if random.random() < .7 else '' for k, v in questions.items()}
        order = random.sample(list(questions), len(questions))
        na_probs = {k: random.choice([round(random.gauss(0, 3), 3), .5, 0.]) for k in order}
        yield v2(questions, predictions, None if case == 7 else na_probs, [1., 1., 0., .5, -2., 1., 1e9, 1.][case])


def windows(tokens, question, room, overlap):
    """Google's and transformers' windows over so many tokens, with Google's maximum context."""
    starts, start = [], 0
    while True:
        starts.append((start, min(start + room, tokens)))
        if starts[-1][1] == tokens:
            break
        start += room - overlap
    def score(span, token):
        return min(token - span[0], span[1] - 1 - token) + .01 * (span[1] - span[0])
    best = [max((s for s in starts if s[0] <= t < s[1]), key=lambda s: (score(s, t), -s[0])) for t in range(tokens)]
    return [{'first': question + 2, 'part': s, 'max_context': [t for t in range(*s) if best[t] == s]} for s in starts]


def answers_case(contexts, n_best, longest, threshold, unanswerable, spread=3., room=12, overlap=4, null=0.):
    case = {'n_best': n_best, 'max_answer_len': longest, 'threshold': threshold, 'unanswerable': unanswerable, 'questions': []}
    examples, features, starts, ends = {'id': [], 'context': []}, [], [], []
    for index, context in enumerate(contexts):
        offsets = [m.span() for m in re.finditer(r'\w+|[^\w\s]', context)]
        question = random.randint(1, 4)
        entry = {'context': context, 'offsets': offsets, 'windows': windows(len(offsets), question, room, overlap)}
        for window in entry['windows']:
            length = window['first'] + window['part'][1] - window['part'][0] + 1
            inside = lambda p: window['first'] <= p < length - 1
            token = lambda p: p - window['first'] + window['part'][0]
            window['start'], window['end'] = ([round(random.gauss(0, spread), 3) for _ in range(length)] for _ in '12')
            window['start'][0] += null
            features.append({
                'example_id': f'q{index}',
                'offset_mapping': [offsets[token(p)] if inside(p) else None for p in range(length)],
                'token_is_max_context': {str(p): inside(p) and token(p) in window['max_context'] for p in range(length)}})
            starts.append(np.float32(window['start']))
            ends.append(np.float32(window['end']))
        examples['id'].append(f'q{index}')
        examples['context'].append(context)
        case['questions'].append(entry)

    class Examples(list):
        def __getitem__(self, key):
            return examples[key] if isinstance(key, str) else list.__getitem__(self, key)

    rows = Examples({'id': i, 'context': c} for i, c in zip(examples['id'], examples['context']))
    with tempfile.TemporaryDirectory() as folder:
        utils_qa['postprocess_qa_predictions'](rows, features, (starts, ends), unanswerable, n_best, longest, threshold, folder)
        names = ['predictions', 'nbest_predictions'] + ['null_odds'] * unanswerable
        case['expected'] = {name: json.loads(pathlib.Path(folder, f'{name}.json').read_text()) for name in names}
    return case


LONG = 'The été of 東京 (Tokyo), a city: "Ça va?" she asked, e\u0301 and naïve 24–10 in the rain; 👩 fell far away from all of it'


def cases_answers():
    yield answers_case([LONG, 'One two.'], 20, 30, 0., False)
    yield answers_case([LONG, 'One two.'], 20, 30, 0., True)
    yield answers_case([LONG], 3, 2, 0., True)
    yield answers_case([LONG], 5, 30, 0., True, null=9.)  # no answer wins
    yield answers_case([LONG], 3, 30, 0., True, null=-30.)  # no answer is cut and put back
    yield answers_case([LONG], 4, 30, 20., True, null=9.)  # the threshold holds it back
    yield answers_case(['x'], 1, 30, 0., True, null=50.)  # nothing but no answer
    yield answers_case(['x'], 1, 30, 0., False, null=50.)  # not even that
    yield answers_case(['x', ''], 20, 30, 0., False)  # a context without tokens
    yield answers_case(['x', ''], 20, 30, 0., True)
    yield answers_case([LONG], 6, 5, -1.5, True, room=5, overlap=3)


fixture = {
    'normalized': [[text, squad_metrics.normalize_answer(text)] for text in TEXTS],
    'v1': list(cases_v1()),
    'v2': list(cases_v2()),
    'answers': list(cases_answers()),
}
OUT.write_text(json.dumps(fixture, ensure_ascii=False, separators=(',', ':')) + '\n', encoding='utf-8')
print(OUT, OUT.stat().st_size, 'bytes')
