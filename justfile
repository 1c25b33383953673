# List the recipes
default:
    @just --list

# Everything that has to pass before a change lands
check:
    .ci/run

# Format the sources
fmt:
    cargo fmt --all

# Lints; warnings are errors
clippy:
    cargo clippy --workspace --all-targets -- -D warnings

# API documentation of the crates; warnings are errors
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The guide and the API documentation, in target/book; needs mdBook (cargo install mdbook --locked)
book: links doc
    mdbook build
    rm -rf target/book/api && cp -r target/doc target/book/api
    scripts/check_links.py target/book

# The relative links of the README, the changelog and the guide
links:
    scripts/check_links.py

# All tests, or those whose name contains NAME
test NAME="":
    cargo test --release --workspace {{NAME}}

# Compile every CUDA kernel for compute capability 8.0 and 9.0, without a GPU; fetches a compiler if none is installed (105 MB)
kernels:
    scripts/check_kernels.sh

# Build the program for NVIDIA GPUs in target/cuda; needs no GPU, and `--toolchain installed` uses this machine's CUDA
build-cuda *OPTIONS:
    scripts/build_cuda.sh {{OPTIONS}}

# Build the program for GPUs and run it through the emulated driver
cuda: (build-cuda)
    scripts/check_cuda.sh target/cuda/sibert

# Run bf16 in AMX tiles on an emulated processor: tests and a training; fetches and builds Bochs once, in target/amx-machine
amx:
    cargo build --release
    scripts/check_amx.sh {{sibert}} "$(cargo test --release --workspace --lib --no-run 2>&1 | sed -n 's/.*(\(.*sibert_products-[^)]*\)).*/\1/p')"

# Run the libraries' tests on an emulated processor whose widest vectors are AVX2's; needs qemu-x86_64 (Debian's qemu-user)
avx2:
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="qemu-x86_64 -cpu Haswell" cargo test --release --lib -p sibert-products -p sisgd -p sibert-model

# Check that 1, 2 and 3 processes over MPI end with the same bytes, also after kills; installs Open MPI where it can
ranks:
    scripts/install_mpi.sh
    cargo build --release --features mpi
    scripts/check_ranks.sh {{sibert}}

# Build the program with NCCL and MPI in target/cuda, and check sums by NCCL between several processes; needs no GPU
nccl:
    scripts/install_mpi.sh
    scripts/build_cuda.sh target/cuda --features mpi
    scripts/check_nccl.sh target/cuda/sibert

# Kill processes of a run over MPI COUNT times, at random, and go on with other numbers of them
ranks-torture COUNT="200":
    scripts/install_mpi.sh
    cargo build --release --features mpi
    python3 scripts/torture_ranks.py --sibert {{sibert}} --kills {{COUNT}}

# Time two processes beside one, and beside PyTorch's DDP: PYTHON has torch, PEER has sibert_torch.py
bench-ranks PYTHON PEER TEXT:
    scripts/install_mpi.sh
    cargo build --release --features mpi
    python3 scripts/bench_ranks.py --sibert {{sibert}} --python {{PYTHON}} --peer {{PEER}} --text {{TEXT}}

# Measure all claims about GPUs on a GPU, in turn with PyTorch: BINARY comes from build-cuda, OUT gets the report
gpu-acceptance BINARY OUT *OPTIONS:
    scripts/gpu_acceptance.sh {{BINARY}} {{OUT}} {{OPTIONS}}

# Type-check the feature metal for a Mac, if the target is installed
metal-check:
    scripts/metal_check.sh

# Build the wheel for Linux in target/wheels, and try it in a virtual environment; fetches maturin and zig (115 MB)
wheel *DIR:
    scripts/wheel.sh {{DIR}}

# The wheel and an archive for Linux in target/dist, with checksums, unpacked and tried
release *DIR:
    scripts/release.sh {{DIR}}

# Test our BERT against transformers' values on a real checkpoint, which is fetched into DIR (84 MB)
minilm DIR:
    scripts/minilm.sh {{DIR}}
    SIBERT_MINILM="$(realpath {{DIR}})" cargo test --release -p sibert-model --test bert

# 500 kills, 200 faults, 500 damaged files, 20,000 spoiled inputs, offline; OPTIONS are those of scripts/torture.py
torture *OPTIONS:
    cargo build --release
    HF_HUB_OFFLINE=1 python3 scripts/torture.py --sibert {{sibert}} {{OPTIONS}}

# Train 100 steps on the built-in corpus, and verify the model
smoke:
    rm -rf runs/smoke
    cargo run --release -- pretrain --max-steps 100 --out runs/smoke
    cargo run --release -- verify --model runs/smoke/last

# The first command of the README
quickstart:
    cargo run --release -- pretrain

# SIBERT with SGD and BERT with AdamW at the same time, one core each; TEXT has one document per line
compare TEXT SIZE="tiny":
    cargo build --release
    target/release/sibert pretrain --config configs/bert-{{SIZE}}-cpu.toml --source {{TEXT}} --threads 1 & \
    target/release/sibert pretrain --config configs/sibert-{{SIZE}}-cpu.toml --source {{TEXT}} --threads 1 && wait $!
    target/release/sibert plot runs/sibert-{{SIZE}}-cpu runs/bert-{{SIZE}}-cpu --out runs/{{SIZE}}

# The recipe's sweeps on TEXT, one document per line: NAME is rules, scales, lengths or parts; two runs at a time
recipe NAME TEXT *OPTIONS:
    cargo build --release
    {{sibert}} sweep configs/recipe/{{NAME}}.toml --source {{TEXT}} --jobs 2 {{OPTIONS}}
    {{sibert}} plot runs/{{NAME}}-sweep --figure loss --out runs/recipe-{{NAME}}

# One SIBERT from initial scales 0.1, 1 and 10; OPTIONS are arguments of pretrain
scales TEXT SIZE="tiny" *OPTIONS:
    for scale in 0.1 1 10; do \
        cargo run --release -- pretrain --config configs/sibert-{{SIZE}}-cpu.toml --source {{TEXT}} \
            --set init_scale=$scale --out runs/scale-$scale {{OPTIONS}} || exit 1; \
    done
    cargo run --release -- plot runs/scale-0.1 runs/scale-1 runs/scale-10 --out runs/scales

# Time training steps, ours and PyTorch's in turn: PYTHON has torch and transformers, PEER has bench_torch.py and sibert_torch.py
bench-peer PYTHON PEER *OPTIONS:
    cargo build --release
    {{PYTHON}} scripts/bench_peer.py --sibert target/release/sibert --python {{PYTHON}} --peer {{PEER}} \
        --out target/bench-peer.jsonl {{OPTIONS}}

# Time sibert prepare and Python's tokenizers in turn: PYTHON has tokenizers and numpy; TEXT has one document per line
bench-prepare PYTHON TOKENIZER +TEXT:
    cargo build --release
    {{PYTHON}} scripts/bench_prepare.py --sibert target/release/sibert --tokenizer {{TOKENIZER}} \
        --out target/bench-prepare.jsonl {{TEXT}}

# Fine-tune MODEL here and with transformers' Trainer, 3 seeds: PYTHON has torch, transformers, accelerate, scikit-learn, scipy
finetune-peer PYTHON MODEL GLUE *TASKS="mrpc cola stsb sst2 qnli":
    cargo build --release
    for task in {{TASKS}}; do \
        target/release/sibert finetune --task $task --model {{MODEL}} --data-dir {{GLUE}} --lr 1e-4 --epochs 3 --seeds 3 \
            --out runs/finetune/$task --resume && \
        {{PYTHON}} scripts/finetune_peer.py --task $task --model {{MODEL}} --data-dir {{GLUE}} --lr 1e-4 --epochs 3 \
            --seeds 0 1 2 --json runs/finetune/peer.jsonl || exit 1; \
    done
    {{PYTHON}} scripts/finetune_table.py sibert=runs/finetune transformers=runs/finetune/peer.jsonl

# Speed and memory of fine-tuning on MRPC, ours and transformers' Trainer in turn
bench-finetune PYTHON MODEL GLUE *OPTIONS:
    cargo build --release
    {{PYTHON}} scripts/bench_finetune.py --sibert target/release/sibert --model {{MODEL}} --data-dir {{GLUE}} \
        --out target/bench-finetune.jsonl {{OPTIONS}}

# Folder for the paper's figures; FIGURES=docs/results/paper overwrites those of the repository
figures := env("FIGURES", "runs/figures")
sibert := "target/release/sibert"

# Sweep over configs/paper/NAME-SIZE.toml, two runs at a time on a CPU; finished runs are not trained again
paper NAME SIZE *OPTIONS:
    cargo build --release
    {{sibert}} sweep configs/paper/{{NAME}}-{{SIZE}}.toml --jobs {{ if SIZE == "cpu" { "2" } else { "1" } }} {{OPTIONS}}

# Figure 1: the final loss from initial scales 0.01 to 100
figure-1 SIZE="cpu" *OPTIONS: (paper "figure-1" SIZE OPTIONS)
    {{sibert}} plot runs/figure-1-{{SIZE}}-sweep --figure robustness --over init_scale --out {{figures}}/figure-1 \
        {{ if SIZE == "cpu" { "--labels 'SIBERT clip,SIBERT decay,SIBERT slow decay,SIBERT no decay,BERT SGD,BERT AdamW'" } else { "" } }}

# Robustness as a number: SIBERT's final loss from initial scales 0.01 to 100 after 8,000 steps
robustness *OPTIONS: (paper "robustness" "cpu" OPTIONS)
    {{sibert}} plot runs/robustness-cpu-sweep --figure robustness --over init_scale --out {{figures}}/robustness

# Lemma 2.4 and section 5 by experiment: equal settings give equal curves
equivalence *OPTIONS: (paper "equivalence" "cpu" OPTIONS)
    {{sibert}} plot runs/equivalence-cpu-sweep --figure loss --out {{figures}}/equivalence \
        --labels 'as it is,initial scale x 4,rate over 16,loss over 16,initial scale over 4,rate x 16,loss x 16'

# Figure 2: the encoder's norm and the angle of a step, measured and predicted, without and with clipping
figure-2 SIZE="cpu" *OPTIONS: (paper "figure-2" SIZE OPTIONS)
    for figure in norm angle; do for clip in none 2; do \
        {{sibert}} plot runs/figure-2-{{SIZE}}-sweep/clip=$clip,* --figure $figure \
            --out {{figures}}/figure-2-$figure-clip-$clip || exit 1; \
    done; done

# Figure 3: SIBERT with SGD, BERT with AdamW and with SGD
figure-3 SIZE="cpu" *OPTIONS: (paper "figure-3" SIZE OPTIONS)
    {{sibert}} plot runs/figure-3-{{SIZE}}-sweep --figure loss --out {{figures}}/figure-3 \
        {{ if SIZE == "cpu" { "--labels 'SIBERT SGD clip,SIBERT SGD,SIBERT SGD clip 2x,SIBERT AdamW,BERT AdamW,BERT SGD 0.3,BERT SGD 1'" } else { "" } }}

# The rates at which SGD's loss meets AdamW's, at three lengths of run, then all other settings around the best
search *OPTIONS: (paper "search" "cpu" OPTIONS) (paper "search-rest" "cpu" OPTIONS)
    {{sibert}} plot runs/search-cpu-sweep --figure robustness --over max_steps --out {{figures}}/search \
        --labels 'clip 1e-6,clip 3e-6,clip 1e-5,rate 0.1,rate 0.3,AdamW 3e-4,AdamW 1e-3,AdamW 3e-3'

# Bytes of parameters, gradients and optimizer state, and the peak of the process, by optimizer
memory SIZE="cpu" *OPTIONS:
    cargo build --release
    {{sibert}} sweep configs/paper/memory-{{SIZE}}.toml {{OPTIONS}}
    {{sibert}} plot runs/memory-{{SIZE}}-sweep --figure memory --out {{figures}}/memory --labels '{{ if SIZE == "cpu" { "no state," } else { "" } }}SGD,momentum,LAMB,AdamW'

# Table 1: pretrain on TEXT, then fine-tune on MNLI and SQuAD with 3 seeds; GLUE and SQUAD are folders with the official files
table-1 TEXT GLUE SQUAD SIZE="cpu" *OPTIONS: (paper "table-1" SIZE "--source" TEXT OPTIONS)
    scripts/table_1.sh {{sibert}} runs/table-1-{{SIZE}}-sweep {{GLUE}} {{SQUAD}}

# Open transformers' checkpoints and tokenizers here, and ours there: PYTHON has torch, transformers and tensorboard; VOCAB is BERT's vocab.txt
interop PYTHON VOCAB TEXT: (interop-tensorboard PYTHON)
    cargo build --release -p sibert-model --example gradients
    {{PYTHON}} scripts/interop.py --sibert target/release/sibert --gradients target/release/examples/gradients --vocab {{VOCAB}} --text {{TEXT}}

# Read our event files with TensorBoard: PYTHON has tensorboard
interop-tensorboard PYTHON:
    cargo build --release
    {{PYTHON}} scripts/interop_tensorboard.py --sibert target/release/sibert

# Push MODEL to an emulated hub, and exchange it there with huggingface_hub: PYTHON has huggingface_hub
hub-interop PYTHON MODEL:
    cargo build --release --workspace --examples
    cargo build --release
    {{PYTHON}} scripts/hub_interop.py --sibert {{sibert}} --hub target/release/examples/hub --model {{MODEL}}
