#!/usr/bin/env python3
"""Times training on one process of two threads and on two processes of one, ours over MPI and PyTorch's over gloo, in turn.

    python3 scripts/bench_ranks.py --sibert target/release/sibert --python V/bin/python --peer PEER --text TEXT

The program needs `--features mpi`; V has torch; PEER has sibert_torch.py, the same model and step in PyTorch; TEXT has one
document per line. The step is the first row of docs/performance.md: 16 sequences of 128 tokens, width 256, 4 layers,
vocabulary 8192, f32. Two runs cannot be compared while anything else runs.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile, time

BATCH, SEQ, STEPS, WARMUP = 16, 128, 15, 3
SHAPE = ['batch_size=16', 'seq_len=128', 'model.hidden_size=256', 'model.num_hidden_layers=4', 'model.intermediate_size=1024',
         'model.num_attention_heads=4', 'log_every=5', 'eval_every=1000', 'save_every=1000', 'eval_sequences=16', 'vocab_size=8192']
MPI = {'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1'}


def ours(args, shards, processes, threads, *settings):
    """Tokens per second behind the first report."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, 'run')
        command = ['mpirun', '--bind-to', 'core', '--map-by', f'slot:PE={threads}', '-n', str(processes), args.sibert, 'pretrain',
                   '--config', 'configs/sibert-mini-cpu.toml', '--shards', shards, '--out', out, '--threads', str(threads),
                   '--max-steps', str(STEPS + 5), '--no-tensorboard', '--set', *SHAPE, *settings]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | MPI)
        lines = map(json.loads, (out / 'metrics.jsonl').open())
        return statistics.median([line['timing']['tokens_per_second'] for line in lines if 'timing' in line][1:])


def torch(args, processes, threads, sync=True):
    """Tokens per second of the slowest process."""
    with tempfile.TemporaryDirectory() as folder:
        store = f'file://{folder}/store'
        worker = [args.python, __file__, '--worker', store, str(processes), str(threads), str(int(sync)), args.peer]
        started = [subprocess.Popen([*worker, str(rank)], stdout=subprocess.PIPE, text=True) for rank in range(processes)]
        return min(float(process.communicate()[0]) for process in started)


def worker(store, processes, threads, sync, peer, rank):
    """One process of PyTorch's DistributedDataParallel; without `sync` it keeps its gradients to itself."""
    sys.path.insert(0, peer)
    import contextlib, torch
    from sibert_torch import Cfg, Lamb, SIBert, SiSgd
    processes, threads, rank = int(processes), int(threads), int(rank)
    torch.set_num_threads(threads)
    torch.manual_seed(rank)
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=processes)
    model = SIBert(Cfg(V=8192, d=256, L=4, H=4, ff=1024, T=SEQ))
    trained = torch.nn.parallel.DistributedDataParallel(model) if processes > 1 else model
    optimizers = [SiSgd(model.enc.parameters(), 8e-4, 1e-2), Lamb(model.head.parameters(), 8e-4)]

    def step():
        ids = torch.randint(0, 8192, (BATCH // processes, SEQ))
        labels = torch.where(torch.rand(ids.shape) < .15, ids, torch.full_like(ids, -100))
        alone = contextlib.nullcontext() if int(sync) or processes == 1 else trained.no_sync()
        with alone:
            trained(ids, labels).backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()
    for _ in range(WARMUP):
        step()
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    print(BATCH * SEQ * STEPS / (time.perf_counter() - began))
    torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sibert', required=True)
    parser.add_argument('--python', required=True)
    parser.add_argument('--peer', required=True)
    parser.add_argument('--text', required=True)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shards = f'{folder}/shards'
        prepare = [args.sibert, 'prepare', '--source', args.text, '--vocab-size', '8192', '--held-out', '0.05', '--out', shards]
        subprocess.run(prepare, check=True, capture_output=True)
        rows = {
            'sibert, 1 process of 2 threads': lambda: ours(args, shards, 1, 2),
            'sibert, 2 processes, shares 2': lambda: ours(args, shards, 2, 1, 'shares=2'),
            'sibert, 2 processes, shares 4': lambda: ours(args, shards, 2, 1, 'shares=4'),
            'sibert, 2 processes, shares 2, any order': lambda: ours(args, shards, 2, 1, 'shares=2', 'gradient_sums=any_order'),
            'PyTorch, 1 process of 2 threads': lambda: torch(args, 1, 2),
            'PyTorch DDP, 2 processes': lambda: torch(args, 2, 1),
            'PyTorch DDP, 2 processes, no sums': lambda: torch(args, 2, 1, sync=False),
        }
        found = {name: [] for name in rows}
        for number in range(args.rounds):
            for name, row in rows.items():
                found[name].append(row())
                print(f'{number + 1}  {name:<42}{found[name][-1]:8.0f} tokens/s', flush=True)
        print()
        for name, rates in found.items():
            base = found[f"{name.split(',')[0].split()[0]}, 1 process of 2 threads"]
            ratios = [rate / one for rate, one in zip(rates, base)]
            print(f'{name:<42}{statistics.median(rates):8.0f}  {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})')


if sys.argv[1:2] == ['--worker']:
    worker(*sys.argv[2:])
else:
    main()
