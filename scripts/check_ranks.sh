#!/usr/bin/env bash
# Checks a program built with `mpi`: the same bytes from 1, 2 and 3 processes, after a signal and a resume with another number,
# after a process was killed, and of fine-tuning; a sweep that is shared out; the exit codes.
#
#   scripts/check_ranks.sh target/release/sibert
#
# Needs mpirun of Open MPI. Takes about a minute on two idle cores.
set -euo pipefail
sibert=$(realpath "${1:?which program}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # in a container
ranks() { mpirun --oversubscribe --bind-to none -n "$@"; }
say() { printf 'ranks: %s\n' "$*"; }
sum() { sha256sum <"$1"; }
fail() { say "$1"; shift; cat "$@"; exit 1; }
same() { # WHAT FILE FILE LOG
    [ "$(sum "$2")" = "$(sum "$3")" ] || fail "$1: other bytes" "$4"
    say "$1: the same bytes"
}

settings="shares=8 documents=blank_line vocab_size=400 held_out=0.1 batch_size=16 seq_len=24 eval_every=8 eval_sequences=16 \
    save_every=8 log_every=8 model.num_hidden_layers=1 model.hidden_size=64 model.intermediate_size=128 \
    model.num_attention_heads=2"
pretrain() { # PROCESSES OUT OPTIONS
    local count=$1 out=$2
    shift 2
    # shellcheck disable=SC2086
    ranks "$count" "$sibert" pretrain --source LICENSE-APACHE --threads 1 --out "$work/$out" --set $settings "$@" >"$work/$out.log" 2>&1
}

"$sibert" pretrain --source LICENSE-APACHE --threads 2 --out "$work/alone" --max-steps 24 --set $settings >"$work/alone.log" 2>&1
weights=last/model.safetensors
for count in 2 3; do
    pretrain $count "of-$count" --max-steps 24 || fail "$count processes" "$work/of-$count.log"
    same "$count processes" "$work/alone/$weights" "$work/of-$count/$weights" "$work/of-$count.log"
done

# Two hosts: network namespaces, where the machine allows them.
code=0
# shellcheck disable=SC2086
scripts/two_hosts.sh "$sibert" pretrain --source LICENSE-APACHE --threads 1 --out "$work/hosts" --max-steps 24 --set $settings \
    >"$work/hosts.log" 2>&1 || code=$?
case $code in
    0) same "two hosts" "$work/alone/$weights" "$work/hosts/$weights" "$work/hosts.log" ;;
    77) say "two hosts: not tried, $(tail -n 1 "$work/hosts.log")" ;;
    *) fail "two hosts" "$work/hosts.log" ;;
esac

# Stopped at its time limit, gone on with other numbers of processes; then one is killed.
code=0
pretrain 2 stopped --max-steps 24 --time-limit 0s || code=$?
[ $code = 75 ] || fail "exit code $code at the time limit, expected 75" "$work/stopped.log"
code=0
pretrain 3 stopped --max-steps 24 --resume --time-limit 0s || code=$?
[ $code = 75 ] || fail "exit code $code at the second time limit, expected 75" "$work/stopped.log"
pretrain 1 stopped --max-steps 24 --resume || fail "resumed" "$work/stopped.log"
same "stopped twice, gone on with 3 and 1" "$work/alone/$weights" "$work/stopped/$weights" "$work/stopped.log"

pretrain 3 killed --max-steps 24 &
job=$!
until [ -e "$work/killed/last" ]; do kill -0 $job 2>/dev/null || break; sleep 0.01; done
pkill -KILL -n -f -- "--out $work/killed" || true
code=0
wait $job || code=$?
say "a process killed: mpirun ends with $code"
! pgrep -f -- "--out $work/killed" >/dev/null || fail "a process is left" "$work/killed.log"
pretrain 2 killed --max-steps 24 --resume || fail "resumed after a kill" "$work/killed.log"
same "killed, gone on with 2" "$work/alone/$weights" "$work/killed/$weights" "$work/killed.log"

# In any order the sums differ by rounding alone, so the run is nearly the same.
pretrain 3 fast --max-steps 24 --set gradient_sums=any_order || fail "sums in any order" "$work/fast.log"
python3 scripts/same_loss.py "$work/alone" "$work/fast" 1e-3 || fail "sums in any order" "$work/fast.log"
say "sums in any order: the same loss within 0.1 %"

finetune() { # PROCESSES OUT
    ranks "$1" "$sibert" finetune --task cola --model "$work/alone" --data-dir docs/examples/glue --epochs 2 --threads 1 --shares 4 \
        --out "$work/$2" >"$work/$2.log" 2>&1 || fail "fine-tuning" "$work/$2.log"
}
finetune 1 tuned && finetune 3 tuned-3
same "fine-tuning on 3 processes" "$work/tuned/model.safetensors" "$work/tuned-3/model.safetensors" "$work/tuned-3.log"

# shellcheck disable=SC2086
ranks 2 "$sibert" sweep configs/quickstart.toml --source LICENSE-APACHE --out "$work/sweep" --max-steps 5 --vary seed=0,1,2 \
    --set $settings >"$work/sweep.log" 2>&1 || fail "a sweep" "$work/sweep.log"
[ "$(wc -l <"$work/sweep/summary.csv")" -ge 4 ] || fail "a sweep of three runs" "$work/sweep.log"
say "a sweep of three runs on two processes"

# mpirun is killed: its processes end too, also one alone, and a run of several goes on.
gone() { # FOLDER: until no process of it is left, 30 s at most
    for _ in $(seq 300); do pgrep -f -- "--out $work/$1" >/dev/null || return 0; sleep 0.1; done
    fail "a process is left after mpirun" "$work/$1.log"
}
for count in 1 2; do
    pretrain $count "orphan-$count" --max-steps 100000 --set save_every=5 &
    job=$!
    until [ -e "$work/orphan-$count/last" ]; do kill -0 $job 2>/dev/null || break; sleep 0.01; done
    pkill -KILL -f -- "^mpirun .*--out $work/orphan-$count" || true
    wait $job || true
    gone "orphan-$count"
done
say "mpirun killed: no process is left"

# A process that hangs: the others end, and say why.
hung() {
    pretrain 2 hung --max-steps 100000 --set rank_timeout=2 save_every=5
}
hung &
job=$!
until [ -e "$work/hung/last" ]; do kill -0 $job 2>/dev/null || break; sleep 0.01; done
pkill -STOP -n -f -- "--out $work/hung" || true
code=0
wait $job || code=$?
grep -q "has waited 2 s for the others" "$work/hung.log" || fail "a process hangs" "$work/hung.log"
! pgrep -f -- "--out $work/hung" >/dev/null || fail "a process is left" "$work/hung.log"
say "a process hangs: all end with $code, $(grep -o 'process . of . on .* has waited 2 s' "$work/hung.log" | head -n 1)"
