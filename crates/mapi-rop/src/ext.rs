//! The extended buffer format: payloads behind RPC_HEADER_EXT headers, compressed and obfuscated as the
//! header says, one after the other up to the one with the Last flag ([MS-OXCRPC] 2.2.2.1, 3.1.4.1.1,
//! 3.1.4.2.1). It stands around ROP buffers and around auxiliary buffers.

use mapi::wire::{Reader, Wire, WireError};

use crate::lz77;

rop_flags! {
    /// [MS-OXCRPC] 2.2.2.1
    pub struct ExtFlags: u16 {
        COMPRESSED = 0x0001,
        XOR_MAGIC = 0x0002,
        LAST = 0x0004,
    }
}

rop_struct! {
    /// RPC_HEADER_EXT ([MS-OXCRPC] 2.2.2.1)
    #[derive(Copy)]
    pub struct ExtHeader {
        /// 0.
        pub version: u16,
        pub flags: ExtFlags,
        /// Bytes of the payload as it stands in the buffer.
        pub size: u16,
        /// Bytes of the payload when it is decompressed.
        pub size_actual: u16,
    }
}

/// The byte that every payload byte is combined with by XOR ([MS-OXCRPC] 3.1.4.1.1.3).
const MAGIC: u8 = 0xa5;

/// Bytes of an [`ExtHeader`].
pub const EXT_HEADER_SIZE: usize = 8;

/// The most payloads in one buffer ([MS-OXCRPC] 3.1.4.2.1.2.2 R969).
pub const MAX_PAYLOADS: usize = 96;

/// Payloads shorter than this are not worth compressing.
const WORTH_COMPRESSING: usize = 512;

/// The payloads of a buffer, decompressed. At most `limit` bytes of them all together, and at most
/// [`MAX_PAYLOADS`], so that a small buffer cannot make a large one.
pub fn read_payloads(bytes: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, WireError> {
    let mut r = Reader::new(bytes);
    let mut payloads = Vec::new();
    let mut left = limit;
    loop {
        let header = ExtHeader::read(&mut r)?;
        if header.version != 0 {
            return Err(r.bad("version 0 of RPC_HEADER_EXT", u64::from(header.version), 8));
        }
        let payload = read_payload(&mut r, header, left)?;
        left -= payload.len();
        payloads.push(payload);
        if header.flags.contains(ExtFlags::LAST) {
            r.finish("no bytes behind the last payload")?;
            return Ok(payloads);
        }
        if payloads.len() == MAX_PAYLOADS {
            return Err(r.bad("at most 96 payloads", payloads.len() as u64 + 1, 0));
        }
    }
}

/// The one payload of an auxiliary buffer; nothing at all is an empty one.
pub fn read_single(bytes: &[u8], limit: usize) -> Result<Vec<u8>, WireError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let payloads = read_payloads(bytes, limit)?;
    Ok(payloads.into_iter().next().unwrap_or_default())
}

fn read_payload(r: &mut Reader<'_>, header: ExtHeader, limit: usize) -> Result<Vec<u8>, WireError> {
    let compressed = header.flags.contains(ExtFlags::COMPRESSED);
    let actual = usize::from(if compressed { header.size_actual } else { header.size });
    if actual > limit {
        return Err(r.bad("a payload within the limit", actual as u64, 2));
    }
    let start = r.offset();
    let size = usize::from(header.size);
    let mut payload = r.bytes(size, "as many bytes of a payload as its size says")?.to_vec();
    if header.flags.contains(ExtFlags::XOR_MAGIC) {
        obfuscate(&mut payload);
    }
    match compressed {
        false => Ok(payload),
        true => lz77::decompress(&payload, actual)
            .map_err(|error| WireError { offset: error.offset + start, ..error }),
    }
}

/// XOR with the magic byte, which also takes itself back.
fn obfuscate(payload: &mut [u8]) {
    payload.iter_mut().for_each(|byte| *byte ^= MAGIC);
}

/// How a payload is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packing {
    /// Compress it if that makes it shorter.
    pub compress: bool,
    /// Obfuscate it if it was not compressed.
    pub obfuscate: bool,
}

/// Writes payloads behind their headers, the last with the Last flag. None if one of them has more than
/// 65,535 bytes; without any payload, nothing.
pub fn write_payloads<P: AsRef<[u8]>>(payloads: &[P], packing: Packing) -> Option<Vec<u8>> {
    let mut w = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        let last = index + 1 == payloads.len();
        write_payload(&mut w, payload.as_ref(), packing, last)?;
    }
    Some(w)
}

fn write_payload(w: &mut Vec<u8>, payload: &[u8], packing: Packing, last: bool) -> Option<()> {
    let size_actual = u16::try_from(payload.len()).ok()?;
    let mut flags = if last { ExtFlags::LAST } else { ExtFlags::NONE };
    let compressed = match packing.compress && payload.len() >= WORTH_COMPRESSING {
        true => lz77::compress(payload),
        false => None,
    };
    let mut body = match compressed {
        Some(compressed) => {
            flags = flags | ExtFlags::COMPRESSED;
            compressed
        }
        None => payload.to_vec(),
    };
    // MS-OXCRPC R1636, R1637: what is compressed need not be obfuscated.
    if packing.obfuscate && !flags.contains(ExtFlags::COMPRESSED) {
        flags = flags | ExtFlags::XOR_MAGIC;
        obfuscate(&mut body);
    }
    // INVARIANT: the compressed form is shorter than the payload.
    let size = body.len() as u16;
    ExtHeader { version: 0, flags, size, size_actual }.write(w);
    w.extend_from_slice(&body);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_payload_behind_its_header() {
        let plain = write_payloads(&[[1, 2]], Packing::default()).expect("small");
        assert_eq!(plain, [0, 0, 4, 0, 2, 0, 2, 0, 1, 2]);
        let packing = Packing { compress: true, obfuscate: true };
        let hidden = write_payloads(&[[1, 2]], packing).expect("small");
        assert_eq!(hidden, [0, 0, 6, 0, 2, 0, 2, 0, 0xa4, 0xa7]);
        assert_eq!(read_payloads(&hidden, 2), Ok(vec![vec![1, 2]]));
        assert!(read_payloads(&hidden, 1).is_err());
    }

    /// Obfuscated after it was compressed (MS-OXCRPC R4842), as some clients do.
    #[test]
    fn both_ways_at_once() {
        let payload = b"abc".repeat(100);
        let mut body = lz77::compress(&payload).expect("repetitive");
        obfuscate(&mut body);
        let flags = ExtFlags(7);
        let mut bytes =
            ExtHeader { version: 0, flags, size: body.len() as u16, size_actual: 300 }.to_wire();
        bytes.extend_from_slice(&body);
        assert_eq!(read_payloads(&bytes, 300), Ok(vec![payload]));
    }

    #[test]
    fn a_chain_ends_with_the_last_flag() {
        let bytes = write_payloads(&[vec![1], vec![], vec![2; 500]], Packing::default());
        let bytes = bytes.expect("small");
        assert_eq!(read_payloads(&bytes, 501).map(|all| all.len()), Ok(3));
        assert!(read_payloads(&bytes[..bytes.len() - 508], 501).is_err());
        assert!(read_payloads(&[bytes.clone(), vec![0]].concat(), 501).is_err());
        assert_eq!(read_single(&[], 0), Ok(vec![]));
    }

    /// Thirty bytes that announce 96 payloads of 64 KB are stopped by the limit.
    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = write_payloads(
            &vec![vec![0u8; 65_535]; 96],
            Packing { compress: true, obfuscate: false },
        );
        let bomb = bomb.expect("each fits");
        assert!(bomb.len() < 4096);
        let error = read_payloads(&bomb, 262_144).expect_err("too much");
        assert_eq!(error.expected, "a payload within the limit");
    }

    proptest! {
        #[test]
        fn any_payloads_round_trip(
            payloads in proptest::collection::vec(
                proptest::collection::vec(0u8..8, 0..600),
                1..4,
            ),
            compress: bool,
            obfuscate: bool,
        ) {
            let bytes = write_payloads(&payloads, Packing { compress, obfuscate });
            prop_assert_eq!(read_payloads(&bytes.expect("small"), 4096), Ok(payloads));
        }

        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_payloads(&bytes, 100_000);
        }
    }
}
