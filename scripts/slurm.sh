#!/usr/bin/env bash
# A run of many processes under Slurm, which goes on by itself when its time is up or it was preempted:
#
#   sbatch --nodes 2 --ntasks-per-node 4 --cpus-per-task 8 scripts/slurm.sh runs/base --config configs/recipe-base.toml --source book.txt
#
# The first argument is the run's folder, which all nodes see; the others are those of `sibert pretrain`. SIBERT names the
# program, a build with `--features mpi`. Standard output goes to slurm-JOB.out. Other numbers of nodes and tasks at a requeue
# change nothing in the result.
#SBATCH --job-name sibert
#SBATCH --time 04:00:00
#SBATCH --signal USR1@180
#SBATCH --requeue
#SBATCH --open-mode append
set -euo pipefail
out=${1:?the folder of the run}
shift
sibert=${SIBERT:-sibert}
threads=${SLURM_CPUS_PER_TASK:-1}

# A run that began goes on from its newest checkpoint, by the settings in its folder.
if [ -e "$out/config.toml" ]; then
    set -- --resume
fi
code=0
srun --mpi "${SIBERT_MPI:-pmix}" --cpus-per-task "$threads" "$sibert" pretrain --out "$out" --threads "$threads" "$@" || code=$?
case $code in
    0) echo "$out: done" ;;
    75 | 138) # its --time-limit, or the signal above: it has saved itself
        echo "$out: goes on in the queue"
        scontrol requeue "$SLURM_JOB_ID"
        ;;
    *) exit "$code" ;; # 143: Slurm ended or preempted it, and requeues it itself
esac
