//! Which of the processes of a launcher this one is, as its environment has it.

use std::str::FromStr;

/// The program that started the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// `mpirun` of Open MPI.
    OpenMpi,
    /// `mpiexec` of MPICH, Intel MPI or MVAPICH: Hydra.
    Hydra,
    /// `srun` of Slurm.
    Slurm,
}

/// The variables of a launcher: rank, number of ranks, rank on its host, ranks on its host.
const VARIABLES: [(Launcher, [&str; 4]); 3] = [
    (
        Launcher::OpenMpi,
        [
            "OMPI_COMM_WORLD_RANK",
            "OMPI_COMM_WORLD_SIZE",
            "OMPI_COMM_WORLD_LOCAL_RANK",
            "OMPI_COMM_WORLD_LOCAL_SIZE",
        ],
    ),
    (Launcher::Hydra, ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"]),
    (Launcher::Slurm, ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"]),
];

/// The place of this process among those that were started together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What started them.
    pub launcher: Launcher,
    /// Its rank, `0 … size - 1`.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// Its rank among those of its host.
    pub local_rank: usize,
    /// How many its host has.
    pub local_size: usize,
}

impl Place {
    /// The place that a launcher gave this process; none if it was started alone.
    pub fn from_environment() -> Option<Self> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Lets the system send this process SIGTERM when the launcher that started it is gone, however that ended: an
    /// `mpirun` that was killed leaves nobody behind. Of `mpirun` and `mpiexec`, on Linux; elsewhere nothing is done.
    pub fn end_with_launcher() {
        let launched = |names: &[&str; 4]| std::env::var_os(names[1]).is_some();
        let mut of_mpi = VARIABLES.iter().filter(|(launcher, _)| *launcher != Launcher::Slurm);
        if of_mpi.any(|(_, names)| launched(names)) {
            #[cfg(target_os = "linux")]
            // SAFETY: the call sets a number of this process and touches no memory.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            }
        }
    }

    /// Lets a process that this one starts be one alone.
    pub fn hide(command: &mut std::process::Command) {
        VARIABLES.iter().flat_map(|(_, names)| names).for_each(|name| {
            command.env_remove(name);
        });
    }

    /// The same of any environment. Slurm's variables count only in a step of several tasks: a batch script has them too.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        VARIABLES.into_iter().find_map(|(launcher, [rank, size, local_rank, local_size])| {
            let size = number(&variable(size)?)?;
            let (rank, local_rank) = (number(&variable(rank)?)?, variable(local_rank));
            let local_rank = local_rank.as_deref().and_then(number).unwrap_or(rank);
            let local_size = variable(local_size).as_deref().and_then(number).unwrap_or(size);
            let place = Self { launcher, rank, size, local_rank, local_size };
            (size > 1 && rank < size).then_some(place)
        })
    }
}

/// The number at the start of `4`, or of Slurm's `4(x2),3`.
fn number(text: &str) -> Option<usize> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).map_or(text, |end| &text[..end]);
    usize::from_str(digits).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Option<Place> {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        Place::of(|name| value(name).map(|value| value.to_string()))
    }

    #[test]
    fn each_launcher_is_known_by_its_variables() {
        let expected = |launcher| Place { launcher, rank: 5, size: 8, local_rank: 1, local_size: 4 };
        let names = [
            (
                Launcher::OpenMpi,
                "OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_LOCAL_RANK OMPI_COMM_WORLD_LOCAL_SIZE",
            ),
            (Launcher::Hydra, "PMI_RANK PMI_SIZE MPI_LOCALRANKID MPI_LOCALNRANKS"),
            (Launcher::Slurm, "SLURM_PROCID SLURM_STEP_NUM_TASKS SLURM_LOCALID SLURM_STEP_TASKS_PER_NODE"),
        ];
        for (launcher, names) in names {
            let variables: Vec<_> = names.split(' ').zip(["5", "8", "1", "4"]).collect();
            assert_eq!(place(&variables), Some(expected(launcher)));
        }
    }

    #[test]
    fn slurm_counts_tasks_in_its_own_way() {
        let variables = [("SLURM_PROCID", "6"), ("SLURM_STEP_NUM_TASKS", "7"), ("SLURM_LOCALID", "2")];
        let tasks = [("SLURM_STEP_TASKS_PER_NODE", "4(x1),3")];
        let place = place(&[&variables[..], &tasks].concat()).unwrap();
        assert_eq!((place.local_rank, place.local_size), (2, 4));
    }

    #[test]
    fn a_process_alone_has_no_place() {
        assert_eq!(place(&[]), None);
        assert_eq!(place(&[("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "1")]), None);
        assert_eq!(
            place(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]),
            None,
            "a batch script, not a step"
        );
        assert_eq!(place(&[("PMI_RANK", "x"), ("PMI_SIZE", "4")]), None);
    }
}
