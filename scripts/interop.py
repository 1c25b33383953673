#!/usr/bin/env python3
"""Opens transformers' checkpoints in `sibert` and ours in transformers, and compares ids and logits.

    V/bin/python scripts/interop.py --sibert target/release/sibert --vocab vocab.txt --text TEXT

V is a virtual environment with torch and transformers; `--vocab` is BERT's vocab.txt, TEXT a file of real text. Four parts:

1. Token ids of 1,000 lines of TEXT, by `sibert tokenizer encode` and by AutoTokenizer, for each kind of tokenizer files.
2. Small random BERTs with every kind of masked-language-model head, saved by transformers as f32, bf16, shards and untied. The
   log-probabilities of `sibert fill-mask --json` on sentences of TEXT must be within 1e-4 of transformers' own.
3. Fine-tuned heads of transformers, for classes and for scores: `sibert predict` must give the same classes, and scores within 1e-3.
4. A BERT from `sibert pretrain`, opened by AutoModelForMaskedLM and AutoTokenizer: log-probabilities within 1e-4. One with rotary
   positions, which BERT of transformers has not, in RoFormer, whose heads pair other columns: its queries and keys in their order.
5. SIBERTs of both kinds of attention, positions and decoders, opened with the code in their folders (trust_remote_code): on padded batches of
   masked sentences, the logits of the example `gradients` within 1e-5, and its gradient of every parameter within 1e-4 (of its norm)
   of that in f64. The norm, because ReLU has kinks: a value that rounds to the other side of zero changes single numbers by more; `pipeline("fill-mask")` gives the guesses of `sibert fill-mask`; a head for classes trains there.
6. A SIBERT that `sibert finetune` gave classes, opened by AutoModelForSequenceClassification: the same classes as `sibert predict`.
   Others with labels of words, and with several labels of a text, whose parameters transformers finds all.
7. ONNX files of `sibert export` (encoder, masked words, classes; SIBERT and BERT), run by onnxruntime on padded batches of two sizes:
   within 1e-4 of transformers' model. One of them has ReLU attention with a row of zeros. Needs the package onnxruntime.
8. Vectors of `sibert embed` beside those of sentence-transformers for the same encoder, within 1e-5. Needs sentence-transformers.

Prints a line for each and exits with 1 if one differs. Takes about three minutes. Part 5 needs `--gradients`, the example's
program: `cargo build --release -p sibert-model --example gradients`.
"""
import argparse, json, math, os, pathlib, shutil, subprocess, sys, tempfile

os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--sibert', required=True, type=pathlib.Path)
parser.add_argument('--gradients', type=pathlib.Path, help='the example `gradients` of sibert-model')
parser.add_argument('--vocab', required=True, type=pathlib.Path)
parser.add_argument('--text', required=True, type=pathlib.Path)
parser.add_argument('--lines', type=int, default=1000)
args = parser.parse_args()

import numpy, torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification,
                          AutoTokenizer, BertConfig, BertForMaskedLM, BertForPreTraining, BertForSequenceClassification,
                          BertTokenizer, RoFormerConfig, RoFormerForMaskedLM, pipeline)

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


def pretrained(name, *settings):
    """A small model after twenty steps on the text; its folder."""
    run('pretrain', '--source', work / 'text.txt', '--out', work / name, '--max-steps', 20, '--set', 'documents=per_line',
        'vocab_size=2000', 'batch_size=8', 'eval_sequences=8', 'model.max_position_embeddings=128', 'held_out=0.1', *settings)
    return work / name / 'last'


def roformer(folder):
    """The BERT with rotary positions of a folder: RoFormer turns neighbouring columns, and ours are half a head apart."""
    told = json.loads((folder / 'config.json').read_text())
    kept = ['vocab_size', 'hidden_size', 'num_hidden_layers', 'num_attention_heads', 'intermediate_size', 'max_position_embeddings',
            'type_vocab_size', 'layer_norm_eps', 'pad_token_id']
    model = RoFormerForMaskedLM(RoFormerConfig(hidden_act='gelu', **{key: told[key] for key in kept})).eval()
    width = told['hidden_size'] // told['num_attention_heads']
    pairs = torch.arange(told['hidden_size']).view(-1, 2, width // 2).transpose(1, 2).flatten()
    tensors = {}
    for name, tensor in load_file(folder / 'model.safetensors').items():
        turned = '.query.' in name or '.key.' in name
        tensors[name.replace('bert.', 'roformer.', 1)] = tensor[pairs] if turned else tensor
    found = model.load_state_dict(tensors, strict=False)
    tables = [name for name in found.missing_keys if 'embed_positions' not in name and 'decoder' not in name]
    assert not tables and not found.unexpected_keys, found
    model.tie_weights()
    return model


def compare_gradients(name, folder, model, tokenizer, sentences):
    """Logits at the masks, and the gradient of each parameter, for a padded batch."""
    inputs = tokenizer(sentences, return_tensors='pt', padding=True)
    ids = inputs['input_ids']
    positions = (ids == tokenizer.mask_token_id).flatten().nonzero().flatten()
    labels = 100 + torch.arange(len(positions)) % 500
    batch = {**inputs, 'positions': positions, 'labels': labels}
    save_file({name: tensor.to(torch.uint32) for name, tensor in batch.items()}, work / 'batch.safetensors')
    subprocess.run([args.gradients.resolve(), folder, work / 'batch.safetensors', work / 'out.safetensors'], check=True)
    ours = load_file(work / 'out.safetensors')
    targets = torch.full((ids.numel(),), -100)
    targets[positions] = labels
    found = {}
    for dtype in (torch.float64, torch.float32):
        output = model.to(dtype)(**inputs, labels=targets.view_as(ids))
        model.zero_grad()
        output.loss.backward()
        found[dtype] = {name: parameter.grad.double() for name, parameter in model.named_parameters()}
    apart = (output.logits.flatten(0, 1)[positions] - ours.pop('logits')).abs().max().item()
    say(f'{name}: logits', apart <= 1e-5, f'{apart:.1e} apart')
    exact, theirs = found.values()
    missing = set(exact) ^ set(ours)
    worst = lambda those: max(((those[name].double() - exact[name]).norm() / exact[name].norm()).item() for name in ours)
    say(f'{name}: gradients', not missing and worst(ours) <= ALLOWED,
        f'{worst(ours):.1e} from those in f64 (PyTorch in f32: {worst(theirs):.1e}), {len(ours)} parameters' + ''.join(missing))


def compare_pipeline(name, folder, sentences):
    fill = pipeline('fill-mask', model=str(folder), trust_remote_code=True, top_k=5)
    theirs = [[one['token'] for one in guess] for guess in fill(sentences)]
    ours = [[one['id'] for one in guess] for guess in guesses(folder, sentences)]
    different = sum(one != other for one, other in zip(ours, theirs, strict=True))
    say(f'{name}: pipeline("fill-mask")', different == 0, f'{different} of {len(sentences)} sentences differ')


def compare_onnx(name, part, folder, model, tokenizer, batches):
    """Every output of the exported file, for batches of several sizes."""
    try:
        import onnxruntime
    except ImportError:
        print(f'not run {name}, ONNX {part}: the package onnxruntime is not there')
        return
    run('export', '--model', folder, '--part', part, '--out', work / 'model.onnx')
    session = onnxruntime.InferenceSession(work / 'model.onnx', providers=['CPUExecutionProvider'])
    worst = 0.
    for inputs in batches:
        found = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        with torch.no_grad():
            expected = model.float().eval()(**inputs)[0]
        keep = inputs['attention_mask'].bool() if part != 'task' else slice(None)
        worst = max(worst, abs(found[0] - expected.numpy())[keep].max())
    say(f'{name}: ONNX {part}', worst <= ALLOWED, f'{worst:.1e} apart in {len(batches)} batches')


def compare_task(name, kind, last, *options):
    """A model of one's own labels: transformers finds every parameter, and ONNX gives its outputs."""
    run('finetune', '--model', last, '--epochs', 2, '--out', work / name, *options)
    model, loaded = kind.from_pretrained(work / name, trust_remote_code=True, output_loading_info=True)
    strange = {key: names for key, names in loaded.items() if names}
    say(f'{kind.__name__}, {name}', not strange, f'{model.config.problem_type or "words"}, {len(model.config.id2label)} labels {strange or ""}')
    tokenizer = AutoTokenizer.from_pretrained(work / name, trust_remote_code=True)
    batches = [dict(tokenizer(['Mira Holt moved to Bern .', 'The parcel is late.'], return_tensors='pt', padding=True))]
    compare_onnx(name, 'task', work / name, model, tokenizer, batches)


def without_attention(folder):
    """The same checkpoint with queries opposite to the keys: where a text is one token, no score is positive."""
    place = folder.parent.parent / 'zeros'
    shutil.copytree(folder, place, ignore=lambda *_: ['training_state'])
    tensors = load_file(place / 'model.safetensors')
    for name in [name for name in tensors if 'attention.self.query' in name]:
        tensors[name] = -tensors[name.replace('query', 'key')]
    save_file(tensors, place / 'model.safetensors', metadata={'format': 'pt'})
    return place


def compare_vectors(folder, sentences):
    try:
        from sentence_transformers import SentenceTransformer, models
    except ImportError:
        print('not run embed: the package sentence-transformers is not there')
        return
    for pooling in ['mean', 'cls']:
        parts = [models.Transformer(str(folder)), models.Pooling(64, pooling), models.Normalize()]
        theirs = SentenceTransformer(modules=parts, device='cpu').encode(sentences)
        (work / 'texts.txt').write_text('\n'.join(sentences) + '\n', encoding='utf-8')
        run('embed', '--model', folder, '--input', work / 'texts.txt', '--pooling', pooling, '--normalize', '--out', work / 'v.npy')
        apart = abs(numpy.load(work / 'v.npy') - theirs).max()
        say(f'embed, {pooling}', apart <= 1e-5, f'{apart:.1e} from sentence-transformers for {len(sentences)} texts')


def trains(name, folder, tokenizer, sentences):
    """A head for three classes of its own learns eight sentences by heart."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True, num_labels=3)
    inputs, labels = tokenizer(sentences[:8], return_tensors='pt', padding=True), torch.arange(8) % 3
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=2e-3)
    for _ in range(60):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    say(f'{name}: trains in PyTorch', loss.item() < 0.1, f'loss {loss.item():.4f} after 60 steps')


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
    last = pretrained('bert', 'model.type=bert', 'optimizer=adamw', 'lr=1e-3')
    compare('ours in AutoModelForMaskedLM', last, AutoModelForMaskedLM.from_pretrained(last).eval(),
            AutoTokenizer.from_pretrained(last), sentences)

    last = pretrained('rotary', 'model.type=bert', 'optimizer=adamw', 'lr=1e-3', 'model.position_embedding_type=rotary')
    compare('ours with rotary positions in RoFormer', last, roformer(last), BertTokenizer.from_pretrained(last), sentences)

    # 5. SIBERT, by the code in its folder.
    for attention, positions, tied in [('relu', 'absolute', 'false'), ('normalized', 'rotary', 'true'), ('normalized', 'rotary', 'false')]:
        name = f'SIBERT, {attention}, {positions}' + (', tied' if tied == 'true' else '')
        last = pretrained(f'{attention}-{tied}', f'model.attention={attention}', f'model.position_embedding_type={positions}',
                          f'model.tie_word_embeddings={tied}')
        tokenizer = AutoTokenizer.from_pretrained(last, trust_remote_code=True)
        model = AutoModelForMaskedLM.from_pretrained(last, trust_remote_code=True).eval()
        if args.gradients:
            compare_gradients(name, last, model, tokenizer, sentences)
        else:
            print(f'not run {name}: logits and gradients, without --gradients')
        compare_pipeline(name, last, sentences)
        batches = [dict(tokenizer(sentences[:many], return_tensors='pt', padding=True)) for many in (1, 9)]
        compare_onnx(name, 'masked-lm', last, model, tokenizer, batches)
        compare_onnx(name, 'encoder', last, AutoModel.from_pretrained(last, trust_remote_code=True), tokenizer, batches)
        if attention == 'relu':
            batches[0]['attention_mask'][:, 1:] = 0  # then the first token sees itself alone
            zeros = without_attention(last)
            model = AutoModel.from_pretrained(zeros, trust_remote_code=True)
            compare_onnx(f'{name}, a row of zeros', 'encoder', zeros, model, tokenizer, batches)
        trains(name, last, tokenizer, sentences)

    # 6. A task of SIBERT.
    rows = [f'{number}\t{one}' for number, (one, _) in enumerate(pairs)]
    (data / 'SST-2' / 'test.tsv').write_text('\n'.join(['index\tsentence', *rows]) + '\n', encoding='utf-8')
    labelled = [f'{one}\t{number % 2}' for number, (one, _) in enumerate(pairs)]
    for split in ['train', 'dev']:
        (data / 'SST-2' / f'{split}.tsv').write_text('\n'.join(['sentence\tlabel', *labelled]) + '\n', encoding='utf-8')
    run('finetune', '--task', 'sst2', '--model', last, '--data-dir', data, '--epochs', 2, '--out', work / 'tuned')
    run('predict', '--task', 'sst2', '--model', work / 'tuned', '--data-dir', data, '--out', work / 'answers')
    found = [line.split('\t')[1] for line in (work / 'answers' / 'SST-2.tsv').read_text().splitlines()[1:]]
    model = AutoModelForSequenceClassification.from_pretrained(work / 'tuned', trust_remote_code=True).eval()
    with torch.no_grad():
        logits = [model(**tokenizer(one, return_tensors='pt')).logits[0] for one, _ in pairs]
    different = sum(int(one) != other.argmax().item() for one, other in zip(found, logits, strict=True))
    say('SibertForSequenceClassification', different == 0, f'{different} of {len(logits)} classes differ')
    batches = [dict(tokenizer([one for one, _ in pairs[:many]], return_tensors='pt', padding=True)) for many in (1, 9)]
    compare_onnx('SibertForSequenceClassification', 'task', work / 'tuned', model, tokenizer, batches)

    examples = pathlib.Path(__file__).resolve().parents[1] / 'docs' / 'examples'
    compare_task('entities', AutoModelForTokenClassification, last, '--train', examples / 'entities.conll', '--validation',
                 examples / 'entities-dev.conll')
    compare_task('labels', AutoModelForSequenceClassification, last, '--train', examples / 'messages.csv', '--test-split', 0.2,
                 '--text', 'text', '--label', 'topic', '--kind', 'labels')

    # 7. and 8. BERT.
    batches = [dict(base(sentences[:many], return_tensors='pt', padding=True)) for many in (1, 9)]
    for kind, folder, part in [(AutoModelForMaskedLM, 'BertForMaskedLM', 'masked-lm'),
                               (AutoModelForMaskedLM, 'BertForMaskedLM,-untied', 'masked-lm'),
                               (AutoModelForSequenceClassification, 'sst2', 'task'), (AutoModel, 'BertForMaskedLM', 'encoder')]:
        compare_onnx(folder, part, work / folder, kind.from_pretrained(work / folder), base, batches)
    compare_vectors(work / 'BertForMaskedLM', [one for one, _ in pairs])

sys.exit(f'{len(failed)} differ: {", ".join(failed)}' if failed else 0)
