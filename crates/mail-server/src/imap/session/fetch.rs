//! FETCH (RFC 9051 6.4.5), in pieces: what is told of a mailbox may be larger than memory.

use std::borrow::Cow;

use mapi::{FileTime, FolderId, MessageId};
use store::message::{self, Listed, MarkEdit, Marks, Outline};
use store::{Mailbox, StoreError};

use super::source::{self, Made, Need, Source};
use super::{
    Done, Fail, Outcome, Session, doing, messages_of, no, place, preview, put_flags, search, whole,
};
use crate::imap::command::{BodySection, By, FetchModifiers, Fetched, SequenceSet};
use crate::imap::mailbox::{Known, Selected};
use crate::imap::response::{body_structure, date_time, envelope, literal, nstring, put, string};
use crate::imap::structure::{self, Node};

/// Bytes of an answer after which it is sent.
const PIECE: usize = 256 << 10;
/// How often what one FETCH asks for may hold a message.
const MAX_REPEATED: usize = 4;
/// Messages whose summaries are read, or that are marked as read, at a time.
const BATCH: usize = 256;
/// The same, where each message is opened anyway.
const OPENED_BATCH: usize = 16;

/// A FETCH on its way.
pub(super) struct Fetching {
    tag: String,
    by: By,
    items: Vec<Fetched>,
    condstore: bool,
    changed_since: Option<u64>,
    left: std::vec::IntoIter<Known>,
    batch: std::vec::IntoIter<(Known, Option<Listed>, Option<Outline>)>,
    made: Made,
    missing: bool,
    /// What is read may be marked so.
    may_mark: bool,
    failed: Option<Fail>,
}

impl Session {
    /// Begins. What is left is done by [`go_on`].
    pub(super) fn fetch(
        &mut self,
        tag: &str,
        by: By,
        set: &SequenceSet,
        mut items: Vec<Fetched>,
        modifiers: FetchModifiers,
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let FetchModifiers { changed_since, vanished, partial } = modifiers;
        let qresync = self.qresync;
        self.condstore |= changed_since.is_some() || items.contains(&Fetched::ModSeq);
        let condstore = self.condstore;
        let (selected, user) = self.selected()?;
        if vanished && !qresync {
            return Err(Fail::Bad("ENABLE QRESYNC comes first"));
        }
        // RFC 9051 6.4.9.
        if by == By::Uid && !items.contains(&Fetched::Uid) {
            items.insert(0, Fetched::Uid);
        }
        if changed_since.is_some() && !items.contains(&Fetched::ModSeq) {
            items.push(Fetched::ModSeq);
        }
        let may_mark = !selected.read_only && user.may(selected.folder, place::EDIT)?;
        let mut known = messages_of(selected, by, set)?;
        // First the range, then what of it changed (RFC 9394 3.4).
        if let Some((first, last)) = partial {
            known = search::part(&known, first, last).to_vec();
        }
        if vanished {
            let uid_next = store::folder::info(&user.mailbox, selected.folder)?.uid_next;
            let gone = selected.vanished(&set.resolved(uid_next.saturating_sub(1)), uid_next);
            if !gone.is_empty() {
                put(w, &format!("* VANISHED (EARLIER) {gone}\r\n"));
            }
        }
        self.fetching = Some(Fetching {
            tag: tag.to_owned(),
            by,
            items,
            condstore,
            changed_since,
            left: known.into_iter(),
            batch: Vec::new().into_iter(),
            made: Made::default(),
            missing: false,
            may_mark,
            failed: None,
        });
        Ok(())
    }
}

impl Fetching {
    /// The tag, the result, and whether numbers may change with it.
    pub(super) fn outcome(self) -> (String, Outcome, bool) {
        let expunge = self.by == By::Uid;
        let outcome = match (self.failed, self.missing) {
            (Some(fail), _) => Err(fail),
            (None, true) => Ok(Done {
                code: Some("EXPUNGEISSUED".into()),
                text: "Some messages are not there any more",
            }),
            (None, false) => Ok(Done { code: None, text: "Fetched" }),
        };
        (self.tag, outcome, expunge)
    }

    fn need(&self) -> Need {
        self.items.iter().map(need).max().unwrap_or(Need::Summary)
    }

    fn marks_as_read(&self) -> bool {
        self.items.iter().any(|item| match item {
            Fetched::Body(body) => !body.peek,
            Fetched::Binary { peek, .. } => !peek,
            Fetched::Whole | Fetched::Text => true,
            _ => false,
        })
    }
}

/// How much of a message an item is made of.
fn need(item: &Fetched) -> Need {
    match item {
        Fetched::Flags
        | Fetched::InternalDate
        | Fetched::Uid
        | Fetched::ModSeq
        | Fetched::EmailId
        | Fetched::ThreadId
        | Fetched::SaveDate => Need::Summary,
        Fetched::Size => Need::Size,
        Fetched::Envelope | Fetched::Header => Need::Header,
        Fetched::Body(body) if body.section.is_header() => Need::Header,
        _ => Need::Whole,
    }
}

/// Whether an item asks for a part of the message, so that the message has to be taken apart.
fn is_part(item: &Fetched, is_header: bool) -> bool {
    match item {
        Fetched::Whole => false,
        Fetched::Header => !is_header,
        Fetched::Body(body) if body.section.is_header() => !is_header,
        Fetched::Body(body) => !body.section.part.is_empty() || body.section.text.is_some(),
        item => need(item) >= Need::Header,
    }
}

/// Appends a piece of the answer; whether there is more.
pub(super) fn go_on(
    fetching: &mut Fetching,
    selected: &mut Selected,
    mailbox: &Mailbox,
    w: &mut Vec<u8>,
) -> bool {
    loop {
        if let Some((known, listed, outline)) = fetching.batch.next() {
            match listed {
                None => fetching.missing = true,
                Some(listed) => {
                    let begin = w.len();
                    if let Err(fail) = one(fetching, &known, &listed, outline, mailbox, w) {
                        // What is damaged keeps no other message back.
                        w.truncate(begin);
                        fetching.failed.get_or_insert(fail);
                    }
                }
            }
            fetching.made.keep(mailbox, selected.folder, false);
            if w.len() >= PIECE {
                return true;
            }
            continue;
        }
        match next_batch(fetching, selected, mailbox) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(fail) => fetching.failed = Some(fail),
        }
        fetching.made.keep(mailbox, selected.folder, true);
        return false;
    }
}

fn next_batch(
    fetching: &mut Fetching,
    selected: &mut Selected,
    mailbox: &Mailbox,
) -> Result<bool, Fail> {
    let need = fetching.need();
    let size = if need == Need::Whole { OPENED_BATCH } else { BATCH };
    let known: Vec<Known> = fetching.left.by_ref().take(size).collect();
    if known.is_empty() {
        return Ok(false);
    }
    let ids: Vec<_> = known.iter().map(|known| known.id).collect();
    let mut listed = message::list_some(mailbox, selected.folder, &ids)?;
    if let Some(since) = fetching.changed_since {
        for slot in &mut listed {
            *slot = slot.filter(|listed| listed.sequence > since);
        }
    }
    if fetching.may_mark && fetching.marks_as_read() {
        let unread = listed.iter().flatten().filter(|listed| !listed.marks().read);
        let unread: Vec<_> = unread.map(|listed| listed.id).collect();
        if !unread.is_empty() {
            let folder = selected.folder;
            let read = MarkEdit::Add(Marks { read: true, ..Marks::default() });
            doing(selected, || message::edit_marks(mailbox, folder, &unread, &read, None))?;
            // The client is told of the flag with the body (RFC 9051 6.4.5).
            if !fetching.items.contains(&Fetched::Flags) {
                fetching.items.push(Fetched::Flags);
            }
            let again = message::list_some(mailbox, folder, &ids)?;
            // What was filtered out stays out.
            for (slot, again) in listed.iter_mut().zip(again).filter(|(slot, _)| slot.is_some()) {
                *slot = again;
            }
        }
    }
    let both = known.into_iter().zip(listed);
    // What did not change is not missing.
    let both: Vec<_> = match fetching.changed_since {
        Some(_) => both.filter(|(_, listed)| listed.is_some()).collect(),
        None => both.collect(),
    };
    let ids: Vec<_> = both.iter().map(|(known, _)| known.id).collect();
    let outlines = match need {
        Need::Size | Need::Header => source::outlines(mailbox, &ids)?,
        Need::Summary | Need::Whole => ids.iter().map(|_| None).collect(),
    };
    let all = both.into_iter().zip(outlines).map(|((known, listed), o)| (known, listed, o));
    fetching.batch = all.collect::<Vec<_>>().into_iter();
    Ok(true)
}

fn one(
    fetching: &mut Fetching,
    known: &Known,
    listed: &Listed,
    outline: Option<Outline>,
    mailbox: &Mailbox,
    w: &mut Vec<u8>,
) -> Result<(), Fail> {
    let need = fetching.need();
    let source = source::read(mailbox, listed, need, outline, &mut fetching.made)?;
    let bytes = &source.bytes[..];
    let root = match fetching.items.iter().any(|item| is_part(item, source.is_header)) {
        true => Some(structure::parse(bytes)),
        false => None,
    };
    let begin = w.len();
    put(w, &format!("* {} FETCH (", known.number));
    for (index, item) in fetching.items.iter().enumerate() {
        put(w, if index == 0 { "" } else { " " });
        let put = put_item(w, item, known, listed, mailbox, &source, root.as_ref());
        if put.is_err() || w.len() - begin > MAX_REPEATED * bytes.len() + PIECE {
            // Nothing of it is sent.
            w.truncate(begin);
            put?;
            return Err(no(
                "LIMIT",
                "this asks for a message many times over: ask for less at once",
            ));
        }
    }
    // RFC 7162 3.2: with flags, once the client knows of it.
    let flags = fetching.items.contains(&Fetched::Flags);
    if fetching.condstore && flags && !fetching.items.contains(&Fetched::ModSeq) {
        put(w, &format!(" MODSEQ ({})", listed.sequence));
    }
    put(w, ")\r\n");
    Ok(())
}

fn put_item(
    w: &mut Vec<u8>,
    item: &Fetched,
    known: &Known,
    listed: &Listed,
    mailbox: &Mailbox,
    source: &Source,
    root: Option<&Node<'_>>,
) -> Result<(), Fail> {
    let bytes = &source.bytes[..];
    match (item, root) {
        (Fetched::Flags, _) => {
            put(w, "FLAGS ");
            put_flags(w, &marks(mailbox, listed)?);
        }
        (Fetched::InternalDate, _) => {
            put(w, "INTERNALDATE ");
            date_time(w, listed.received);
        }
        (Fetched::Uid, _) => put(w, &format!("UID {}", known.uid)),
        (Fetched::ModSeq, _) => put(w, &format!("MODSEQ ({})", listed.sequence)),
        (Fetched::Size, _) => put(w, &format!("RFC822.SIZE {}", source.size)),
        (Fetched::EmailId, _) => put(w, &format!("EMAILID ({})", email_id(listed.id))),
        // RFC 8474 5.2: NIL where threads are not kept.
        (Fetched::ThreadId, _) => put(w, "THREADID NIL"),
        (Fetched::SaveDate, _) => {
            put(w, "SAVEDATE ");
            date_time(w, saved(mailbox, listed)?);
        }
        (Fetched::Whole, None) => {
            put(w, "RFC822 ");
            literal(w, bytes);
        }
        (Fetched::Header, None) => {
            put(w, "RFC822.HEADER ");
            literal(w, bytes);
        }
        (Fetched::Body(body), None) => {
            let found = structure::of_message(bytes, body.section.text.as_ref());
            put_section(w, body, Some(found));
        }
        (_, None) => {}
        (Fetched::Envelope, Some(root)) => {
            put(w, "ENVELOPE ");
            envelope(w, &root.part.header);
        }
        // It is at hand at once: whoever does not want to wait gets it as well (RFC 8970 3.2).
        (Fetched::Preview { .. }, Some(root)) => {
            put(w, "PREVIEW ");
            string(w, preview::preview(root).as_bytes());
        }
        (Fetched::Structure { extended }, Some(root)) => {
            put(w, if *extended { "BODYSTRUCTURE " } else { "BODY " });
            body_structure(w, root, *extended);
        }
        (Fetched::Whole, Some(_)) => {
            put(w, "RFC822 ");
            literal(w, bytes);
        }
        (Fetched::Header, Some(root)) => {
            put(w, "RFC822.HEADER ");
            literal(w, root.header());
        }
        (Fetched::Text, Some(root)) => {
            put(w, "RFC822.TEXT ");
            literal(w, root.part.body);
        }
        (Fetched::Body(body), Some(root)) => {
            put_section(w, body, root.section(&body.section));
        }
        (Fetched::Binary { part, partial: bounds, .. }, Some(root)) => {
            let found = binary(root, part, bytes)?;
            put(w, &format!("BINARY[{}]", number(part)));
            if let Some((offset, _)) = bounds {
                put(w, &format!("<{offset}>"));
            }
            put(w, " ");
            match found {
                Some(found) => {
                    let found = partial(&found, *bounds);
                    // A literal8 where there are nulls (RFC 9051 4.3).
                    put(w, if found.contains(&0) { "~" } else { "" });
                    literal(w, found);
                }
                None => put(w, "NIL"),
            }
        }
        (Fetched::BinarySize(part), Some(root)) => {
            let size = binary(root, part, bytes)?.map_or(0, |found| found.len());
            put(w, &format!("BINARY.SIZE[{}] {size}", number(part)));
        }
    }
    Ok(())
}

fn put_section(w: &mut Vec<u8>, body: &BodySection, found: Option<Cow<'_, [u8]>>) {
    put(w, &format!("BODY[{}]", body.section.spec()));
    if let Some((offset, _)) = body.partial {
        put(w, &format!("<{offset}>"));
    }
    put(w, " ");
    match found {
        Some(found) => literal(w, partial(&found, body.partial)),
        None => nstring(w, None),
    }
}

fn number(part: &[u32]) -> String {
    part.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

fn partial(bytes: &[u8], bounds: Option<(u32, u32)>) -> &[u8] {
    let Some((offset, length)) = bounds else { return bytes };
    let from = (offset as usize).min(bytes.len());
    &bytes[from..bytes.len().min(from.saturating_add(length as usize))]
}

/// A part with its transfer encoding undone (RFC 9051 6.4.5.1, BINARY).
fn binary<'a>(
    root: &Node<'a>,
    part: &[u32],
    bytes: &'a [u8],
) -> Result<Option<std::borrow::Cow<'a, [u8]>>, Fail> {
    if part.is_empty() {
        return Ok(Some(bytes.into()));
    }
    let Some(node) = root.find(part) else { return Ok(None) };
    let encoding = node.part.header.plain("content-transfer-encoding").unwrap_or_default();
    match encoding.to_ascii_lowercase().as_str() {
        "" | "7bit" | "8bit" | "binary" => Ok(Some(node.part.body.into())),
        "base64" | "quoted-printable" => Ok(Some(node.part.decoded())),
        _ => Err(Fail::No(
            Some("UNKNOWN-CTE".into()),
            "the encoding of the part is not known".into(),
        )),
    }
}

/// SAVEDATE (RFC 8514 4.1). Where nobody kept it, INTERNALDATE is nearest.
pub(super) fn saved(mailbox: &Mailbox, listed: &Listed) -> Result<FileTime, StoreError> {
    Ok(message::saved(mailbox, listed.id)?.unwrap_or(listed.received))
}

/// EMAILID (RFC 8474 5.1). A message that is moved gets another id in this store.
pub(super) fn email_id(id: MessageId) -> String {
    format!("M{:x}-{:x}", id.replica.0, id.counter.get())
}

/// All marks of a message, with its categories.
pub(super) fn marks(mailbox: &Mailbox, listed: &Listed) -> Result<Marks, StoreError> {
    let mut marks = listed.marks();
    if listed.may_have_categories {
        marks.categories = message::categories(mailbox, listed.id)?;
    }
    Ok(marks)
}

/// Tells what flags messages have now.
pub(super) fn tell_flags(
    mailbox: &Mailbox,
    folder: FolderId,
    known: &[Known],
    modseq: bool,
    w: &mut Vec<u8>,
) -> Result<(), StoreError> {
    tell(mailbox, folder, known, w, |w, listed| {
        put(w, " FLAGS ");
        put_flags(w, &marks(mailbox, listed)?);
        if modseq {
            put(w, &format!(" MODSEQ ({})", listed.sequence));
        }
        Ok(())
    })
}

/// Tells only how new they are.
pub(super) fn tell_modseq(
    mailbox: &Mailbox,
    folder: FolderId,
    known: &[Known],
    w: &mut Vec<u8>,
) -> Result<(), StoreError> {
    tell(mailbox, folder, known, w, |w, listed| {
        put(w, &format!(" MODSEQ ({})", listed.sequence));
        Ok(())
    })
}

fn tell(
    mailbox: &Mailbox,
    folder: FolderId,
    known: &[Known],
    w: &mut Vec<u8>,
    mut one: impl FnMut(&mut Vec<u8>, &Listed) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for batch in known.chunks(BATCH) {
        let ids: Vec<_> = batch.iter().map(|known| known.id).collect();
        for (known, listed) in batch.iter().zip(message::list_some(mailbox, folder, &ids)?) {
            let Some(listed) = listed else { continue };
            whole(w, |w| {
                put(w, &format!("* {} FETCH (UID {}", known.number, known.uid));
                one(w, &listed)?;
                put(w, ")\r\n");
                Ok::<_, StoreError>(())
            })?;
        }
    }
    Ok(())
}
