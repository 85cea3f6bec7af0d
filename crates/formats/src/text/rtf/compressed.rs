//! PidTagRtfCompressed ([MS-OXRTFCP]).

/// RTF larger than this is refused, in bytes.
pub const MAX_RTF: usize = 64 << 20;

const HEADER: usize = 16;
/// COMPTYPE of [MS-OXRTFCP] 2.1.3.1.1.
const COMPRESSED: &[u8; 4] = b"LZFu";
const UNCOMPRESSED: &[u8; 4] = b"MELA";
/// A control byte and eight references of two bytes give at most 8 * 17 bytes.
const MAX_RATIO: usize = 8;

/// The dictionary is a ring of this many bytes ([MS-OXRTFCP] 2.1.3.1.2).
const DICTIONARY: usize = 4096;
/// What it holds before the first byte ([MS-OXRTFCP] 2.1.2.1).
const INITIAL: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \
\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\
\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
/// A reference of two bytes stands for this many: its length field has four bits.
const SHORTEST: usize = 2;
const LONGEST: usize = 17;
/// How many earlier places the writer compares for one reference.
const MAX_TRIES: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressedRtfError {
    #[error("compressed RTF of {0} bytes is shorter than its header")]
    Short(usize),
    #[error("compressed RTF says that it holds {0} bytes")]
    Large(usize),
    #[error("compressed RTF does not begin with LZFu or MELA")]
    Type,
    #[error(
        "compressed RTF is damaged: its checksum is {found:08x}, its header says {expected:08x}"
    )]
    Checksum { expected: u32, found: u32 },
    #[error("compressed RTF ends before its end mark")]
    Cut,
}

/// The RTF of a PidTagRtfCompressed.
///
/// # Errors
/// [`CompressedRtfError`] if the header or the checksum is wrong. Bytes behind the announced size are
/// ignored.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CompressedRtfError> {
    let Parts { contents, raw_size, compressed, checksum: expected } = Parts::read(bytes)?;
    if raw_size > MAX_RTF {
        return Err(CompressedRtfError::Large(raw_size));
    }
    if !compressed {
        return Ok(contents[..raw_size.min(contents.len())].to_vec());
    }
    let found = checksum(contents);
    if expected != found {
        return Err(CompressedRtfError::Checksum { expected, found });
    }
    let (out, ended) = expand(contents, raw_size, MAX_RTF);
    if out.len() > MAX_RTF {
        return Err(CompressedRtfError::Large(out.len()));
    }
    // What came without an end mark is whole if it has the announced size.
    match ended || out.len() >= raw_size {
        true => Ok(out),
        false => Err(CompressedRtfError::Cut),
    }
}

/// The beginning of the RTF of which a PidTagRtfCompressed begins with these bytes: as far as they go, and little
/// more than `most` bytes. Nobody can tell by a checksum whether the whole is damaged.
///
/// # Errors
/// [`CompressedRtfError`] if they do not begin with a header.
pub fn decompress_beginning(bytes: &[u8], most: usize) -> Result<Vec<u8>, CompressedRtfError> {
    let Parts { contents, raw_size, compressed, .. } = Parts::read(bytes)?;
    Ok(match compressed {
        true => expand(contents, raw_size, most).0,
        false => contents[..raw_size.min(contents.len()).min(most)].to_vec(),
    })
}

/// What the header says, and what stands behind it.
struct Parts<'a> {
    contents: &'a [u8],
    raw_size: usize,
    compressed: bool,
    checksum: u32,
}

impl Parts<'_> {
    fn read(bytes: &[u8]) -> Result<Parts<'_>, CompressedRtfError> {
        let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
            return Err(CompressedRtfError::Short(bytes.len()));
        };
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let kind = &header[8..12];
        let compressed = kind == COMPRESSED;
        if !compressed && kind != UNCOMPRESSED {
            return Err(CompressedRtfError::Type);
        }
        // COMPSIZE counts from behind itself.
        let size = ((number(0) as usize).saturating_sub(HEADER - 4)).min(rest.len());
        let contents = if compressed { &rest[..size] } else { rest };
        Ok(Parts { contents, raw_size: number(4) as usize, compressed, checksum: number(12) })
    }
}

/// [MS-OXRTFCP] 3.1.3.1 (decompressing): tokens behind control bytes, until a reference to the place where
/// the next byte would be written. Whether there was such an end mark; and no more than a few tokens beyond `most` bytes.
fn expand(contents: &[u8], raw_size: usize, most: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(raw_size.min(contents.len().saturating_mul(MAX_RATIO) + 64));
    let mut ring = [b' '; DICTIONARY];
    ring[..INITIAL.len()].copy_from_slice(INITIAL);
    let mut write = INITIAL.len();
    let mut input = contents.iter().copied();
    let mut put = |out: &mut Vec<u8>, ring: &mut [u8; DICTIONARY], byte: u8| {
        out.push(byte);
        ring[write] = byte;
        write = (write + 1) % DICTIONARY;
        write
    };
    let mut at = INITIAL.len();
    while let Some(control) = input.next() {
        for bit in 0..8 {
            if control & 1 << bit == 0 {
                let Some(byte) = input.next() else { return (out, false) };
                at = put(&mut out, &mut ring, byte);
                continue;
            }
            let (Some(high), Some(low)) = (input.next(), input.next()) else {
                return (out, false);
            };
            let reference = u16::from_be_bytes([high, low]);
            let offset = usize::from(reference >> 4);
            if offset == at {
                return (out, true);
            }
            for step in 0..usize::from(reference & 0xf) + SHORTEST {
                // A reference may run into what it is writing.
                let byte = ring[(offset + step) % DICTIONARY];
                at = put(&mut out, &mut ring, byte);
            }
        }
        if out.len() > most {
            break;
        }
    }
    (out, false)
}

/// RTF as a PidTagRtfCompressed, compressed.
pub fn compress(rtf: &[u8]) -> Vec<u8> {
    let contents = Compressor::new(rtf).run();
    with_header(rtf.len(), COMPRESSED, checksum(&contents), &contents)
}

/// RTF as a PidTagRtfCompressed as it is (MELA), with the CRC that is 0 for it.
pub fn store(rtf: &[u8]) -> Vec<u8> {
    with_header(rtf.len(), UNCOMPRESSED, 0, rtf)
}

fn with_header(raw_size: usize, kind: &[u8; 4], crc: u32, contents: &[u8]) -> Vec<u8> {
    let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(contents.len() + HEADER);
    out.extend_from_slice(&number(contents.len() + HEADER - 4));
    out.extend_from_slice(&number(raw_size));
    out.extend_from_slice(kind);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(contents);
    out
}

/// Finds earlier places by the two bytes that stand there.
struct Compressor<'a> {
    /// The dictionary's first content, then the RTF.
    text: Vec<u8>,
    rtf: &'a [u8],
    /// By a pair of bytes: its newest place; by a place in the ring: the place of the same pair before it.
    newest: Vec<u32>,
    before: Vec<u32>,
    contents: Vec<u8>,
    control: usize,
    tokens: u32,
}

const NOWHERE: u32 = u32::MAX;

impl<'a> Compressor<'a> {
    fn new(rtf: &'a [u8]) -> Self {
        let mut text = Vec::with_capacity(INITIAL.len() + rtf.len());
        text.extend_from_slice(INITIAL);
        text.extend_from_slice(rtf);
        Compressor {
            text,
            rtf,
            newest: vec![NOWHERE; 1 << 16],
            before: vec![NOWHERE; DICTIONARY],
            contents: Vec::with_capacity(rtf.len() / 2 + 16),
            control: 0,
            tokens: 8,
        }
    }

    fn run(mut self) -> Vec<u8> {
        for at in 0..INITIAL.len() - 1 {
            self.enter(at);
        }
        let end = INITIAL.len() + self.rtf.len();
        let mut at = INITIAL.len();
        // The pair across the beginning of the RTF.
        self.enter(at - 1);
        while at < end {
            let (place, length) = self.longest(at);
            let taken = match length >= SHORTEST {
                true => {
                    self.reference(place % DICTIONARY, length);
                    length
                }
                false => {
                    self.token(false, &[self.text[at]]);
                    1
                }
            };
            for passed in at..at + taken {
                self.enter(passed);
            }
            at += taken;
        }
        self.reference(end % DICTIONARY, SHORTEST);
        self.contents
    }

    fn pair(&self, at: usize) -> Option<usize> {
        let pair = self.text.get(at..at + 2)?;
        Some(usize::from(pair[0]) << 8 | usize::from(pair[1]))
    }

    fn enter(&mut self, at: usize) {
        if let Some(pair) = self.pair(at) {
            self.before[at % DICTIONARY] = self.newest[pair];
            self.newest[pair] = u32::try_from(at).unwrap_or(NOWHERE);
        }
    }

    /// The longest earlier text that goes on as the text at a place does, within the ring.
    fn longest(&self, at: usize) -> (usize, usize) {
        let (mut best, mut length) = (0, 0);
        let Some(pair) = self.pair(at) else { return (best, length) };
        let limit = LONGEST.min(self.text.len() - at);
        let mut place = self.newest[pair];
        for _ in 0..MAX_TRIES {
            let from = place as usize;
            // The place of the next byte is the end mark, so the ring's oldest byte is out of reach.
            if place == NOWHERE || from >= at || at - from >= DICTIONARY {
                break;
            }
            let same = (0..limit).take_while(|step| self.text[from + step] == self.text[at + step]);
            let same = same.count();
            // Of places that serve as well the oldest, as the specification's examples have it.
            if same >= length {
                (best, length) = (from, same);
            }
            place = self.before[from % DICTIONARY];
        }
        (best, length)
    }

    fn reference(&mut self, offset: usize, length: usize) {
        // Twelve bits of place, four of length.
        let word = (offset << 4 | (length - SHORTEST)) as u16;
        self.token(true, &word.to_be_bytes());
    }

    fn token(&mut self, is_reference: bool, bytes: &[u8]) {
        if self.tokens == 8 {
            self.control = self.contents.len();
            self.contents.push(0);
            self.tokens = 0;
        }
        self.contents[self.control] |= u8::from(is_reference) << self.tokens;
        self.contents.extend_from_slice(bytes);
        self.tokens += 1;
    }
}

/// The CRC of [MS-OXRTFCP] 2.1.3.2: that of ISO 3309 without its inversions.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| crc >> 8 ^ CRCS[(crc as u8 ^ byte) as usize])
}

static CRCS: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// [MS-OXRTFCP] 3.1 and 3.2.
    const SIMPLE: &[u8] =
        b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\
\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
    const CROSSING: &[u8] = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4KQA\0\x04 WXYZ\x0dn}\x01\x0e\xb0";

    #[test]
    fn the_examples_of_the_specification() {
        let simple = decompress(SIMPLE).unwrap();
        assert_eq!(simple, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let crossing = decompress(CROSSING).unwrap();
        assert_eq!(crossing, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        // The writer finds the same references.
        assert_eq!(compress(&simple), SIMPLE);
        assert_eq!(compress(&crossing), CROSSING);
        assert_eq!(decompress(&store(&simple)), Ok(simple));
        assert_eq!(store(b"{}"), b"\x0e\0\0\0\x02\0\0\0MELA\0\0\0\0{}");
    }

    #[test]
    fn rtf_survives_compression() {
        let mut texts = vec![Vec::new(), b"a".to_vec(), vec![b'x'; 100_000]];
        // More than the ring, with repetitions at every distance and noise between.
        let mut noise = 1u32;
        texts.push(
            (0..50_000u32)
                .map(|at| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at % 7 < 5 { (at % 4096 / 3) as u8 } else { (noise >> 24) as u8 }
                })
                .collect(),
        );
        for text in texts {
            let small = compress(&text);
            assert_eq!(decompress(&small).as_deref(), Ok(&text[..]));
        }
        assert!(compress(&vec![b'x'; 100_000]).len() < 14_000);
    }

    #[test]
    fn a_beginning_is_read_as_far_as_it_goes() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|at| at.to_string().into_bytes()).collect();
        for packed in [compress(&text), store(&text)] {
            let beginning = decompress_beginning(&packed[..9_000], 1 << 20).unwrap();
            assert!(beginning.len() > 8_900 && text.starts_with(&beginning), "{}", beginning.len());
            let bounded = decompress_beginning(&packed, 5_000).unwrap();
            assert!((5_000..5_200).contains(&bounded.len()) && text.starts_with(&bounded));
            assert_eq!(decompress_beginning(&packed, usize::MAX), Ok(text.clone()));
            assert!(decompress_beginning(&packed[..15], 9).is_err());
        }
        assert_eq!(decompress_beginning(&[1; 40], 9), Err(CompressedRtfError::Type));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for length in 0..SIMPLE.len() {
            assert!(decompress(&SIMPLE[..length]).is_err());
        }
        for at in HEADER - 4..SIMPLE.len() {
            let mut damaged = SIMPLE.to_vec();
            damaged[at] ^= 0xff;
            assert!(matches!(decompress(&damaged), Err(CompressedRtfError::Checksum { .. })));
        }
    }
}
