//! ROP buffers behind their RPC_HEADER_EXT: one each way ([MS-OXCRPC] 2.2.2.1).

use mapi::wire::{Reader, Wire};

use crate::{Error, Result};

/// Bytes of the header.
pub(super) const HEADER: u32 = 8;

/// RPC_HEADER_EXT.Flags: no buffer follows this one.
const LAST: u16 = 0x0004;

pub(super) fn write(payload: &[u8]) -> Result<Vec<u8>> {
    let Ok(size) = u16::try_from(payload.len()) else {
        return Err(Error::InvalidArgument("the request is larger than a ROP buffer"));
    };
    let mut w = Vec::with_capacity(8 + payload.len());
    0_u16.write(&mut w); // Version
    LAST.write(&mut w);
    size.write(&mut w);
    size.write(&mut w); // SizeActual: nothing is compressed
    w.extend_from_slice(payload);
    Ok(w)
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut r = Reader::new(bytes);
    u16::read(&mut r)?; // Version
    let flags = u16::read(&mut r)?;
    let size = u16::read(&mut r)?;
    u16::read(&mut r)?; // SizeActual
    if flags & !LAST != 0 {
        // The request's flags forbid it ([MS-OXCRPC] 3.1.4.2).
        return Err(Error::Protocol(
            "a compressed or obfuscated answer, which was not asked for".into(),
        ));
    }
    Ok(r.bytes(usize::from(size), "as many bytes as the header says")?.to_vec())
}
