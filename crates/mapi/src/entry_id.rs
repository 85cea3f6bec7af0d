//! Entry ids: what stores, folders, messages and recipients are opened and compared by
//! ([MS-OXCDATA] 2.2.4 and 2.2.5).

use crate::guid::Guid;
use crate::ids::LongTermId;
use crate::text::{String8, WString};
use crate::wire::{Reader, Rest, SizedBytes, Wire, WireError};

/// Provider of the entry ids of message stores ([MS-OXCDATA] 2.2.4.3).
pub const STORE_PROVIDER: Guid = Guid([
    0x38, 0xa1, 0xbb, 0x10, 0x05, 0xe5, 0x10, 0x1a, 0xa1, 0xbb, 0x08, 0x00, 0x2b, 0x2a, 0x56, 0xc2,
]);
/// The wrapped provider of a mailbox store ([MS-OXCDATA] 2.2.4.3).
pub const MAILBOX_PROVIDER: Guid = Guid([
    0x1b, 0x55, 0xfa, 0x20, 0xaa, 0x66, 0x11, 0xcd, 0x9b, 0xc8, 0x00, 0xaa, 0x00, 0x2f, 0xc4, 0x5a,
]);
/// The wrapped provider of a public folder store ([MS-OXCDATA] 2.2.4.3).
pub const PUBLIC_PROVIDER: Guid = Guid([
    0x1c, 0x83, 0x02, 0x10, 0xaa, 0x66, 0x11, 0xcd, 0x9b, 0xc8, 0x00, 0xaa, 0x00, 0x2f, 0xc4, 0x5a,
]);
/// Provider of folders and messages of a public folder store ([MS-OXCDATA] 2.2.4.1).
pub const PUBLIC_FOLDER_PROVIDER: Guid = Guid([
    0x1a, 0x44, 0x73, 0x90, 0xaa, 0x66, 0x11, 0xcd, 0x9b, 0xc8, 0x00, 0xaa, 0x00, 0x2f, 0xc4, 0x5a,
]);
/// Provider of one-off recipients ([MS-OXCDATA] 2.2.5.1).
pub const ONE_OFF_PROVIDER: Guid = Guid([
    0x81, 0x2b, 0x1f, 0xa4, 0xbe, 0xa3, 0x10, 0x19, 0x9d, 0x6e, 0x00, 0xdd, 0x01, 0x0f, 0x54, 0x02,
]);
/// Provider of address book objects ([MS-OXCDATA] 2.2.5.2).
pub const ADDRESS_BOOK_PROVIDER: Guid = Guid([
    0xdc, 0xa7, 0x40, 0xc8, 0xc0, 0x42, 0x10, 0x1a, 0xb4, 0xb9, 0x08, 0x00, 0x2b, 0x2f, 0xe1, 0x82,
]);
/// Provider of contacts and personal distribution lists as recipients ([MS-OXCDATA] 2.2.5.3 and 2.2.5.4).
pub const CONTACT_PROVIDER: Guid = Guid([
    0xfe, 0x42, 0xaa, 0x0a, 0x18, 0xc7, 0x1a, 0x10, 0xe8, 0x85, 0x0b, 0x65, 0x1c, 0x24, 0x00, 0x00,
]);
/// Provider of the entry ids that the members of a personal distribution list are wrapped in
/// ([MS-OXOCNTC] 2.2.2.2.4).
pub const WRAPPED_PROVIDER: Guid = Guid([
    0xc0, 0x91, 0xad, 0xd3, 0x51, 0x9d, 0xcf, 0x11, 0xa4, 0xa9, 0x00, 0xaa, 0x00, 0x47, 0xfa, 0xa4,
]);

/// An entry id, told apart by its provider, and folders and messages by their size.
///
/// Reading never fails and never loses a byte: [`EntryId::to_bytes`] gives back what
/// [`EntryId::parse`] got. What no layout fits is `Other`. A client keeps the kinds that have a `rest`
/// with bytes of its own behind the specified fields.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryId {
    Folder(FolderEntryId),
    Message(MessageEntryId),
    Store(StoreEntryId),
    OneOff(OneOffEntryId),
    AddressBook(AddressBookEntryId),
    /// A contact (one of its addresses) or a personal distribution list.
    Contact(ContactEntryId),
    Wrapped(WrappedEntryId),
    Ephemeral(EphemeralEntryId),
    Other(Vec<u8>),
}

wire_enum! {
    /// What kind of object a folder or message entry id is for ([MS-OXCDATA] 2.2.4).
    pub enum ObjectKind: u16 {
        PrivateFolder = 0x0001,
        PublicFolder = 0x0003,
        MappedPublicFolder = 0x0005,
        PrivateMessage = 0x0007,
        PublicMessage = 0x0009,
        MappedPublicMessage = 0x000b,
        PublicNewsgroupFolder = 0x000c,
    }
}

wire_struct! {
    /// [MS-OXCDATA] 2.2.4.1; 46 bytes.
    pub struct FolderEntryId {
        pub flags: [u8; 4],
        /// The mailbox's GUID, or PUBLIC_FOLDER_PROVIDER.
        pub provider: Guid,
        pub kind: ObjectKind,
        pub folder: LongTermId,
    }
}

wire_struct! {
    /// [MS-OXCDATA] 2.2.4.2; 70 bytes.
    pub struct MessageEntryId {
        pub flags: [u8; 4],
        /// The mailbox's GUID, or PUBLIC_FOLDER_PROVIDER.
        pub provider: Guid,
        pub kind: ObjectKind,
        pub folder: LongTermId,
        pub message: LongTermId,
    }
}

wire_struct! {
    /// [MS-OXCDATA] 2.2.4.3
    pub struct StoreEntryId {
        pub flags: [u8; 4],
        /// STORE_PROVIDER.
        pub provider: Guid,
        pub version: u8,
        pub flag: u8,
        /// The provider's file name, padded with nulls.
        pub dll: [u8; 14],
        pub wrapped_flags: [u8; 4],
        /// MAILBOX_PROVIDER or PUBLIC_PROVIDER.
        pub wrapped_provider: Guid,
        /// StoreEntryId::MAILBOX or StoreEntryId::PUBLIC.
        pub wrapped_kind: u32,
        pub server: String8,
        /// The mailbox's distinguished name with its null, and what newer clients put behind it.
        pub rest: Rest,
    }
}

wire_struct! {
    /// [MS-OXCDATA] 2.2.5.2
    pub struct AddressBookEntryId {
        pub flags: [u8; 4],
        /// ADDRESS_BOOK_PROVIDER.
        pub provider: Guid,
        pub version: u32,
        /// The display type: 0 for a user, 1 for a distribution list, 0x100 for a container, ...
        pub kind: u32,
        /// The distinguished name.
        pub dn: String8,
        pub rest: Rest,
    }
}

wire_struct! {
    /// [MS-OXCDATA] 2.2.5.3 and 2.2.5.4
    pub struct ContactEntryId {
        pub flags: [u8; 4],
        /// CONTACT_PROVIDER.
        pub provider: Guid,
        pub version: u32,
        /// ContactEntryId::CONTACT or ContactEntryId::DISTRIBUTION_LIST.
        pub kind: u32,
        /// Which address of the contact: 0 to 2 for e-mail, 3 to 5 for fax; 0xFF for a list.
        pub index: u32,
        /// The entry id of the contact or list in its store.
        pub entry_id: SizedBytes<u32>,
        pub rest: Rest,
    }
}

wire_struct! {
    /// A member of a personal distribution list ([MS-OXOCNTC] 2.2.2.2.4.1).
    pub struct WrappedEntryId {
        pub flags: [u8; 4],
        /// WRAPPED_PROVIDER.
        pub provider: Guid,
        /// What is wrapped: contact, list, one-off or address book object.
        pub kind: u8,
        pub entry_id: Rest,
    }
}

wire_struct! {
    /// An entry of the address book for the time of one session ([MS-OXNSPI] 2.2.9.2).
    pub struct EphemeralEntryId {
        /// The first byte is 0x87.
        pub flags: [u8; 4],
        /// The address book server.
        pub provider: Guid,
        pub version: u32,
        /// The display type.
        pub kind: u32,
        /// The Minimal Entry ID.
        pub id: u32,
    }
}

/// A recipient that no address book knows ([MS-OXCDATA] 2.2.5.1).
#[derive(Debug, Clone, PartialEq)]
pub struct OneOffEntryId {
    pub flags: [u8; 4],
    pub version: u16,
    /// The format bits; OneOffEntryId::UNICODE follows the texts when it is written.
    pub format: u16,
    pub texts: OneOffTexts,
    pub rest: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOffTexts {
    Unicode {
        name: WString,
        address_type: WString,
        address: WString,
    },
    /// In the code page of the client that made it.
    Bytes {
        name: String8,
        address_type: String8,
        address: String8,
    },
}

impl EntryId {
    pub fn parse(bytes: &[u8]) -> Self {
        match typed(bytes) {
            // A layout that would not give the same bytes back was not the right one.
            Ok(entry_id) if entry_id.to_bytes() == bytes => entry_id,
            _ => EntryId::Other(bytes.to_vec()),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            EntryId::Folder(id) => id.to_wire(),
            EntryId::Message(id) => id.to_wire(),
            EntryId::Store(id) => id.to_wire(),
            EntryId::OneOff(id) => id.to_wire(),
            EntryId::AddressBook(id) => id.to_wire(),
            EntryId::Contact(id) => id.to_wire(),
            EntryId::Wrapped(id) => id.to_wire(),
            EntryId::Ephemeral(id) => id.to_wire(),
            EntryId::Other(bytes) => bytes.clone(),
        }
    }
}

const EPHEMERAL: u8 = 0x87;
const EXCHANGE_DLL: &[u8; 14] = b"emsmdb.dll\0\0\0\0";
const FOLDER_SIZE: usize = 46;
const MESSAGE_SIZE: usize = 70;

fn typed(bytes: &[u8]) -> Result<EntryId, WireError> {
    let mut r = Reader::new(bytes);
    let flags: [u8; 4] = r.array("the flags of an entry id")?;
    let provider = Guid::read(&mut r)?;
    Ok(match provider {
        _ if flags[0] == EPHEMERAL => EntryId::Ephemeral(Wire::from_wire(bytes)?),
        STORE_PROVIDER => match StoreEntryId::from_wire(bytes)? {
            id if id.dll.to_ascii_lowercase() == *EXCHANGE_DLL => EntryId::Store(id),
            // The stores of other providers, such as PST files, have fields of their own.
            _ => EntryId::Other(bytes.to_vec()),
        },
        ONE_OFF_PROVIDER => EntryId::OneOff(Wire::from_wire(bytes)?),
        ADDRESS_BOOK_PROVIDER => EntryId::AddressBook(Wire::from_wire(bytes)?),
        CONTACT_PROVIDER => match ContactEntryId::from_wire(bytes)? {
            id if id.is_contact() || id.is_list() => EntryId::Contact(id),
            // Containers of the contacts provider have other fields.
            _ => EntryId::Other(bytes.to_vec()),
        },
        WRAPPED_PROVIDER => EntryId::Wrapped(Wire::from_wire(bytes)?),
        _ => match bytes.len() {
            FOLDER_SIZE => EntryId::Folder(Wire::from_wire(bytes)?),
            MESSAGE_SIZE => EntryId::Message(Wire::from_wire(bytes)?),
            _ => EntryId::Other(bytes.to_vec()),
        },
    })
}

impl FolderEntryId {
    /// A folder of a private mailbox.
    pub fn private(mailbox: Guid, folder: LongTermId) -> Self {
        let kind = ObjectKind::PrivateFolder;
        FolderEntryId { flags: [0; 4], provider: mailbox, kind, folder }
    }

    /// A public folder.
    pub fn public(folder: LongTermId) -> Self {
        let (provider, kind) = (PUBLIC_FOLDER_PROVIDER, ObjectKind::PublicFolder);
        FolderEntryId { flags: [0; 4], provider, kind, folder }
    }
}

impl MessageEntryId {
    /// A message of a private mailbox.
    pub fn private(mailbox: Guid, folder: LongTermId, message: LongTermId) -> Self {
        let kind = ObjectKind::PrivateMessage;
        MessageEntryId { flags: [0; 4], provider: mailbox, kind, folder, message }
    }

    /// A message in a public folder.
    pub fn public(folder: LongTermId, message: LongTermId) -> Self {
        let (provider, kind) = (PUBLIC_FOLDER_PROVIDER, ObjectKind::PublicMessage);
        MessageEntryId { flags: [0; 4], provider, kind, folder, message }
    }
}

impl StoreEntryId {
    /// The wrapped kind of a mailbox: OPENSTORE_HOME_LOGON and OPENSTORE_TAKE_OWNERSHIP.
    pub const MAILBOX: u32 = 0x0000_000c;
    /// The wrapped kind of a public folder store.
    pub const PUBLIC: u32 = 0x0000_0006;

    /// The store of a mailbox, named by the server and the mailbox's distinguished name.
    pub fn mailbox(server: &str, mailbox_dn: &str) -> Self {
        StoreEntryId {
            flags: [0; 4],
            provider: STORE_PROVIDER,
            version: 0,
            flag: 0,
            dll: *EXCHANGE_DLL,
            wrapped_flags: [0; 4],
            wrapped_provider: MAILBOX_PROVIDER,
            wrapped_kind: Self::MAILBOX,
            server: server.into(),
            rest: Rest(String8::from(mailbox_dn).to_wire()),
        }
    }

    /// The store of public folders, named by the server.
    pub fn public(server: &str) -> Self {
        StoreEntryId {
            wrapped_provider: PUBLIC_PROVIDER,
            wrapped_kind: Self::PUBLIC,
            rest: Rest(Vec::new()),
            ..StoreEntryId::mailbox(server, "")
        }
    }

    /// The distinguished name of the mailbox, if there is one.
    pub fn mailbox_dn(&self) -> Option<String8> {
        if self.wrapped_provider != MAILBOX_PROVIDER {
            return None;
        }
        String8::read(&mut Reader::new(&self.rest.0)).ok()
    }
}

impl AddressBookEntryId {
    /// An entry named by its distinguished name; `kind` is its display type.
    pub fn new(dn: &str, kind: u32) -> Self {
        AddressBookEntryId {
            flags: [0; 4],
            provider: ADDRESS_BOOK_PROVIDER,
            version: 1,
            kind,
            dn: dn.into(),
            rest: Rest::default(),
        }
    }
}

impl ContactEntryId {
    pub const CONTACT: u32 = 4;
    pub const DISTRIBUTION_LIST: u32 = 5;

    pub fn is_contact(&self) -> bool {
        self.kind == Self::CONTACT
    }

    pub fn is_list(&self) -> bool {
        self.kind == Self::DISTRIBUTION_LIST
    }
}

impl OneOffEntryId {
    /// Set in `format` if the texts are UTF-16.
    pub const UNICODE: u16 = 0x8000;
    /// Set in `format` if the address book is not to be asked for the recipient.
    pub const NO_LOOKUP: u16 = 0x1000;
    /// Set in `format` if the recipient gets plain MIME and no rich text.
    pub const MIME: u16 = 0x0001;

    pub fn new(name: &str, address_type: &str, address: &str) -> Self {
        OneOffEntryId {
            flags: [0; 4],
            version: 0,
            format: Self::UNICODE | Self::NO_LOOKUP | Self::MIME,
            texts: OneOffTexts::Unicode {
                name: name.into(),
                address_type: address_type.into(),
                address: address.into(),
            },
            rest: Vec::new(),
        }
    }
}

impl Wire for OneOffEntryId {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let flags = r.array("the flags of an entry id")?;
        if Guid::read(r)? != ONE_OFF_PROVIDER {
            return Err(r.bad("the provider of one-off recipients", 0, 16));
        }
        let (version, format) = (u16::read(r)?, u16::read(r)?);
        let texts = match format & Self::UNICODE {
            0 => OneOffTexts::Bytes {
                name: String8::read(r)?,
                address_type: String8::read(r)?,
                address: String8::read(r)?,
            },
            _ => OneOffTexts::Unicode {
                name: WString::read(r)?,
                address_type: WString::read(r)?,
                address: WString::read(r)?,
            },
        };
        Ok(OneOffEntryId { flags, version, format, texts, rest: r.rest().to_vec() })
    }

    fn write(&self, w: &mut Vec<u8>) {
        self.flags.write(w);
        ONE_OFF_PROVIDER.write(w);
        self.version.write(w);
        match &self.texts {
            OneOffTexts::Unicode { name, address_type, address } => {
                (self.format | Self::UNICODE).write(w);
                [name, address_type, address].into_iter().for_each(|text| text.write(w));
            }
            OneOffTexts::Bytes { name, address_type, address } => {
                (self.format & !Self::UNICODE).write(w);
                [name, address_type, address].into_iter().for_each(|text| text.write(w));
            }
        }
        w.extend_from_slice(&self.rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GlobalCounter;

    fn long_term(counter: u64) -> LongTermId {
        LongTermId::new(Guid([5; 16]), GlobalCounter::new(counter))
    }

    #[test]
    fn made_entry_ids_are_told_apart() {
        let mailbox = Guid([9; 16]);
        for entry_id in [
            EntryId::Folder(FolderEntryId::private(mailbox, long_term(1))),
            EntryId::Message(MessageEntryId::private(mailbox, long_term(1), long_term(2))),
            EntryId::Store(StoreEntryId::mailbox("server", "/o=x/cn=me")),
            EntryId::OneOff(OneOffEntryId::new("Me", "SMTP", "me@example.test")),
            EntryId::AddressBook(AddressBookEntryId::new("/o=x/cn=me", 0)),
            EntryId::Other(vec![1, 2, 3]),
        ] {
            assert_eq!(EntryId::parse(&entry_id.to_bytes()), entry_id);
        }
    }

    #[test]
    fn sizes_of_folder_and_message() {
        let folder = FolderEntryId::private(Guid([9; 16]), long_term(1));
        assert_eq!(folder.to_wire().len(), FOLDER_SIZE);
        let message = MessageEntryId::private(Guid([9; 16]), long_term(1), long_term(2));
        assert_eq!(message.to_wire().len(), MESSAGE_SIZE);
    }

    #[test]
    fn a_store_knows_its_mailbox() {
        let store = StoreEntryId::mailbox("server", "/o=x/cn=me");
        assert_eq!(store.mailbox_dn(), Some("/o=x/cn=me".into()));
    }
}
