//! PidTagRtfCompressed ([MS-OXRTFCP]), by the crate compressed-rtf behind checks of ours: it trusts the sizes
//! of the header.

/// RTF larger than this is refused, in bytes.
pub const MAX_RTF: usize = 64 << 20;

const HEADER: usize = 16;
/// COMPTYPE of [MS-OXRTFCP] 2.1.3.1.1.
const COMPRESSED: &[u8] = b"LZFu";
const UNCOMPRESSED: &[u8] = b"MELA";
/// A control byte and eight references of two bytes give at most 8 * 17 bytes.
const MAX_RATIO: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressedRtfError {
    #[error("compressed RTF of {0} bytes is shorter than its header")]
    Short(usize),
    #[error("compressed RTF says that it holds {0} bytes")]
    Large(usize),
    #[error("compressed RTF does not begin with LZFu or MELA")]
    Type,
    #[error("compressed RTF is damaged: {0}")]
    Damaged(String),
}

/// The RTF of a PidTagRtfCompressed.
///
/// # Errors
/// [`CompressedRtfError`] if the header or the checksum is wrong. Bytes behind the announced size are
/// ignored.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, CompressedRtfError> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Err(CompressedRtfError::Short(bytes.len()));
    };
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    // COMPSIZE counts from behind itself.
    let size = (number(0).saturating_sub(HEADER - 4)).min(rest.len());
    let raw_size = number(4);
    if raw_size > MAX_RTF {
        return Err(CompressedRtfError::Large(raw_size));
    }
    match &header[8..12] {
        UNCOMPRESSED => Ok(rest[..raw_size.min(rest.len())].to_vec()),
        COMPRESSED => {
            let mut checked = Vec::with_capacity(HEADER + size);
            checked.extend_from_slice(&((size + HEADER - 4) as u32).to_le_bytes());
            // The crate allocates what RAWSIZE says, so it says no more than there can be.
            let raw_size = raw_size.min(size.saturating_mul(MAX_RATIO) + 64);
            checked.extend_from_slice(&(raw_size as u32).to_le_bytes());
            checked.extend_from_slice(&header[8..]);
            checked.extend_from_slice(&rest[..size]);
            let text = compressed_rtf::decompress_rtf(&checked)
                .map_err(|error| CompressedRtfError::Damaged(error.to_string()))?;
            // Every byte came as the character of its number.
            Ok(text.chars().map(|c| c as u8).collect())
        }
        _ => Err(CompressedRtfError::Type),
    }
}

/// RTF as a PidTagRtfCompressed, uncompressed inside (MELA), which every reader knows.
pub fn compress(rtf: &[u8]) -> Vec<u8> {
    let size = u32::try_from(rtf.len()).unwrap_or(u32::MAX - HEADER as u32);
    let mut out = Vec::with_capacity(rtf.len() + HEADER);
    out.extend_from_slice(&(size + HEADER as u32 - 4).to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(UNCOMPRESSED);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(rtf);
    out
}

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
        assert_eq!(decompress(CROSSING).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        assert_eq!(decompress(&compress(&simple)), Ok(simple));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for length in 0..SIMPLE.len() {
            assert!(decompress(&SIMPLE[..length]).is_err() || length >= HEADER);
        }
        for at in 0..SIMPLE.len() {
            let mut damaged = SIMPLE.to_vec();
            damaged[at] ^= 0xff;
            let _ = decompress(&damaged);
        }
    }
}
