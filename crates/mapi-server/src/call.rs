//! What a handler gets beside its request: the session, its owner tree, and how much may be answered.

use std::sync::Arc;

use mapi::{ErrorCode, FolderId};
use store::Mailbox;

use crate::convert::TextWish;
use crate::error::Result;
use crate::handles::{Handle, NodeId, Tree};
use crate::ledger::{Entry, Kind};
use crate::notify::Feed;
use crate::object::{Attachment, BASE_BYTES, Folder, Logon, Message, Object, Stream, Table};
use crate::processor::Processor;
use crate::session::SessionContext;

/// One ROP at work.
pub struct Call<'a> {
    pub processor: &'a Processor,
    pub session: &'a SessionContext,
    pub tree: &'a mut Tree<Object>,
    pub logon_id: u8,
    /// Bytes that the answer may take, RopId and all.
    pub room: usize,
}

/// The answer of a ROP that opened an object.
#[derive(Debug)]
pub struct Opened<T> {
    pub handle: Handle,
    pub response: T,
}

impl Call<'_> {
    /// Counts an object in before it is made.
    pub fn count(&self, kind: Kind) -> Result<Entry> {
        Ok(self.session.account.open(kind, BASE_BYTES)?)
    }

    /// States what a message or an attachment holds now; of a stream, the object that it writes to.
    pub fn recount(&self, node: NodeId) {
        match self.tree.get(node) {
            Some(Object::Stream(_)) => {
                if let Some(owner) = self.tree.owner(node) {
                    self.recount(owner);
                }
            }
            Some(object) => {
                if let Some(bytes) = object.held() {
                    object.entry().state(bytes);
                }
            }
            None => {}
        }
    }

    /// Puts an object into the owner tree under this ROP's logon.
    pub fn open<T>(
        &mut self,
        owner: Option<NodeId>,
        object: Object,
        response: T,
    ) -> Result<Opened<T>> {
        let handle = self.tree.insert(self.logon_id, owner, object)?;
        Ok(Opened { handle, response })
    }

    pub fn logon(&self) -> Result<&Logon> {
        let node = self.tree.logon(self.logon_id).ok_or(ErrorCode::NULL_OBJECT)?;
        match self.tree.get(node) {
            Some(Object::Logon(logon)) => Ok(logon),
            _ => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    /// From now on, what changes in the logon's mailbox is kept to be told.
    pub fn listen(&mut self) -> Result<()> {
        let node = self.tree.logon(self.logon_id).ok_or(ErrorCode::NULL_OBJECT)?;
        if let Some(Object::Logon(logon)) = self.tree.get_mut(node)
            && logon.feed.is_none()
        {
            logon.feed = Some(Box::new(Feed::new(self.processor, &logon.mailbox)?));
        }
        Ok(())
    }

    pub fn logon_mut(&mut self) -> Result<&mut Logon> {
        let node = self.tree.logon(self.logon_id).ok_or(ErrorCode::NULL_OBJECT)?;
        match self.tree.get_mut(node) {
            Some(Object::Logon(logon)) => Ok(logon),
            _ => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    pub fn mailbox(&self) -> Result<Arc<Mailbox>> {
        self.logon().map(|logon| Arc::clone(&logon.mailbox))
    }

    /// The logon of any object, also if it is not this ROP's.
    pub fn logon_of(&self, node: NodeId) -> Result<&Logon> {
        match self.tree.logon_of(node).and_then(|logon| self.tree.get(logon)) {
            Some(Object::Logon(logon)) => Ok(logon),
            _ => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    /// The mailbox of any object, also of another logon.
    pub fn mailbox_of(&self, node: NodeId) -> Result<Arc<Mailbox>> {
        self.logon_of(node).map(|logon| Arc::clone(&logon.mailbox))
    }

    /// How text goes out for an object without a code page of its own.
    pub fn wish(&self, unicode: bool) -> TextWish {
        TextWish { unicode, code_page: self.session.locale.code_page }
    }

    /// The input object, if it is a logon.
    pub fn need_logon(&self, node: NodeId) -> Result<()> {
        match self.tree.get(node) {
            Some(Object::Logon(_)) => Ok(()),
            _ => Err(ErrorCode::NOT_SUPPORTED.into()),
        }
    }

    /// The input object, if it is a logon to a mailbox.
    pub fn need_private_logon(&self, node: NodeId) -> Result<()> {
        self.need_logon(node)?;
        match self.mailbox()?.is_public() {
            false => Ok(()),
            true => Err(ErrorCode::NOT_SUPPORTED.into()),
        }
    }

    /// The input object, if it is a logon to public folders.
    pub fn need_public_logon(&self, node: NodeId) -> Result<()> {
        self.need_logon(node)?;
        match self.mailbox()?.is_public() {
            true => Ok(()),
            false => Err(ErrorCode::NOT_SUPPORTED.into()),
        }
    }

    /// The input object, if it is a folder; else `otherwise`.
    pub fn folder(&self, node: NodeId, otherwise: ErrorCode) -> Result<FolderId> {
        match self.tree.get(node) {
            Some(Object::Folder(Folder { id, .. })) => Ok(*id),
            _ => Err(otherwise.into()),
        }
    }

    /// Whether an object, also of another logon, is a folder of public ones.
    pub fn is_public_folder(&self, node: NodeId) -> bool {
        matches!(self.tree.get(node), Some(Object::Folder(_)))
            && self.logon_of(node).is_ok_and(|logon| logon.mailbox.is_public())
    }

    /// The input object, if it is a message; ecNullObject else ([MS-OXCMSG] 3.2.5).
    pub fn message(&mut self, node: NodeId) -> Result<&mut Message> {
        match self.tree.get_mut(node) {
            Some(Object::Message(message)) => Ok(message),
            _ => Err(ErrorCode::NULL_OBJECT.into()),
        }
    }

    pub fn attachment(&mut self, node: NodeId, otherwise: ErrorCode) -> Result<&mut Attachment> {
        match self.tree.get_mut(node) {
            Some(Object::Attachment(attachment)) => Ok(attachment),
            _ => Err(otherwise.into()),
        }
    }

    /// The input object, if it is a table; ecNotSupported else ([MS-OXCTABL] 3.2.5).
    pub fn table(&mut self, node: NodeId) -> Result<&mut Table> {
        match self.tree.get_mut(node) {
            Some(Object::Table(table)) => Ok(table),
            _ => Err(ErrorCode::NOT_SUPPORTED.into()),
        }
    }

    /// The input object, if it is a stream; ecNotSupported else.
    pub fn stream(&mut self, node: NodeId) -> Result<&mut Stream> {
        match self.tree.get_mut(node) {
            Some(Object::Stream(stream)) => Ok(stream),
            _ => Err(ErrorCode::NOT_SUPPORTED.into()),
        }
    }
}
