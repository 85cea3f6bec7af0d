//! PtypServerId: ids of folders and messages as property values ([MS-OXCDATA] 2.11.1.4).

use crate::ids::{FolderId, MessageId};
use crate::wire::{Reader, Wire, WireError};

/// What the bytes of a [`PropertyValue::ServerId`](crate::PropertyValue::ServerId) mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerId {
    /// An object of this server; a folder if the message's id is none.
    Own {
        folder: FolderId,
        message: MessageId,
        /// Which row of a multi-value instance; else zero.
        instance: u32,
    },
    /// Bytes that a client chose.
    Client(Vec<u8>),
}

const CLIENT: u8 = 0x00;
const OWN: u8 = 0x01;

/// The value without its size in front.
impl Wire for ServerId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        match u8::read(r)? {
            OWN => Ok(ServerId::Own {
                folder: FolderId::read(r)?,
                message: MessageId::read(r)?,
                instance: u32::read(r)?,
            }),
            CLIENT => Ok(ServerId::Client(r.rest().to_vec())),
            other => Err(r.bad("whose server id it is", u64::from(other), 1)),
        }
    }

    fn write(&self, w: &mut Vec<u8>) {
        match self {
            ServerId::Own { folder, message, instance } => {
                w.push(OWN);
                folder.write(w);
                message.write(w);
                instance.write(w);
            }
            ServerId::Client(bytes) => {
                w.push(CLIENT);
                w.extend_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_id_takes_21_bytes() {
        let id = ServerId::Own { folder: FolderId::own(1), message: MessageId::NONE, instance: 0 };
        assert_eq!(id.to_wire().len(), 21);
        assert_eq!(ServerId::from_wire(&id.to_wire()), Ok(id));
    }
}
