#!/usr/bin/env bash
# Checks a program built with `cuda` without a GPU, through the emulated driver: the selftest, a run that equals the CPU's, its
# resume, sums by NCCL, fine-tuning, a run that diverges, and that no step waits for the device.
#
#   scripts/check_cuda.sh target/cuda/sibert
#
# Needs a C++ compiler and python3. Takes about two minutes on two cores.
set -euo pipefail
sibert=$(realpath "${1:?which program}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
emulated() { scripts/emulated_gpu.sh "$sibert" "$@"; }
say() { printf 'cuda: %s\n' "$*"; }

"$sibert" devices | grep -q '^cuda.*none' || { say "a machine with a GPU: scripts/gpu_acceptance.sh is the check for it"; exit 0; }
if "$sibert" pretrain --device cuda --max-steps 1 --out "$work/none" 2>"$work/error"; then say "a GPU where there is none"; exit 1; fi
say "without a GPU: $(head -n 1 "$work/error")"
nccl=$("$sibert" devices | sed -n 's/^nccl *//p') # no line in a build without
[ -z "$nccl" ] || say "NCCL here: $nccl"

say "$(emulated selftest --device cuda --quick | tail -n 1)"

settings="documents=blank_line vocab_size=400 held_out=0.1 batch_size=4 accumulation_steps=2 seq_len=24 eval_every=4 eval_sequences=4 \
    save_every=4 log_every=2 model.num_hidden_layers=1 model.hidden_size=64 model.intermediate_size=128 model.num_attention_heads=2"
run() { # DEVICE OUT OPTIONS
    local device=$1 out=$2
    shift 2
    # shellcheck disable=SC2086
    emulated pretrain --source LICENSE-APACHE --device "$device" --out "$work/$out" "$@" --set $settings >"$work/$out.log" 2>&1 ||
        { cat "$work/$out.log"; exit 1; }
}
run cpu recipe-cpu --max-steps 8 --set spectral.polar=newton_schulz # what a text alone is trained by, with the factors of GPUs
run cuda recipe-cuda --max-steps 8
paper="--config configs/sibert-tiny-cpu.toml --set lr=0.1 budget=0.1"  # SGD with relative clipping
# shellcheck disable=SC2086
run cpu cpu $paper --max-steps 8
# shellcheck disable=SC2086
run cuda cuda $paper --max-steps 8
# shellcheck disable=SC2086
run cuda half $paper --max-steps 8 --precision bf16
[ -z "$nccl" ] || SIBERT_NCCL=1 run cuda cuda-nccl $paper --max-steps 8 # a world of one
cp -r "$work/cuda" "$work/again"
rm -r "$work/again/checkpoint-000008"  # on from step 4
emulated pretrain --out "$work/again" --device cuda --resume >/dev/null 2>&1
settings+=" model.type=bert optimizer=adamw lr=1e-3"
# shellcheck disable=SC2086
run cpu bert-cpu $paper --max-steps 8
# shellcheck disable=SC2086
run cuda bert-cuda $paper --max-steps 8
python3 - "$work" <<'PYTHON'
import json, pathlib, sys

work = pathlib.Path(sys.argv[1])
def losses(name):
    lines = map(json.loads, (work / name / 'metrics.jsonl').read_text().splitlines())
    return [line.get('loss') or line['eval_loss'] for line in lines]
def apart(a, b):
    return max(abs(x / y - 1) for x, y in zip(a, b, strict=True))
# A row of SIBERT's attention whose only positive score is almost nothing has a gradient of no accuracy; BERT's are smooth.
cpu, cuda = losses('cpu'), losses('cuda')
found = dict(bert=(apart(losses('bert-cuda'), losses('bert-cpu')), 1e-5), sibert=(apart(cuda, cpu), 1e-2),
             bf16=(apart(losses('half'), cpu), 2e-2), recipe=(apart(losses('recipe-cuda'), losses('recipe-cpu')), 1e-2))
print('cuda: losses of 8 steps, against the CPU:', ', '.join(f'{name} {found:.1e} apart' for name, (found, _) in found.items()))
assert all(found < allowed for found, allowed in found.values())
for file in ['model.safetensors', 'training_state/optimizer.safetensors']:
    one, other = ((work / name / 'checkpoint-000008' / file).read_bytes() for name in ('cuda', 'again'))
    assert one == other, f'{file} of a resumed run differs from that of the uninterrupted run'
print('cuda: a resumed run is the same, bit for bit')
if (work / 'cuda-nccl').exists():
    one, other = ((work / name / 'last/model.safetensors').read_bytes() for name in ('cuda', 'cuda-nccl'))
    assert one == other, 'a run whose gradients NCCL adds differs from one without it'
    print('cuda: a run whose gradients emulated NCCL adds is the same, bit for bit')
PYTHON

emulated finetune --task cola --model "$work/cuda" --device cuda --data-dir docs/examples/glue --seeds 1 --epochs 1 \
    --out "$work/cola" >/dev/null 2>&1
emulated fill-mask --model "$work/cuda" --device cuda "SIBERT is trained by [MASK]." >/dev/null
# shellcheck disable=SC2086
if emulated pretrain $paper --source LICENSE-APACHE --device cuda --out "$work/far" --max-steps 12 \
    --set $settings optimizer=sgd clip=none lr=1e30 log_every=6 eval_every=12 save_every=12 2>"$work/error" >/dev/null; then
    say "a run that must diverge did not"
    exit 1
fi
say "$(grep -o 'nothing has changed from step .*' "$work/error")"

waits() { # STEPS
    CUKERNEL_CALLS=1 emulated bench --device cuda --precision bf16 --hidden 64 --layers 2 --vocab 100 --batch 2 --seq 16 --warmup 1 \
        --steps "$1" 2>&1 | grep -o 'waits [0-9]*'
}
few=$(waits 1) many=$(waits 10)
[ "$few" = "$many" ] || { say "$few in 1 step, $many in 10: a step waits for the device"; exit 1; }
say "no wait in a step: $few in 1 step, $many in 10"
