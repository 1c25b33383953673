#!/usr/bin/env bash
# Fine-tunes every run of a sweep over configs/paper/table-1-*.toml on MNLI and SQuAD 1.1, 3 seeds each, two at a time, and
# prints the table. Given again, it continues where it stopped.
#
#   scripts/table_1.sh SIBERT SWEEP GLUE SQUAD
#
# SIBERT is the program, SWEEP the folder of the sweep. GLUE and SQUAD have the official files. The rates are those of
# docs/results/finetune.md: LAMB 3e-3 for SIBERT, AdamW 3e-4 for BERT.
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,7p' "$0" | cut -c3- >&2; exit 2; }
export sibert=$1 sweep=$2 glue=$3 squad=$4

finetune() { # RUN TASK
    local rule="lamb --lr 3e-3" data=$glue more="--epochs 2"
    [[ $1 == bert* ]] && rule="adamw --lr 3e-4"
    [ "$2" = squad ] && { data=$squad; more="--epochs 2 --train-rows 5000 --max-seq-len 128 --doc-stride 48"; }
    # shellcheck disable=SC2086
    "$sibert" finetune --task "$2" --model "$sweep/$1" --data-dir "$data" --optimizer $rule --batch-size 32 $more --seeds 3 \
        --threads 1 --out "$sweep/finetuned/$1/$2" --resume 2>"$sweep/finetuned/$1-$2.log" >/dev/null ||
        { echo "$1 $2 failed, see $sweep/finetuned/$1-$2.log" >&2; return 1; }
    echo "done: $1 $2" >&2
}
export -f finetune

mkdir -p "$sweep/finetuned"
all="bert-adamw sibert-sgd sibert-sgd-clip sibert-sgd-clip-2x sibert-recipe"
rows=$(for row in $all; do [ -d "$sweep/$row" ] && echo "$row"; done)
for row in $rows; do printf '%s mnli\n%s squad\n' "$row" "$row"; done |
    xargs -P 2 -L 1 bash -c 'finetune "$1" "$2"' _

python3 - "$sweep" $rows <<'PYTHON'
import json, pathlib, sys
print('| encoder | steps | pretraining loss | masked words right |\n|---|---|---|---|')
for row in sys.argv[2:]:
    summary = json.loads((pathlib.Path(sys.argv[1]) / row / 'summary.json').read_text())
    print(f"| {row} | {summary['step']:,} | {summary['eval_loss']:.3f} | {100 * summary['eval_accuracy']:.1f} % |")
print()
PYTHON
# shellcheck disable=SC2046
python3 "$(dirname "$0")/finetune_table.py" $(for row in $rows; do echo "$row=$sweep/finetuned/$row"; done)
