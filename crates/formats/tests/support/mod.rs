//! What the tests over sample files share.

/// Numbers from a seed, the same in every run (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % limit.max(1)
    }
}

/// The bytes with some harm done to them: cut off, overwritten, or with bytes flipped.
pub fn harm(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match random.below(4) {
        0 => bytes.truncate(random.below(bytes.len())),
        1 => {
            let at = random.below(bytes.len());
            let end = (at + random.below(600)).min(bytes.len());
            let with = [0, 0xff, random.below(256) as u8][random.below(3)];
            bytes[at..end].fill(with);
        }
        _ => {
            for _ in 0..1 + random.below(40) {
                let at = random.below(bytes.len());
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(6)];
            }
        }
    }
    bytes
}
