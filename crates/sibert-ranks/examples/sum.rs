//! A sum over shares on all processes that a launcher started: the same digest for any number of them, up to 8.
//!
//! ```text
//! cargo build --release -p sibert-ranks --features mpi --example sum
//! mpirun -n 4 target/release/examples/sum
//! ```

use sibert_ranks::shares::{Tree, of_rank};
use sibert_ranks::sum::{Numbers, same_bits};
use sibert_ranks::{Communicator, Mpi, Watch};

const SHARES: usize = 8;
const LENGTH: usize = 3_000_000;

fn main() -> anyhow::Result<()> {
    let watch = Watch::start(|patience| eprintln!("no answer for {} s", patience.as_secs()))?;
    let ranks = Mpi::join(watch)?;
    let mut tree = Tree::new(SHARES);
    for share in of_rank(SHARES, ranks.rank(), ranks.size()) {
        let numbers: Vec<f32> = (1..=LENGTH).map(|i| 1e4 / (i * (share + 3)) as f32).collect();
        let add =
            |x: Vec<f32>, y: Vec<f32>| Ok::<_, anyhow::Error>(x.iter().zip(&y).map(|(x, y)| x + y).collect());
        tree.push(share, numbers, add)?;
    }
    let pieces = tree.pieces();
    let own: Vec<Numbers> = pieces.iter().map(|(_, numbers)| Numbers::of(vec![numbers])).collect();
    let sums = same_bits(&ranks, SHARES, &own, LENGTH)?;
    let digest = sums
        .iter()
        .fold(0_u64, |digest, sum| digest.wrapping_mul(0x0100_0000_01b3) ^ u64::from(sum.to_bits()));
    let digests = ranks.all_gather(&digest.to_le_bytes())?;
    anyhow::ensure!(digests.iter().all(|other| *other == digests[0]), "the processes have other sums");
    if ranks.rank() == 0 {
        println!("{digest:016x} {}", ranks.engine());
    }
    let empty = ranks.all_gather(if ranks.rank() == 0 { b"first" } else { &[] })?;
    anyhow::ensure!(empty[0] == b"first" && empty[1..].iter().all(Vec::is_empty), "empty messages");
    ranks.leave()
}
