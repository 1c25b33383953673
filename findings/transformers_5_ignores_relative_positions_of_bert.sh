#!/usr/bin/env bash
# transformers 5.24.0 takes a BERT with relative positions for one with absolute positions.
#
# Guess:     `position_embedding_type: "relative_key"` in a BERT's config.json, with which transformers 4 wrote and read checkpoints that
#            have a table of distances in each layer, is followed or refused.
# Behaviour: no such table is made, whatever the key says, and no value of the key is refused. A checkpoint that has the tables loads:
#            they are among the unexpected keys of `output_loading_info`, and the model computes what it would with absolute positions.
# Seen:      relative_key: 0 tables of distances, the outputs of absolute
#            no such kind: 0 tables of distances, the outputs of absolute
#            checkpoint: 2 unexpected keys, no error
# Versions:  transformers 5.24.0, torch 2.15.0, safetensors 0.8.0; CPython 3.11, Linux, x86-64.
#
# Needs python3 with venv. Installs several gigabytes (PyTorch) in a temporary folder. Fails if the behaviour changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6
cd "$work"
CUDA_VISIBLE_DEVICES='' TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PYTHON'
import json, pathlib, sys
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

SIZES = dict(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=16)
ids = torch.arange(12)[None]


def outputs(model):
    with torch.no_grad():
        return model.eval()(ids).last_hidden_state


def model(kind):
    torch.manual_seed(0)
    return BertModel(BertConfig(position_embedding_type=kind, **SIZES))


absolute, failed = outputs(model('absolute')), []
for kind in ['relative_key', 'no such kind']:
    found = model(kind)
    tables = [name for name, _ in found.named_parameters() if 'distance' in name]
    same = torch.equal(outputs(found), absolute)
    print(f'{kind}: {len(tables)} tables of distances, {"the outputs of absolute" if same else "other outputs"}')
    if tables or not same:
        failed.append(kind)

folder = pathlib.Path('checkpoint')
model('absolute').save_pretrained(folder)
tensors = load_file(folder / 'model.safetensors')
for layer in range(2):
    tensors[f'encoder.layer.{layer}.attention.self.distance_embedding.weight'] = torch.ones(31, 16)
save_file(tensors, folder / 'model.safetensors', metadata={'format': 'pt'})
config = json.loads((folder / 'config.json').read_text())
(folder / 'config.json').write_text(json.dumps({**config, 'position_embedding_type': 'relative_key'}))
loaded, told = BertModel.from_pretrained(folder, output_loading_info=True)
print(f'checkpoint: {len(told["unexpected_keys"])} unexpected keys, no error')
if len(told['unexpected_keys']) != 2 or not torch.equal(outputs(loaded), absolute):
    failed.append('checkpoint')
sys.exit(f'changed: {", ".join(failed)}' if failed else 0)
PYTHON
