//! Attachments: what IAttach is.

use std::sync::Arc;

use mapi_rop::RopRequest;
use mapi_rop::message::{
    LOGON_CODE_PAGE, OpenEmbeddedMessageRequest, OpenMessageFlags, SaveChangesRequest, SaveFlags,
};

use crate::object::{HasObject, ServerObject, answer};
use crate::store::StoreInfo;
use crate::{Error, MapiProp, Message, Result};

/// An open attachment. Its bytes are the property PidTagAttachDataBinary: [`MapiProp::open_stream`] and
/// [`MapiProp::create_stream`] read and write it.
pub struct Attachment {
    object: Arc<ServerObject>,
    info: Arc<StoreInfo>,
    number: u32,
}

impl Attachment {
    pub(crate) fn new(object: ServerObject, info: Arc<StoreInfo>, number: u32) -> Self {
        Attachment { object: Arc::new(object), info, number }
    }

    /// PidTagAttachNumber: what names the attachment within its message.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Opens the message that is attached (PidTagAttachMethod afEmbeddedMessage).
    pub fn open_message(&self) -> Result<Message> {
        self.embedded(OpenMessageFlags::BEST_ACCESS)
    }

    /// Makes a message in the attachment. Save it, then the attachment, then the message around.
    pub fn create_message(&self) -> Result<Message> {
        self.embedded(OpenMessageFlags::READ_WRITE | OpenMessageFlags::CREATE)
    }

    /// Hands the changes to the message, which has to be saved after it.
    pub fn save(&self) -> Result<()> {
        let flags = SaveFlags::KEEP_OPEN_READ_WRITE;
        let request = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags });
        answer!(self.object.call(request), SaveChangesAttachment);
        Ok(())
    }

    /// Releases the attachment, unsaved changes with it, and waits until that has been sent.
    pub fn close(self) -> Result<()> {
        self.object.close()
    }

    fn embedded(&self, flags: OpenMessageFlags) -> Result<Message> {
        let request = OpenEmbeddedMessageRequest { code_page: LOGON_CODE_PAGE, flags };
        let (answer, object) =
            self.object.open(RopRequest::OpenEmbeddedMessage(request), "the message")?;
        answer!(Ok::<_, Error>(answer), OpenEmbeddedMessage);
        Ok(Message::new(object, self.info.clone(), None, None))
    }
}

impl HasObject for Attachment {
    fn object(&self) -> &Arc<ServerObject> {
        &self.object
    }
}

impl MapiProp for Attachment {}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("number", &self.number).finish_non_exhaustive()
    }
}
