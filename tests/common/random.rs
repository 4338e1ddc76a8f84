//! Numbers and bytes that look random and are the same in every run with the same seed.
//! (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.)

/// A source of such numbers.
pub struct Random(u64);

impl Random {
    /// A source that a seed determines.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Bytes that no compressor can shrink.
    pub fn bytes(&mut self, bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes + 8);
        while out.len() < bytes {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(bytes);
        out
    }

    /// Lines of words, as in a source file.
    pub fn text(&mut self, lines: usize) -> String {
        const WORDS: [&str; 12] = ["let", "version", "=", "tree", "push", "(", ")", "of", "the", "workspace", ";", "return"];
        let line = |random: &mut Self| (0..6).map(|_| WORDS[random.below(WORDS.len())]).collect::<Vec<_>>().join(" ") + "\n";
        (0..lines).map(|_| line(self)).collect()
    }
}
