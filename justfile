# List the recipes
default:
    @just --list

# Everything that has to pass before a change lands
check:
    .ci/run

# Format the sources
fmt:
    cargo fmt --all

# Lints, warnings denied
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# Documentation of the crates, warnings denied
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# All tests, or those whose name contains NAME
test NAME="":
    cargo test --release --workspace {{NAME}}

# Our BERT against transformers' values on a real checkpoint, which is fetched into DIR (84 MB)
minilm DIR:
    scripts/minilm.sh {{DIR}}
    SIBERT_MINILM="$(realpath {{DIR}})" cargo test --release -p sibert-model --test bert

# 100 steps on the built-in corpus
smoke:
    rm -rf runs/smoke
    cargo run --release -- pretrain --max-steps 100 --out runs/smoke
    cargo run --release -- verify --model runs/smoke/last

# The first run of the README
quickstart:
    cargo run --release -- pretrain

# SIBERT with SGD beside BERT with AdamW, at once, a core each; TEXT has one document a line
compare TEXT SIZE="tiny":
    cargo build --release
    target/release/sibert pretrain --config configs/bert-{{SIZE}}-cpu.toml --source {{TEXT}} --threads 1 & \
    target/release/sibert pretrain --config configs/sibert-{{SIZE}}-cpu.toml --source {{TEXT}} --threads 1 && wait $!
    target/release/sibert plot runs/sibert-{{SIZE}}-cpu runs/bert-{{SIZE}}-cpu --out runs/{{SIZE}}

# The same SIBERT from initial scales 0.1, 1 and 10; OPTIONS are more arguments of pretrain
scales TEXT SIZE="tiny" *OPTIONS:
    for scale in 0.1 1 10; do \
        cargo run --release -- pretrain --config configs/sibert-{{SIZE}}-cpu.toml --source {{TEXT}} \
            --set init_scale=$scale --out runs/scale-$scale {{OPTIONS}} || exit 1; \
    done
    cargo run --release -- plot runs/scale-0.1 runs/scale-1 runs/scale-10 --out runs/scales

# Our steps and PyTorch's alternately: PYTHON has torch and transformers, PEER holds bench_torch.py and sibert_torch.py
bench-peer PYTHON PEER *OPTIONS:
    cargo build --release
    {{PYTHON}} scripts/bench_peer.py --sibert target/release/sibert --python {{PYTHON}} --peer {{PEER}} \
        --out target/bench-peer.jsonl {{OPTIONS}}

# Preparing text and Python's tokenizers alternately: PYTHON has tokenizers and numpy; TEXT has one document a line
bench-prepare PYTHON TOKENIZER +TEXT:
    cargo build --release
    {{PYTHON}} scripts/bench_prepare.py --sibert target/release/sibert --tokenizer {{TOKENIZER}} \
        --out target/bench-prepare.jsonl {{TEXT}}

# Fine-tuning of MODEL beside transformers' Trainer, 3 seeds: PYTHON has torch, transformers, accelerate, scikit-learn, scipy
finetune-peer PYTHON MODEL GLUE *TASKS="mrpc cola stsb sst2 qnli":
    cargo build --release
    for task in {{TASKS}}; do \
        target/release/sibert finetune --task $task --model {{MODEL}} --data-dir {{GLUE}} --lr 1e-4 --epochs 3 --seeds 3 \
            --out runs/finetune/$task --resume && \
        {{PYTHON}} scripts/finetune_peer.py --task $task --model {{MODEL}} --data-dir {{GLUE}} --lr 1e-4 --epochs 3 \
            --seeds 0 1 2 --json runs/finetune/peer.jsonl || exit 1; \
    done
    {{PYTHON}} scripts/finetune_table.py sibert=runs/finetune transformers=runs/finetune/peer.jsonl

# Samples per second and memory of fine-tuning on MRPC, ours and transformers' Trainer in turn
bench-finetune PYTHON MODEL GLUE *OPTIONS:
    cargo build --release
    {{PYTHON}} scripts/bench_finetune.py --sibert target/release/sibert --model {{MODEL}} --data-dir {{GLUE}} \
        --out target/bench-finetune.jsonl {{OPTIONS}}
