//! ROP buffers as a client writes and reads them: one extended buffer each way ([MS-OXCRPC] 2.2.2.1).

use mapi::wire::{Reader, Wire};
use mapi_rop::buffer::{ResponseBuffer, write_requests};
use mapi_rop::{Handle, Request, ResponseContext};

use crate::{Error, Result};

/// RPC_HEADER_EXT.Flags: no buffer follows this one.
const LAST: u16 = 0x0004;

pub(crate) fn write(requests: &[Request], handles: &[Handle]) -> Result<Vec<u8>> {
    let too_large = Error::InvalidArgument("the request is larger than a ROP buffer");
    let Some(payload) = write_requests(requests, handles) else { return Err(too_large) };
    let Ok(size) = u16::try_from(payload.len()) else { return Err(too_large) };
    let mut w = Vec::with_capacity(8 + payload.len());
    0_u16.write(&mut w); // Version
    LAST.write(&mut w);
    size.write(&mut w);
    size.write(&mut w); // SizeActual: nothing is compressed
    w.extend_from_slice(&payload);
    Ok(w)
}

pub(crate) fn read(bytes: &[u8], context: &mut ResponseContext) -> Result<ResponseBuffer> {
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
    let payload = r.bytes(usize::from(size), "as many bytes as the header says")?;
    Ok(ResponseBuffer::read(payload, context)?)
}
