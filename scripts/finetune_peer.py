#!/usr/bin/env python3
"""Fine-tunes a BERT checkpoint with transformers' Trainer on a GLUE task: the peer of `sibert finetune`.

    V/bin/python scripts/finetune_peer.py --model DIR --data-dir GLUE --task mrpc --seeds 0 1 2 --json OUT

V is a virtual environment with torch, transformers, accelerate, scikit-learn and scipy; GLUE holds the official folders.
The settings are those of `sibert finetune`: AdamW with bias correction, linear warm-up and decay, gradients clipped to norm 1,
no weight decay of biases and layer norms, batches of similar length padded to the longest, evaluation after each epoch, and
the best epoch by the mean of the task's figures. Each seed appends a JSON object to OUT. Seeds that OUT has with the same
settings are skipped.
"""
import argparse, json, math, os, pathlib, resource, tempfile, time

os.environ.setdefault('CUDA_VISIBLE_DEVICES', '')
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument('--model', required=True)
parser.add_argument('--data-dir', required=True, type=pathlib.Path)
parser.add_argument('--task', required=True, choices=['cola', 'sst2', 'mrpc', 'stsb', 'qnli', 'mnli'])
parser.add_argument('--seeds', type=int, nargs='+', default=[0])
parser.add_argument('--lr', type=float, default=1e-4)
parser.add_argument('--epochs', type=int, default=3)
parser.add_argument('--batch-size', type=int, default=32)
parser.add_argument('--max-seq-len', type=int, default=128)
parser.add_argument('--warmup', type=float, default=0.1)
parser.add_argument('--weight-decay', type=float, default=0.01)
parser.add_argument('--train-rows', type=int)
parser.add_argument('--threads', type=int, default=os.cpu_count())
parser.add_argument('--bf16', action='store_true', help="the Trainer's bf16=True")
parser.add_argument('--json', required=True, type=pathlib.Path)
args = parser.parse_args()

import numpy, scipy.stats, sklearn.metrics, torch, transformers

# Folder, column of the label, columns of the texts, whether train.tsv and dev.tsv have a header, labels in the hub's order.
TASKS = {
    'cola': ('CoLA', 1, [3], False, ['0', '1']),
    'sst2': ('SST-2', 1, [0], True, ['0', '1']),
    'mrpc': ('MRPC', 0, [3, 4], True, ['0', '1']),
    'stsb': ('STS-B', -1, [7, 8], True, None),
    'qnli': ('QNLI', -1, [1, 2], True, ['entailment', 'not_entailment']),
    'mnli': ('MNLI', -1, [8, 9], True, ['entailment', 'neutral', 'contradiction']),
}
folder, label_column, text_columns, header, labels = TASKS[args.task]


def read(name, rows=None):
    lines = (args.data_dir / folder / name).read_text(encoding='utf-8-sig').split('\n')
    cells = [line.rstrip('\r').split('\t') for line in lines[header:] if line][:rows]
    value = float if labels is None else labels.index
    return [[row[i] for i in text_columns] for row in cells], [value(row[label_column]) for row in cells]


def figures(predicted, actual):
    if args.task == 'stsb':
        predicted, actual = numpy.float32(predicted), numpy.float32(actual)
        return {'pearson': scipy.stats.pearsonr(predicted, actual)[0], 'spearman': scipy.stats.spearmanr(predicted, actual)[0]}
    if args.task == 'cola':
        return {'matthews': sklearn.metrics.matthews_corrcoef(actual, predicted)}
    found = {'accuracy': sklearn.metrics.accuracy_score(actual, predicted)}
    return found | ({'f1': sklearn.metrics.f1_score(actual, predicted)} if args.task == 'mrpc' else {})


class Rows(torch.utils.data.Dataset):
    def __init__(self, texts, targets):
        self.rows = tokenizer(*map(list, zip(*texts)), truncation=True, max_length=args.max_seq_len)
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return {key: values[index] for key, values in self.rows.items()} | {'labels': self.targets[index]}


class Clock(transformers.TrainerCallback):
    """Seconds of training without evaluation, and the figures of each epoch."""

    def __init__(self):
        self.seconds, self.epochs, self.began = 0., [], None

    def on_epoch_begin(self, *_, **__):
        self.began = time.perf_counter()

    def on_epoch_end(self, *_, **__):
        self.seconds += time.perf_counter() - self.began

    def on_evaluate(self, *_, metrics, **__):
        self.epochs.append({key.removeprefix('eval_'): value for key, value in metrics.items()})
        print(self.epochs[-1], flush=True)


def train(seed):
    transformers.set_seed(seed)
    count = 1 if labels is None else len(labels)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=count)
    steps = math.ceil(len(train_rows) / args.batch_size) * args.epochs
    settings = transformers.TrainingArguments(
        output_dir=tempfile.gettempdir(), use_cpu=True, bf16=args.bf16, seed=seed, report_to='none', save_strategy='no',
        disable_tqdm=True, eval_strategy='epoch', logging_strategy='no', num_train_epochs=args.epochs, learning_rate=args.lr,
        per_device_train_batch_size=args.batch_size, per_device_eval_batch_size=args.batch_size,
        warmup_steps=round(args.warmup * steps), lr_scheduler_type='linear', weight_decay=args.weight_decay,
        max_grad_norm=1., adam_epsilon=1e-6, train_sampling_strategy='group_by_length')
    clock = Clock()

    def metrics(evaluation):
        logits = evaluation.predictions
        return figures(logits[:, 0] if labels is None else logits.argmax(-1), evaluation.label_ids)

    trainer = transformers.Trainer(
        model=model, args=settings, train_dataset=train_rows, eval_dataset=dev_rows, compute_metrics=metrics,
        data_collator=transformers.DataCollatorWithPadding(tokenizer), callbacks=[clock])
    trainer.train()
    names = list(figures([0, 1], [0, 1]))
    best = max(clock.epochs, key=lambda epoch: sum(epoch[name] for name in names))
    return {
        'figures': {name: best[name] for name in names}, 'best_epoch': 1 + clock.epochs.index(best), 'seconds': clock.seconds,
        'samples_per_second': len(train_rows) * args.epochs / clock.seconds,
        'peak_memory_bytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


torch.set_num_threads(args.threads)
settings = {key: value for key, value in vars(args).items() if key not in ('seeds', 'json', 'data_dir', 'model')}
known = [json.loads(line) for line in args.json.read_text().splitlines()] if args.json.exists() else []
done = {entry['seed'] for entry in known if entry['settings'] == settings}
tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
train_rows, dev_rows = Rows(*read('train.tsv', args.train_rows)), Rows(*read('dev_matched.tsv' if args.task == 'mnli' else 'dev.tsv'))
versions = {'torch': torch.__version__, 'transformers': transformers.__version__}
for seed in args.seeds:
    if seed not in done:
        entry = {'task': args.task, 'seed': seed, **train(seed), 'settings': settings, 'versions': versions}
        with args.json.open('a') as out:
            print(json.dumps(entry), file=out)
        print(json.dumps(entry), flush=True)
