use super::*;

/// Every element belongs to one part, and no part is small, where `gemm` would sum in another order.
#[test]
fn parts_are_disjoint_complete_and_never_small() {
    let sizes = [1, 2, 9, 16, 31, 33, 64, 70, 95, 128, 300, 1000, 2048, 2500, 9000];
    for (m, n) in sizes.into_iter().flat_map(|m| sizes.map(|n| (m, n))) {
        for (threads, precision) in
            (1..=64).flat_map(|threads| [(threads, Precision::F32), (threads, Precision::Bf16)])
        {
            let (down, across) = grid(threads, precision, (m, n, 1000));
            let whole = |len: usize, parts: usize| {
                let shares: Vec<_> = (0..parts).map(|i| share(len, i, parts, ALIGN)).collect();
                assert!(shares.iter().is_sorted_by(|a, b| a.end == b.start) && shares[0].start == 0);
                assert_eq!(shares[parts - 1].end, len);
                shares.iter().map(Range::len).min().unwrap_or(0)
            };
            let smallest = whole(m, down) * whole(n, across);
            assert!(down * across == 1 || smallest > SMALL_RESULT, "{threads} threads: ({m}, {n})");
        }
    }
}

/// 32 threads would each pack the whole weight if they divided the rows alone.
#[test]
fn many_threads_divide_rows_and_columns() {
    assert_eq!(grid(2, Precision::Bf16, (2048, 1024, 256)), (2, 1));
    assert_eq!(grid(32, Precision::Bf16, (2048, 1024, 256)), (8, 4));
    assert_eq!(grid(32, Precision::Bf16, (512, 1024, 2048)), (4, 8));
    assert_eq!(grid(7, Precision::Bf16, (2048, 1024, 256)), (7, 1));
}
