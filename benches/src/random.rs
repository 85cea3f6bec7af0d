//! Numbers and text from a seed: every run generates the same mail.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Syllables in words: text that compresses about as mail does.
    pub fn word(&mut self) -> String {
        const SYLLABLES: [&str; 32] = [
            "ta", "ri", "mon", "de", "la", "ver", "so", "un", "ke", "pal", "ti", "or", "ben", "da",
            "mi", "ga", "ster", "no", "li", "fra", "em", "wu", "cho", "par", "es", "ju", "ni",
            "hol", "ra", "bi", "tor", "an",
        ];
        let count = 1 + self.below(4);
        (0..count).map(|_| SYLLABLES[self.below(SYLLABLES.len())]).collect()
    }

    pub fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    /// Lines of words, `bytes` long.
    pub fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 80);
        while text.len() < bytes {
            text.push_str(&self.words(10));
            text.push_str("\r\n");
        }
        text.truncate(bytes);
        text
    }
}
