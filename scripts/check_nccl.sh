#!/usr/bin/env bash
# Checks a program built with `nccl` and `mpi` without a GPU: NCCL, the driver and as many GPUs as processes are emulated. 1, 2 and
# 3 processes whose gradients NCCL adds end with the bytes of one that adds alone, and of MPI's way through the hosts' memory; in any
# order with nearly the same; and what cannot be is refused.
#
#   scripts/build_cuda.sh target/cuda --features mpi && scripts/check_nccl.sh target/cuda/sibert
#
# Needs mpirun of Open MPI and a C++ compiler. Takes about two minutes on two idle cores.
set -euo pipefail
sibert=$(realpath "${1:?which program}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # in a container
export CUKERNEL_DEVICES=3
say() { printf 'nccl: %s\n' "$*"; }
fail() { say "$1"; shift; cat "$@"; exit 1; }

settings="shares=4 documents=blank_line vocab_size=400 held_out=0.1 batch_size=8 seq_len=24 eval_every=4 eval_sequences=4 \
    save_every=4 log_every=4 model.num_hidden_layers=1 model.hidden_size=64 model.intermediate_size=128 model.num_attention_heads=2"
pretrain() { # PROCESSES OUT OPTIONS: one alone is started without mpirun
    local count=$1 out=$2 launcher=()
    shift 2
    [ "$count" = 1 ] || launcher=(mpirun --oversubscribe --bind-to none -n "$count")
    [ -z "${shown:-}" ] || launcher+=(bash -c "$shown"' exec "$@"' _)
    # shellcheck disable=SC2086
    "${launcher[@]}" scripts/emulated_gpu.sh "$sibert" pretrain --source LICENSE-APACHE --device "${device:-cuda}" --threads 1 --max-steps 4 \
        --out "$work/$out" --set $settings "$@" >"$work/$out.log" 2>&1
}
same() { # WHAT OUT
    cmp -s "$work/alone/last/model.safetensors" "$work/$2/last/model.safetensors" || fail "$1: other bytes" "$work/$2.log"
    say "$1: the same bytes"
}
refused() { # WHAT OUT WORDS OPTIONS: two processes
    local what=$1 out=$2 words=$3
    shift 3
    if pretrain 2 "$out" "$@"; then fail "$what was not refused" "$work/$out.log"; fi
    grep -q "$words" "$work/$out.log" || fail "$what: not refused in these words: $words" "$work/$out.log"
    say "$what: $(grep -m 1 -o "$words.*" "$work/$out.log")"
}

pretrain 1 alone || fail "one process" "$work/alone.log"
! grep -q "added by NCCL" "$work/alone.log" || fail "NCCL for one process, which nobody asked for" "$work/alone.log"
SIBERT_NCCL=1 pretrain 1 world-of-1 || fail "NCCL with one process" "$work/world-of-1.log"
grep -q "added by NCCL" "$work/world-of-1.log" || fail "nothing said of NCCL" "$work/world-of-1.log"
same "one process with NCCL" world-of-1
SIBERT_NCCL=0 pretrain 2 hosts || fail "two processes without NCCL" "$work/hosts.log"
! grep -q "added by NCCL" "$work/hosts.log" || fail "NCCL though it was refused" "$work/hosts.log"
same "two processes without NCCL" hosts
for count in 2 3; do
    pretrain $count "of-$count" || fail "$count processes" "$work/of-$count.log"
    say "$(grep -m 1 "added by NCCL" "$work/of-$count.log")"
    same "$count processes" "of-$count"
done

for sums in any_order bf16; do
    pretrain 3 $sums --set gradient_sums=$sums || fail "sums: $sums" "$work/$sums.log"
    python3 scripts/same_loss.py "$work/alone" "$work/$sums" 2e-3 || fail "sums: $sums" "$work/$sums.log"
    say "sums: $sums: the same loss within 0.2 %"
done

export CUKERNEL_DEVICES=1
# shellcheck disable=SC2016
shown='export CUKERNEL_FIRST=$OMPI_COMM_WORLD_LOCAL_RANK;' pretrain 2 shown || fail "a GPU shown to each" "$work/shown.log"
grep -q "added by NCCL" "$work/shown.log" || fail "nothing said of NCCL" "$work/shown.log"
same "two processes that are shown one GPU each" shown
refused "two processes that are shown the same GPU" shared-by-all "have the same GPU"
export CUKERNEL_DEVICES=3
device=cuda:1 refused "two processes on one GPU" shared "have the same GPU"
SIBERT_NCCL=yes refused "another value of the switch" switch "expected 0 or 1"
