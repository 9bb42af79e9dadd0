//! Asks the processor for memory ahead of its use: what waits for one line after the other, as a turn of a call does,
//! pays each line's way from far memory; asked for together they come together.

#![expect(
    unsafe_code,
    reason = "the processor's instruction is only offered as unsafe"
)]

/// Brings what a value consists of into the processor's caches, not what it points to. Where the processor is none of
/// those known here it does nothing.
pub(super) fn prefetch<T: ?Sized>(value: &T) {
    let first = core::ptr::from_ref(value).cast::<i8>();
    for line in (0..size_of_val(value)).step_by(LINE) {
        fetch(first.wrapping_add(line));
    }
}

#[cfg(target_arch = "x86_64")]
fn fetch(line: *const i8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a hint, which reads nothing and may be given for any address; the baseline of x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
}

#[cfg(target_arch = "aarch64")]
fn fetch(line: *const i8) {
    // SAFETY: a hint, which reads nothing and may be given for any address.
    unsafe {
        core::arch::asm!(
            "prfm pldl1keep, [{line}]",
            line = in(reg) line,
            options(nostack, preserves_flags, readonly)
        );
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn fetch(_line: *const i8) {}

/// Of all processors of the last twenty years that it is to run on.
const LINE: usize = 64;
