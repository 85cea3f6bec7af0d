//! Auxiliary buffers: blocks of information between client and server that nobody has to act upon
//! ([MS-OXCRPC] 2.2.2.2). They stand in an extended buffer ([`ext`](crate::ext)).

use mapi::wire::{Reader, Wire};

rop_enum! {
    /// The kinds of blocks that a server sends or looks at ([MS-OXCRPC] 2.2.2.2). What a kind means hangs
    /// on the block's version too.
    pub enum AuxKind: u8 {
        RequestId = 0x01,
        ClientInfo = 0x02,
        ServerInfo = 0x03,
        SessionInfo = 0x04,
        ClientControl = 0x0a,
        ProcessInfo = 0x0b,
        OsVersionInfo = 0x16,
        OrganizationInfo = 0x17,
        AccountInfo = 0x18,
        ServerCapabilities = 0x46,
        EndpointCapabilities = 0x48,
        ClientConnectionInfo = 0x4a,
        ServerSessionInfo = 0x4b,
        ProtocolDeviceIdentification = 0x4e,
    }
}

/// A block behind its AUX_HEADER.
#[derive(Debug, Clone, PartialEq)]
pub struct AuxBlock {
    /// AUX_VERSION_1 or AUX_VERSION_2.
    pub version: u8,
    pub kind: AuxKind,
    pub body: Vec<u8>,
}

/// Bytes of an AUX_HEADER, which its Size counts.
const HEADER: usize = 4;

/// AUX_EXORGINFO: whether the organisation has public folders ([MS-OXCRPC] 2.2.2.2.17). A client that does
/// not get this block takes it that there are some (R1071).
pub fn organization_info(public_folders: bool) -> AuxBlock {
    let body = u32::from(public_folders).to_wire();
    AuxBlock { version: 1, kind: AuxKind::OrganizationInfo, body }
}

/// AUX_ENDPOINT_CAPABILITIES: all interfaces on one endpoint ([MS-OXCRPC] 2.2.2.2.20).
pub fn single_endpoint() -> AuxBlock {
    AuxBlock { version: 1, kind: AuxKind::EndpointCapabilities, body: 1u32.to_wire() }
}

/// The blocks of a buffer as far as they can be told apart. What is left behind them is dropped: it is
/// information only, and no reason to refuse a request (MS-OXCRPC R1606).
pub fn read_blocks(bytes: &[u8]) -> Vec<AuxBlock> {
    let mut r = Reader::new(bytes);
    let mut blocks = Vec::new();
    while let Some(block) = read_block(&mut r) {
        blocks.push(block);
    }
    blocks
}

fn read_block(r: &mut Reader<'_>) -> Option<AuxBlock> {
    let size = usize::from(u16::read(r).ok()?);
    let version = u8::read(r).ok()?;
    let kind = AuxKind::read(r).ok()?;
    let body = r.bytes(size.checked_sub(HEADER)?, "the body of a block").ok()?.to_vec();
    Some(AuxBlock { version, kind, body })
}

/// The blocks one behind the other. A block too long for its Size is left out.
pub fn write_blocks(blocks: &[AuxBlock]) -> Vec<u8> {
    let mut w = Vec::new();
    for block in blocks {
        let Ok(size) = u16::try_from(block.body.len() + HEADER) else {
            continue;
        };
        size.write(&mut w);
        block.version.write(&mut w);
        block.kind.write(&mut w);
        w.extend_from_slice(&block.body);
    }
    w
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_round_trip() {
        let blocks = [organization_info(false), single_endpoint()];
        let bytes = write_blocks(&blocks);
        assert_eq!(bytes[..8], [8, 0, 1, 0x17, 0, 0, 0, 0]);
        assert_eq!(read_blocks(&bytes), blocks);
        assert_eq!(read_blocks(&[bytes, vec![9]].concat()), blocks);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let blocks = read_blocks(&bytes);
            prop_assert_eq!(read_blocks(&write_blocks(&blocks)), blocks);
        }
    }
}
