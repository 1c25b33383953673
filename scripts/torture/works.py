"""The small inputs, and the commands that write folders: how each starts and how it is resumed."""
import json, os
from dataclasses import dataclass

ANIMALS = ['cat', 'dog', 'horse', 'bird', 'fish', 'mouse']
PLACES = ['house', 'river', 'garden', 'forest', 'city']
CONFIG = '''source = ["text.txt"]
documents = "per_line"
held_out = 0.2
vocab_size = 120
seq_len = 16
max_steps = 48
batch_size = 8
accumulation_steps = 2
lr = 8e-4
budget = 8
out = "run"
log_every = 3
eval_every = 5
eval_sequences = 4
save_every = 4
keep_last = 3

[model]
hidden_size = 16
num_attention_heads = 2
intermediate_size = 32
max_position_embeddings = 32
'''
SWEEP = '''
[sweep]
vary = ["init_scale=0.5,2"]
'''


@dataclass(frozen=True)
class Work:
    """A command that writes the folder `out` from `inputs`, and can be resumed."""
    name: str
    inputs: tuple
    out: str
    begin: tuple
    resume: tuple = None  # none: the same command again
    begun: str = ''  # the file in `out` by which a run can be resumed

    def command(self, folder):
        begun = self.resume and os.path.exists(os.path.join(folder, self.out, self.begun))
        return list(self.resume if begun else self.begin)


FINETUNE = ('--model', 'model', '--data-dir', 'glue', '--batch-size', '8', '--evaluations', '2', '--threads', '1', '--lr', '1e-2')
WORKS = {work.name: work for work in [
    Work('pretrain', ('text.txt', 'small.toml'), 'run', ('pretrain', '--config', 'small.toml', '--threads', '1'),
         ('pretrain', '--out', 'run', '--resume'), 'config.toml'),
    Work('pretrain --init', ('text.txt', 'model'), 'more',
         ('pretrain', '--init', 'model', '--source', 'text.txt', '--max-steps', '24', '--batch-size', '8', '--threads', '1',
          '--out', 'more', '--set', 'documents=per_line', 'held_out=0.2', 'eval_sequences=4', 'eval_every=6', 'save_every=4',
          'seq_len=16'),
         ('pretrain', '--out', 'more', '--resume'), 'config.toml'),
    Work('finetune', ('model', 'glue'), 'tuned',
         ('finetune', '--task', 'cola', '--out', 'tuned', '--epochs', '8', '--seeds', '2', *FINETUNE),
         ('finetune', '--task', 'cola', '--out', 'tuned', '--epochs', '8', '--seeds', '2', *FINETUNE, '--resume'), 'settings.json'),
    Work('prepare', ('long.txt',), 'shards', ('prepare', '--source', 'long.txt', '--documents', 'per_line', '--vocab-size', '120',
                                              '--held-out', '0.2', '--shard-tokens', '2000', '--threads', '1', '--out', 'shards')),
    Work('sweep', ('text.txt', 'sweep.toml'), 'sweep', ('sweep', 'sweep.toml', '--max-steps', '12', '--threads', '1', '--jobs', '2',
                                                        '--out', 'sweep')),
]}


def sentence(animal, place):
    return f'The {animal} lives near the {place}, and the {place} likes the {animal}.'


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8', newline='') as file:
        file.write(text)


def write_inputs(folder, examples):
    """Text, configs, and the data of CoLA (the example of the repository), STS-B and SQuAD."""
    pairs = [(animal, place) for animal in ANIMALS for place in PLACES]
    lines = [sentence(*pair) + '\n' for pair in pairs]
    write(folder, 'text.txt', ''.join(lines))
    write(folder, 'long.txt', ''.join(f'{count}. {line}' for count in range(20) for line in lines))
    write(folder, 'small.toml', CONFIG)
    # The runs of a killed sweep save where they are: with one checkpoint kept, no other goes for it.
    write(folder, 'sweep.toml', CONFIG.replace('out = "run"\n', '').replace('keep_last = 3', 'keep_last = 1') + SWEEP)
    for split in ['train', 'dev', 'test']:
        with open(os.path.join(examples, 'glue', 'CoLA', f'{split}.tsv'), encoding='utf-8') as file:
            write(folder, f'glue/CoLA/{split}.tsv', file.read())
        write(folder, f'glue/STS-B/{split}.tsv', similarity(pairs, split != 'test'))
    for split in ['train', 'dev']:
        write(folder, f'squad/{split}-v2.0.json', questions(pairs))
    write(folder, 'answers.json', json.dumps({f'q{i}': pair[1] for i, pair in enumerate(pairs)}))
    write(folder, 'odds.json', json.dumps({f'q{i}': i / 40 for i in range(len(pairs))}))


def similarity(pairs, labelled):
    head = 'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2' + '\tscore' * labelled
    rows = [head]
    for i, (animal, place) in enumerate(pairs):
        score = f'\t{i % 11 / 2:.3f}' * labelled
        rows.append(f'{i}\tg\tf\ty\to\ts\ts\tThe {animal} lives near the {place}.\tThe {PLACES[i % 5]} likes the {ANIMALS[i % 6]}.{score}')
    return '\n'.join(rows) + '\n'


def questions(pairs):
    def paragraph(i, animal, place):
        context, no_answer = sentence(animal, place), i % 3 == 0
        answers = [] if no_answer else [{'text': place, 'answer_start': context.index(place)}]
        question = f'The {ANIMALS[(i + 1) % 6] if no_answer else animal} lives near?'
        return {'context': context, 'qas': [{'id': f'q{i}', 'question': question, 'answers': answers, 'is_impossible': no_answer}]}
    paragraphs = [paragraph(i, *pair) for i, pair in enumerate(pairs)]
    return json.dumps({'version': 'v2.0', 'data': [{'title': 'Animals', 'paragraphs': paragraphs}]})
