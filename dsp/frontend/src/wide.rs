//! Vectors of eight numbers where the processor has them. What is built runs on every x86-64 machine, and the least of
//! those has vectors of four; on other processors there is nothing to choose.

/// Does `work`, which is compiled twice: for every processor of its kind, and for one with wide vectors. What shall profit
/// is written `#[inline(always)]`, so that it becomes part of both; sums are the same, bit by bit.
#[inline(always)]
pub(crate) fn widely<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "only the processor knows what it has, the compiler does not")]
            // SAFETY: the processor said a line above that it has what `wide` is compiled for.
            return unsafe { wide(work) };
        }
    }
    work()
}
