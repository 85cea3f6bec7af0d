//! STORE, EXPUNGE, COPY and MOVE (RFC 9051 6.4).

use mapi::FolderId;
use store::message::{self, MarkEdit, Marked, Marks};
use store::{Mailbox, StoreError};

use super::place::{self, User};
use super::{Fail, Outcome, Session, doing, done, done_with, fetch, marks_of, messages_of, no};
use crate::imap::command::set::compact;
use crate::imap::command::{By, Flag, Name, SequenceSet, StoreAction};
use crate::imap::mailbox::{Known, Selected};
use crate::imap::response::put;

/// What STORE does to the marks of a message.
pub(super) fn edit_of(action: StoreAction, flags: &[Flag]) -> MarkEdit {
    let marks = marks_of(flags);
    match action {
        StoreAction::Set => MarkEdit::Set(marks),
        StoreAction::Add => MarkEdit::Add(marks),
        StoreAction::Remove => MarkEdit::Remove(marks),
    }
}

impl Session {
    pub(super) fn store_flags(
        &mut self,
        by: By,
        set: &SequenceSet,
        unchanged_since: Option<u64>,
        edit: &MarkEdit,
        silent: bool,
        w: &mut Vec<u8>,
    ) -> Outcome {
        self.condstore |= unchanged_since.is_some();
        let condstore = self.condstore;
        let (selected, user) = self.writable()?;
        let known = messages_of(selected, by, set)?;
        let ids: Vec<_> = known.iter().map(|known| known.id).collect();
        let (mailbox, folder) = (&user.mailbox, selected.folder);
        let (edit, passed_over) = allowed(user, folder, edit)?;
        let edit = &edit;
        let marked =
            doing(selected, || message::edit_marks(mailbox, folder, &ids, edit, unchanged_since))?;
        let (mut told, mut newer, mut busy) = (Vec::new(), Vec::new(), false);
        for (known, marked) in known.iter().zip(&marked) {
            match marked {
                Marked::Changed | Marked::Same => told.push(*known),
                Marked::Newer => newer.push(match by {
                    By::Uid => known.uid,
                    By::Sequence => known.number,
                }),
                Marked::Submitted => busy = true,
                Marked::Gone => {}
            }
        }
        // With CONDSTORE the client learns the new MODSEQ even if it knows the flags (RFC 7162 3.1.3).
        match (silent, condstore) {
            (true, true) => fetch::tell_modseq(mailbox, folder, &told, w)?,
            (true, false) => {}
            (false, _) => {
                told.iter().for_each(|known| selected.is_told(known.uid));
                fetch::tell_flags(mailbox, folder, &told, condstore, w)?;
            }
        }
        if told.is_empty() && marked.contains(&Marked::Gone) && newer.is_empty() && !busy {
            return Err(no("EXPUNGEISSUED", "the messages are not there any more"));
        }
        if busy {
            // What changed meanwhile is told even so (RFC 7162 3.1.3).
            let code = match newer.is_empty() {
                true => "INUSE".to_owned(),
                false => format!("MODIFIED {}", compact(newer)),
            };
            return Err(no(code, "some messages wait to be sent and stay as they are"));
        }
        match newer.is_empty() {
            true if passed_over => done("Stored what you may"),
            true => done("Stored"),
            false => done_with(format!("MODIFIED {}", compact(newer)), "Some changed meanwhile"),
        }
    }

    pub(super) fn expunge(&mut self, set: Option<&SequenceSet>) -> Outcome {
        let (selected, user) = self.writable()?;
        user.needs(selected.folder, place::DELETE)?;
        let among = set.map(|set| messages_of(selected, By::Uid, set)).transpose()?;
        match expunge(&user.mailbox, selected, among.as_deref())? {
            0 => done("Expunged"),
            _ => Err(no("INUSE", "some messages wait to be sent and stay")),
        }
    }

    pub(super) fn copy(
        &mut self,
        by: By,
        set: &SequenceSet,
        to: &Name,
        moving: bool,
        w: &mut Vec<u8>,
    ) -> Outcome {
        self.selected()?;
        let (there, target) = self.target(to)?;
        let qresync = self.qresync;
        let (selected, user) = if moving { self.writable()? } else { self.selected()? };
        if moving {
            user.needs(selected.folder, place::DELETE)?;
        }
        let mailbox = &user.mailbox;
        let known = messages_of(selected, by, set)?;
        let ids: Vec<_> = known.iter().map(|known| known.id).collect();
        let new = match moving {
            true => message::move_to(mailbox, selected.folder, &ids, &there.mailbox, target)?,
            false => message::copy_to(mailbox, selected.folder, &ids, &there.mailbox, target)?,
        };
        let pairs: Vec<_> = known.iter().zip(new).filter_map(|(k, id)| Some((k, id?))).collect();
        let missed = known.len() - pairs.len();
        let new_ids: Vec<_> = pairs.iter().map(|(_, id)| *id).collect();
        let listed = message::list_some(&there.mailbox, target, &new_ids)?;
        let both =
            pairs.iter().zip(&listed).filter_map(|((k, _), l)| Some((k.uid, l.as_ref()?.uid)));
        let (from, into): (Vec<u32>, Vec<u32>) = both.unzip();
        let validity = store::folder::info(&there.mailbox, target)?.uid_validity;
        let code = format!("COPYUID {validity} {} {}", compact(from.clone()), compact(into));
        // RFC 9051 6.4.7: all are copied, or none.
        if !moving && missed > 0 && !new_ids.is_empty() {
            // Where the copies are: the same ids name other messages here.
            message::delete(&there.mailbox, target, &new_ids, true)?;
            return Err(no("EXPUNGEISSUED", "some of the messages are not there any more"));
        }
        match (moving, from.is_empty()) {
            (_, true) if missed > 0 => {
                Err(no("EXPUNGEISSUED", "the messages are not there any more"))
            }
            (_, true) => done("There was nothing to do"),
            (false, false) => done_with(code, "Copied"),
            (true, false) => {
                // RFC 6851 4.3: the code comes before the messages go.
                put(w, &format!("* OK [{code}] Moved\r\n"));
                selected.follow(mailbox)?;
                selected.tell(w, true, qresync);
                match missed {
                    0 => done("Moved"),
                    _ => Err(no(
                        "EXPUNGEISSUED",
                        "some could not be moved, or are not there any more",
                    )),
                }
            }
        }
    }
}

/// What of an edit the user may do (RFC 4314 4), and whether that is not all of it. None of it is an error, and so is a
/// new set of flags that he may not set alone.
fn allowed(user: &User, folder: FolderId, edit: &MarkEdit) -> Result<(MarkEdit, bool), Fail> {
    let (may_edit, may_delete) = match user.who.is_full() {
        true => return Ok((edit.clone(), false)),
        false => (user.may(folder, place::EDIT)?, user.may(folder, place::DELETE)?),
    };
    let part = |marks: &Marks| {
        let mut part = if may_edit { marks.clone() } else { Marks::default() };
        part.deleted = marks.deleted && may_delete;
        let passed_over = part != *marks;
        match passed_over && part == Marks::default() {
            true => Err(no("NOPERM", "the mailbox does not grant you this right")),
            false => Ok((part, passed_over)),
        }
    };
    Ok(match edit {
        MarkEdit::Add(marks) => part(marks).map(|(part, over)| (MarkEdit::Add(part), over))?,
        MarkEdit::Remove(marks) => {
            part(marks).map(|(part, over)| (MarkEdit::Remove(part), over))?
        }
        MarkEdit::Set(_) if may_edit && may_delete => (edit.clone(), false),
        MarkEdit::Set(_) => {
            return Err(no("NOPERM", "set or take single flags that you may change"));
        }
    })
}

/// Deletes the messages that are marked, all or some of them; they can be recovered for a while. Returns how many
/// of them stay.
pub(super) fn expunge(
    mailbox: &Mailbox,
    selected: &mut Selected,
    among: Option<&[Known]>,
) -> Result<usize, Fail> {
    let ids: Vec<_> = match among {
        // Only what the client knows: nothing goes that he never saw.
        Some(among) => {
            let ids: Vec<_> = among.iter().map(|known| known.id).collect();
            let listed = message::list_some(mailbox, selected.folder, &ids)?;
            listed.into_iter().flatten().filter(|l| l.marks().deleted).map(|l| l.id).collect()
        }
        None => {
            let listed = message::list(mailbox, selected.folder)?;
            let deleted = listed.iter().filter(|listed| listed.marks().deleted);
            deleted.filter(|l| selected.by_uid(l.uid).is_some()).map(|l| l.id).collect()
        }
    };
    if ids.is_empty() {
        return Ok(0);
    }
    message::tell_unread(mailbox, selected.folder, &ids)?;
    match message::delete(mailbox, selected.folder, &ids, false) {
        Ok(0) | Err(StoreError::NotFound(_)) => Ok(0),
        // Some of these went by another way.
        Ok(_) => Ok(message::list_some(mailbox, selected.folder, &ids)?.iter().flatten().count()),
        Err(error) => Err(error.into()),
    }
}
