//! What a message is read from: its outline where that says enough, else the message.

use formats::mime::{self, with_crlf};
use mapi::MessageId;
use store::message::{self, Listed, Outline};
use store::{Mailbox, StoreError};

/// Another number makes the outlines of messages anew that are made of properties: raised when what [`mime::write`]
/// writes becomes something else.
const WRITER: u8 = 1;
/// Outlines that are read at a time.
pub(super) const OUTLINES: usize = 256;
/// Outlines that are kept in one batch.
const KEPT: usize = 64;

/// How much of a message is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Summary,
    Size,
    Header,
    Whole,
}

/// The bytes of a message, or of its header with the empty line.
pub(super) struct Source {
    pub(super) bytes: Vec<u8>,
    /// RFC822.SIZE.
    pub(super) size: u64,
    pub(super) is_header: bool,
}

/// Outlines that were missing and were made, to be kept for the next one who asks.
#[derive(Default)]
pub(super) struct Made(Vec<(MessageId, u64, Outline)>);

impl Made {
    /// Keeps them when there are some, or whatever there is at the `end`.
    pub(super) fn keep(&mut self, mailbox: &Mailbox, folder: mapi::FolderId, end: bool) {
        if self.0.len() < if end { 1 } else { KEPT } {
            return;
        }
        let made = std::mem::take(&mut self.0);
        if let Err(error) = message::keep_outlines(mailbox, folder, &made) {
            // It is made again when it is asked for.
            tracing::debug!(%error, "outlines are not kept");
        }
    }
}

/// The outlines of messages that are of use; None for the others.
pub(super) fn outlines(
    mailbox: &Mailbox,
    ids: &[MessageId],
) -> Result<Vec<Option<Outline>>, StoreError> {
    let mut all = message::outlines(mailbox, ids)?;
    for outline in &mut all {
        *outline = outline.take().filter(|outline| matches!(outline.writer, 0 | WRITER));
    }
    Ok(all)
}

/// Reads as much of a message as is needed.
pub(super) fn read(
    mailbox: &Mailbox,
    listed: &Listed,
    need: Need,
    outline: Option<Outline>,
    made: &mut Made,
) -> Result<Source, StoreError> {
    match (need, outline) {
        (Need::Summary, _) => Ok(Source { bytes: Vec::new(), size: 0, is_header: true }),
        (Need::Size, Some(outline)) => {
            Ok(Source { bytes: Vec::new(), size: outline.size, is_header: true })
        }
        (Need::Header, Some(Outline { size, header: Some(bytes), .. })) => {
            Ok(Source { bytes, size, is_header: true })
        }
        (_, outline) => {
            let (bytes, writer) = whole(mailbox, listed.id)?;
            if outline.is_none() && need < Need::Whole {
                made.0.push((listed.id, listed.sequence, Outline::of(&bytes, writer)));
            }
            Ok(Source { size: bytes.len() as u64, bytes, is_header: false })
        }
    }
}

/// A message as it was received, or made of its properties where it was not; with CR LF at the lines' ends.
pub(super) fn received(mailbox: &Mailbox, id: MessageId) -> Result<Vec<u8>, StoreError> {
    Ok(whole(mailbox, id)?.0)
}

fn whole(mailbox: &Mailbox, id: MessageId) -> Result<(Vec<u8>, u8), StoreError> {
    let (bytes, writer) = match message::mime(mailbox, id)? {
        Some(bytes) => (bytes, 0),
        None => (mime::write(&message::export(mailbox, id)?), WRITER),
    };
    Ok((with_crlf(bytes), writer))
}

/// RFC822.SIZE of messages of a folder together.
pub(super) fn sizes(
    mailbox: &Mailbox,
    folder: mapi::FolderId,
    listed: &[Listed],
) -> Result<u64, StoreError> {
    let mut total = 0;
    let mut made = Made::default();
    for some in listed.chunks(OUTLINES) {
        let ids: Vec<_> = some.iter().map(|listed| listed.id).collect();
        for (listed, outline) in some.iter().zip(outlines(mailbox, &ids)?) {
            match read(mailbox, listed, Need::Size, outline, &mut made) {
                Ok(source) => total += source.size,
                // It went meanwhile.
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
            made.keep(mailbox, folder, false);
        }
    }
    made.keep(mailbox, folder, true);
    Ok(total)
}
