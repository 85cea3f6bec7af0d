//! The organisation's public folders: the second kind of store that IMsgStore stands for.

use std::sync::Arc;

use mapi::{FolderId, LongTermId};
use mapi_rop::RopRequest;
use mapi_rop::irregular::{LogonResponse, WritePerUserInformationRequest};
use mapi_rop::logon::{LogonRequest, ReadPerUserInformationRequest};

use crate::connection::Connection;
use crate::object::{HasObject, ServerObject, answer};
use crate::store::{StoreInfo, StoreKind, log_on, open_folder};
use crate::{Error, Folder, MapiProp, Result};

/// How many bytes of read state one request carries.
const PIECE: usize = 4096;

/// The public folder store ([MS-OXCSTOR] 2.2.1.1.4). Everybody sees the same folders; what he has read there is
/// everybody's own.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi_session::{Profile, Session};
///
/// let session = Session::logon(Profile::in_memory("me@example.test")?)?;
/// let public = session.open_public_store()?;
/// let top = public.ipm_subtree()?;
/// assert_eq!(top.hierarchy_table()?.row_count()?, 0);
/// assert_eq!(public.read_state(&top)?, b"");
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
///
/// Dropping it closes it, as with [`crate::MsgStore`].
pub struct PublicStore {
    object: Arc<ServerObject>,
    info: Arc<StoreInfo>,
}

impl PublicStore {
    pub(crate) fn open(connection: &Arc<Connection>, entry_id: Vec<u8>) -> Result<PublicStore> {
        let (object, answer) = log_on(connection, LogonRequest::public())?;
        let LogonResponse::Public(logon) = answer else {
            return Err(Error::Protocol("a mailbox instead of the public folder store".into()));
        };
        let info = StoreInfo {
            kind: StoreKind::Public,
            folders: logon.folders,
            replica: logon.replica,
            replica_guid: logon.replica_guid,
            entry_id,
        };
        Ok(PublicStore { object, info: Arc::new(info) })
    }

    /// The store's entry id.
    pub fn entry_id(&self) -> &[u8] {
        &self.info.entry_id
    }

    /// The root of all public folders.
    pub fn root_folder(&self) -> Result<Folder> {
        self.open_folder(self.info.folders.0[0])
    }

    /// The top of what users see.
    pub fn ipm_subtree(&self) -> Result<Folder> {
        self.open_folder(self.info.folders.0[1])
    }

    /// The top of what programs keep: forms, free/busy messages, address books.
    pub fn non_ipm_subtree(&self) -> Result<Folder> {
        self.open_folder(self.info.folders.0[2])
    }

    /// Opens a public folder by its id.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::NOT_FOUND`] if there is none of that id.
    pub fn open_folder(&self, id: FolderId) -> Result<Folder> {
        open_folder(&self.object, &self.info, id)
    }

    /// What the user has read in a folder: an IDSET of change numbers, whose bytes nobody but stores has to
    /// understand ([MS-OXCSTOR] 2.2.1.13). Empty if he has read nothing.
    pub fn read_state(&self, folder: &Folder) -> Result<Vec<u8>> {
        let folder = self.long_term_id(folder)?;
        let mut state = Vec::new();
        loop {
            let request = ReadPerUserInformationRequest {
                folder,
                reserved: 0,
                data_offset: u32::try_from(state.len())
                    .map_err(|_| Error::Protocol("a read state over 4 GB".into()))?,
                max_data_size: PIECE as u16,
            };
            let outcome = self.object.call(RopRequest::ReadPerUserInformation(request));
            let piece = answer!(outcome, ReadPerUserInformation);
            if piece.data.bytes.is_empty() && !piece.has_finished {
                return Err(Error::Protocol("a read state that does not end".into()));
            }
            state.extend_from_slice(&piece.data.bytes);
            if piece.has_finished {
                return Ok(state);
            }
        }
    }

    /// Makes a state that [`PublicStore::read_state`] told, then or of another replica, what the user has read in
    /// the folder ([MS-OXCSTOR] 2.2.1.14).
    ///
    /// # Errors
    ///
    /// The store's code for bytes that are no such state, or for more of them than it takes.
    pub fn set_read_state(&self, folder: &Folder, state: &[u8]) -> Result<()> {
        let folder = self.long_term_id(folder)?;
        let mut sent = 0;
        loop {
            let end = (sent + PIECE).min(state.len());
            let request = WritePerUserInformationRequest {
                folder,
                has_finished: end == state.len(),
                data_offset: u32::try_from(sent)
                    .map_err(|_| Error::InvalidArgument("a read state over 4 GB"))?,
                data: state[sent..end].to_vec().into(),
                replica_guid: None,
            };
            let outcome = self.object.call(RopRequest::WritePerUserInformation(request));
            answer!(outcome, WritePerUserInformation);
            sent = end;
            if sent == state.len() {
                return Ok(());
            }
        }
    }

    /// Closes the store under everything that was opened from it, and waits until that has been sent.
    pub fn logoff(self) -> Result<()> {
        self.object.close()
    }

    fn long_term_id(&self, folder: &Folder) -> Result<LongTermId> {
        let id = folder.id();
        self.info.long_term_id(&self.object, id.replica, id.counter, id.into())
    }
}

impl HasObject for PublicStore {
    fn object(&self) -> &Arc<ServerObject> {
        &self.object
    }
}

impl MapiProp for PublicStore {}

impl std::fmt::Debug for PublicStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicStore").finish_non_exhaustive()
    }
}
