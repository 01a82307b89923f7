//! CRC32C, of short pieces above all.
//!
//! Most of what is summed is short: record headers, heads and small bodies. There the `crc32c` crate
//! spends ten times as long on finding its way as on summing, so pieces up to a few hundred bytes are
//! summed here, with the processor's instruction where it has one.

use crc32c::crc32c_append;

/// Longer pieces are summed in three lanes at once by the crate, which is faster from there on.
#[cfg(any(target_arch = "x86_64", test))]
const SHORT: usize = 512;

/// The sum of a piece that follows those summed in `crc`; begin with 0.
pub(super) fn append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() <= SHORT && std::is_x86_feature_detected!("sse4.2") {
        #[expect(unsafe_code, reason = "a function for some processors only")]
        // SAFETY: this is one of those processors.
        return unsafe { append_short(crc, bytes) };
    }
    crc32c_append(crc, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn append_short(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};

    let (eights, rest) = bytes.as_chunks();
    let sum = eights.iter().fold(u64::from(!crc), |sum, eight| {
        _mm_crc32_u64(sum, u64::from_le_bytes(*eight))
    });
    // The instruction leaves the upper half empty.
    let (fours, rest) = rest.as_chunks();
    let sum = fours.iter().fold(sum as u32, |sum, four| {
        _mm_crc32_u32(sum, u32::from_le_bytes(*four))
    });
    !rest.iter().fold(sum, |sum, byte| _mm_crc32_u8(sum, *byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(bytes: &[u8]) -> u32 {
        append(0, bytes)
    }

    #[test]
    fn it_is_crc32c_at_any_length_and_however_cut() {
        assert_eq!(sum(b"123456789"), 0xe306_9283);
        let bytes: Vec<u8> = (0..2 * SHORT).map(|at| (at * 7 % 251) as u8).collect();
        for len in 0..=bytes.len() {
            let expected = crc32c::crc32c(&bytes[..len]);
            assert_eq!(sum(&bytes[..len]), expected, "{len} bytes");
            let (one, two) = bytes[..len].split_at(len / 3);
            assert_eq!(append(sum(one), two), expected, "{len} bytes in two pieces");
        }
    }
}
