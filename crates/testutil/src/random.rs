//! Deterministic pseudo-random bytes.
//!
//! The hazard is a failure that cannot be repeated: everything here depends on the seed alone.

/// A small generator (xorshift64*); the same seed always gives the same bytes.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts a generator; every seed, zero too, is fit.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Zero is the fixed point of xorshift; the multiplication spreads neighbouring seeds.
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03 | 1 }
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Returns a number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// Fills a buffer.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Returns `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        assert_eq!(Random::new(3).bytes(1001), Random::new(3).bytes(1001));
        let firsts: std::collections::BTreeSet<u64> =
            (0..1000).map(|seed| Random::new(seed).next_u64()).collect();
        assert!(firsts.len() > 490, "seeds that differ only in the lowest bit may meet");
        assert!(Random::new(9).below(5) < 5);
    }
}
