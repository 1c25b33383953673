#!/usr/bin/env bash
# Runs bfloat16 in AMX tiles on an emulated Sapphire Rapids (scripts/amx_machine.py): the tests of the tiles against their
# emulator, on one thread and on two, the tests of vdpbf16ps, and a training in tiles, which must end with the bytes of the same
# training in the emulator, on two threads, and of one that was begun in tiles and resumed in the emulator.
#
#   scripts/check_amx.sh SIBERT TESTS [OPTIONS]    TESTS is the test program of sibert-products, OPTIONS are those of amx_machine.py
#
# `just amx` builds both. Takes many minutes of one core.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8p' "$0" | cut -c3- >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1" "$work/sibert"
cp "$2" "$work/tests"
shift 2
strip --strip-debug "$work/sibert" "$work/tests"

for animal in cat dog horse bird fish mouse; do
    for place in house river garden forest city; do
        echo "The $animal lives near the $place, and the $place likes the $animal."
    done
done >"$work/text.txt"
cat >"$work/run.toml" <<'TOML'
source = ["text.txt"]
documents = "per_line"
held_out = 0.2
vocab_size = 120
seq_len = 16
max_steps = 4
batch_size = 8
lr = 8e-4
budget = 8
log_every = 1
eval_every = 2
eval_sequences = 4
save_every = 2

[model]
hidden_size = 64
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 128
max_position_embeddings = 32
TOML
cat >"$work/job" <<'JOB'
set -e
export TMPDIR=/tmp
./sibert devices | grep "^bf16 *AMX tiles:" # or all that follows would show nothing
./tests --nocapture --test-threads 1 bf16::amx
./tests --nocapture --test-threads 2 bf16::amx
./tests --test-threads 1 bf16::tests::nan bf16::tests::parts bf16::tests::together::a_result bf16::tests::together::operands # also by vdpbf16ps
train() { # FOLDER WAY THREADS OPTION...: until the last checkpoint is there; the pictures behind it would take minutes
    out=$1 way=$2 threads=$3
    shift 3
    echo "training in $out: SIBERT_BF16=$way, $threads thread(s)"
    SIBERT_BF16=$way ./sibert pretrain "$@" --no-tensorboard --out $out --threads $threads >log 2>&1 &
    until [ -e $out/checkpoint-000004 ]; do
        kill -0 $! 2>/dev/null || { cat log; exit 1; }
        sleep 1
    done
    kill -9 $!
    rm -f $out/.lock
}
same() { # FOLDER
    for file in model.safetensors training_state/optimizer.safetensors; do
        cmp "tiles/checkpoint-000004/$file" "$1/checkpoint-000004/$file"
    done
    echo "$1: the bytes of the training in tiles"
}
new="--config run.toml --precision bf16"
train tiles tiles 1 $new
train two-threads tiles 2 $new
same two-threads
train emulated emulated-tiles 1 $new
same emulated
cp -r tiles resumed
rm -r resumed/checkpoint-000004
train resumed emulated-tiles 1 --resume
same resumed
if grep SIBERT_BF16 log; then exit 1; fi
train rounded rounded 1 $new
if cmp -s tiles/checkpoint-000004/model.safetensors rounded/checkpoint-000004/model.safetensors; then
    echo "sums in another order gave the same bytes: the comparison shows nothing"
    exit 1
fi
echo "bfloat16 in AMX tiles is as it should be"
JOB
adds=()
for file in sibert tests text.txt run.toml job; do adds+=(--add "$work/$file"); done
python3 "$here/amx_machine.py" "${adds[@]}" "$@" -- sh ./job
