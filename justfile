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
    SIBERT_MINILM={{DIR}} cargo test --release -p sibert-model --test bert

# 100 steps on the built-in corpus
smoke:
    rm -rf runs/smoke
    cargo run --release -- pretrain --max-steps 100 --out runs/smoke
    cargo run --release -- verify --model runs/smoke/last

# The first run of the README
quickstart:
    cargo run --release -- pretrain

# SIBERT with SGD beside BERT with AdamW, on one document a line in TEXT
compare TEXT:
    cargo run --release -- pretrain --config configs/sibert-mini-cpu.toml --text {{TEXT}}
    cargo run --release -- pretrain --config configs/bert-mini-cpu.toml --text {{TEXT}}
    cargo run --release -- plot runs/sibert-mini-cpu runs/bert-mini-cpu --out runs/mini

# The same SIBERT from initial scales 0.1, 1 and 10
scales TEXT:
    for scale in 0.1 1 10; do \
        cargo run --release -- pretrain --config configs/sibert-mini-cpu.toml --text {{TEXT}} \
            --set init_scale=$scale --out runs/scale-$scale || exit 1; \
    done
    cargo run --release -- plot runs/scale-0.1 runs/scale-1 runs/scale-10 --out runs/scales
