#!/usr/bin/env python3
"""Opens transformers' checkpoints in `sibert` and ours in transformers, and compares ids and logits.

    V/bin/python scripts/interop.py --sibert target/release/sibert --vocab vocab.txt --text TEXT

V is a virtual environment with torch and transformers; `--vocab` is BERT's vocab.txt, TEXT a file of real text. Four parts:

1. Token ids of 1,000 lines of TEXT, by `sibert tokenizer encode` and by AutoTokenizer, for each kind of tokenizer files.
2. Small random BERTs with every kind of masked-language-model head, saved by transformers as f32, bf16, shards and untied. The
   log-probabilities of `sibert fill-mask --json` on sentences of TEXT must be within 1e-4 of transformers' own.
3. Fine-tuned heads of transformers, for classes and for scores: `sibert predict` must give the same classes, and scores within 1e-3.
4. A BERT from `sibert pretrain`, opened by AutoModelForMaskedLM and AutoTokenizer: log-probabilities within 1e-4.

Prints a line for each and exits with 1 if one differs. Takes about two minutes.
"""
import argparse, json, math, os, pathlib, subprocess, sys, tempfile

os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--sibert', required=True, type=pathlib.Path)
parser.add_argument('--vocab', required=True, type=pathlib.Path)
parser.add_argument('--text', required=True, type=pathlib.Path)
parser.add_argument('--lines', type=int, default=1000)
args = parser.parse_args()

import torch
from transformers import (AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, BertForPreTraining,
                          BertForSequenceClassification, BertTokenizer)

ALLOWED = 1e-4
sibert = str(args.sibert.resolve())
failed = []


def say(name, ok, detail):
    print(f'{"ok    " if ok else "DIFFER"}  {name}: {detail}', flush=True)
    if not ok:
        failed.append(name)


def run(*arguments):
    done = subprocess.run([sibert, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'sibert {arguments[0]} failed:\n{done.stderr}')
    return done.stdout


def lines_of_text():
    with args.text.open(encoding='utf-8') as text:
        lines = (' '.join(line.split()) for line in text)
        lines = [line for line, _ in zip((line for line in lines if 20 < len(line) < 400), range(args.lines))]
    return lines


def guesses(model, sentences):
    """The five likeliest tokens of each sentence's mask, by id, with their probabilities."""
    lines = run('fill-mask', '--model', model, '--json', '--top-k', 5, '--', *sentences).splitlines()
    return [json.loads(line)['masks'][0] for line in lines]


def compare(name, folder, model, tokenizer, sentences):
    worst = 0.
    for sentence, guess in zip(sentences, guesses(folder, sentences), strict=True):
        inputs = tokenizer(sentence, return_tensors='pt')
        with torch.no_grad():
            output = model.float()(**inputs)
        logits = output.logits if hasattr(output, 'logits') else output.prediction_logits
        at = (inputs['input_ids'][0] == tokenizer.mask_token_id).nonzero()[0, 0]
        expected = logits[0, at].log_softmax(-1)
        worst = max(worst, *(abs(expected[one['id']].item() - math.log(one['probability'])) for one in guess))
    say(name, worst <= ALLOWED, f'log-probabilities {worst:.1e} apart on {len(sentences)} sentences')


def masked(lines):
    """Sentences of at most 24 words with one word masked."""
    words = [line.split()[:24] for line in lines if len(line.split()) > 6]
    return [' '.join(word if place != 3 else '[MASK]' for place, word in enumerate(line)) for line in words]


with tempfile.TemporaryDirectory() as work:
    work, lines = pathlib.Path(work), lines_of_text()
    sentences = masked(lines)[:40]

    # 1. Tokenizers.
    base = BertTokenizer(str(args.vocab))
    plain = work / 'plain'
    base.save_pretrained(plain)
    makes = {'vocab.txt alone': dict(keep=[], config=None), 'saved by transformers': dict(keep=None, config=None)}
    for name, changes in {'do_lower_case false': dict(do_lower_case=False), 'strip_accents false': dict(strip_accents=False),
                          'tokenize_chinese_chars false': dict(tokenize_chinese_chars=False)}.items():
        makes[name] = dict(keep=None, config=changes)
    for name, make in makes.items():
        folder = work / name.replace(' ', '-')
        folder.mkdir()
        if make['keep'] is None:
            for file in plain.iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
        else:
            (folder / 'vocab.txt').write_bytes(args.vocab.read_bytes())
        config = folder / 'tokenizer_config.json'
        if make['config']:
            config.write_text(json.dumps({**json.loads(config.read_text()), **make['config']}))
        (folder / 'config.json').write_text('{"model_type": "bert"}')
        theirs = AutoTokenizer.from_pretrained(folder)
        expected = [theirs(line)['input_ids'] for line in lines]
        (work / 'lines.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
        said = run('tokenizer', 'encode', '--tokenizer', folder, work / 'lines.txt').splitlines()
        found = [list(map(int, line.split())) for line in said]
        different = sum(one != other for one, other in zip(expected, found, strict=True))
        say(f'ids, {name}', different == 0, f'{different} of {len(lines)} lines differ')

    # 2. Checkpoints of transformers.
    torch.manual_seed(0)
    size = dict(vocab_size=len(base), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
                initializer_range=0.2)
    for name, kind, more, saved in [
        ('BertForMaskedLM', BertForMaskedLM, {}, {}),
        ('BertForPreTraining', BertForPreTraining, {}, {}),
        ('BertForMaskedLM, untied', BertForMaskedLM, dict(tie_word_embeddings=False), {}),
        ('BertForPreTraining, untied', BertForPreTraining, dict(tie_word_embeddings=False), {}),
        ('BertForMaskedLM, shards', BertForMaskedLM, {}, dict(max_shard_size='2MB')),
        ('BertForMaskedLM, bf16', BertForMaskedLM, dict(dtype=torch.bfloat16), {}),
    ]:
        dtype = more.pop('dtype', None)
        model = kind(BertConfig(**size, **more)).eval()
        if dtype:
            model = model.to(dtype)
        folder = work / name.replace(' ', '-')
        model.save_pretrained(folder, **saved)
        base.save_pretrained(folder)
        compare(name, folder, model, base, sentences)

    # 3. Fine-tuned heads.
    data = work / 'glue'
    pairs = [(one, other) for one, other in zip(sentences, sentences[1:] + sentences[:1])]
    pairs = [(one.replace('[MASK]', 'word'), other.replace('[MASK]', 'word')) for one, other in pairs]
    for name, task, folder, heading, texts, more in [
        ('BertForSequenceClassification, classes', 'sst2', 'SST-2', 'index\tsentence', [(one,) for one, _ in pairs],
         dict(num_labels=2, id2label={0: 'negative', 1: 'positive'}, label2id={'negative': 0, 'positive': 1})),
        ('BertForSequenceClassification, a score', 'stsb', 'STS-B', 'index\tsentence1\tsentence2', pairs,
         dict(num_labels=1, problem_type='regression')),
    ]:
        (data / folder).mkdir(parents=True)
        rows = ['\t'.join([str(number), *row]) for number, row in enumerate(texts)]
        (data / folder / 'test.tsv').write_text('\n'.join([heading, *rows]) + '\n', encoding='utf-8')
        model = BertForSequenceClassification(BertConfig(**size, **more)).eval()
        with torch.no_grad():
            model.classifier.weight.mul_(5.)
            model.classifier.bias.add_(2. if task == 'stsb' else 0.)
        place = work / task
        model.save_pretrained(place)
        base.save_pretrained(place)
        run('predict', '--task', task, '--model', place, '--data-dir', data, '--out', work / 'answers')
        found = [line.split('\t')[1] for line in (work / 'answers' / f'{folder}.tsv').read_text().splitlines()[1:]]
        with torch.no_grad():
            logits = [model(**base(*row, return_tensors='pt', truncation=True, max_length=128)).logits[0] for row in texts]
        if task == 'sst2':
            different = sum(int(one) != other.argmax().item() for one, other in zip(found, logits, strict=True))
            say(name, different == 0, f'{different} of {len(texts)} classes differ')
        else:
            worst = max(abs(float(one) - min(max(other.item(), 0.), 5.)) for one, other in zip(found, logits, strict=True))
            say(name, worst <= 1e-3, f'scores {worst:.1e} apart on {len(texts)} pairs')

    # 4. A checkpoint of ours.
    (work / 'text.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    run('pretrain', '--source', work / 'text.txt', '--out', work / 'run', '--max-steps', 20, '--set', 'documents=per_line',
        'model.type=bert', 'optimizer=adamw', 'lr=1e-3', 'vocab_size=2000', 'batch_size=8', 'eval_sequences=8',
        'model.max_position_embeddings=128', 'held_out=0.1')
    last = work / 'run' / 'last'
    compare('ours in AutoModelForMaskedLM', last, AutoModelForMaskedLM.from_pretrained(last).eval(),
            AutoTokenizer.from_pretrained(last), sentences)

sys.exit(f'{len(failed)} differ: {", ".join(failed)}' if failed else 0)
