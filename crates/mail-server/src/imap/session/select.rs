//! SELECT, EXAMINE (RFC 9051 6.3.2, 6.3.3) and what QRESYNC makes of them (RFC 7162 3.2.5).

use store::folder;
use store::message::Listed;

use super::place::{self, User};
use super::{Fail, Outcome, Selected, Session, done_with, fetch};
use crate::imap::command::{Name, Qresync};
use crate::imap::response::{mailbox, put};

impl Session {
    pub(super) fn select(
        &mut self,
        name: &Name,
        examine: bool,
        condstore: bool,
        qresync: Option<Qresync>,
        w: &mut Vec<u8>,
    ) -> Outcome {
        self.user()?;
        if qresync.is_some() && !self.qresync {
            return Err(Fail::Bad("ENABLE QRESYNC comes first"));
        }
        // Whatever comes of it, nothing is selected any more (RFC 9051 6.3.2).
        if self.deselect() {
            put(w, "* OK [CLOSED] The mailbox before is closed\r\n");
        }
        self.condstore |= condstore;
        let (user, id) = self.folder(name)?;
        user.needs(id, place::READ)?;
        let (may_edit, may_delete) = (user.may(id, place::EDIT)?, user.may(id, place::DELETE)?);
        // Everything counts as read where everybody has his own read state.
        let read_only = examine || !may_edit && !may_delete;
        let examine = read_only;
        let (selected, listed) = Selected::open(&user.mailbox, id, examine)?;
        let info = folder::info(&user.mailbox, id)?;
        let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded";
        put(w, &format!("* FLAGS ({flags})\r\n"));
        put(w, &format!("* {} EXISTS\r\n", selected.count()));
        if !self.rev2 {
            put(w, "* 0 RECENT\r\n");
            if let Some(at) = listed.iter().position(|message| !message.marks().read) {
                put(w, &format!("* OK [UNSEEN {}] The first unseen\r\n", at + 1));
            }
        }
        put(w, &format!("* OK [UIDVALIDITY {}] UIDs are valid\r\n", info.uid_validity));
        // At least one more than what was listed, if something came in between.
        let uid_next = info.uid_next.max(selected.largest_uid().saturating_add(1));
        put(w, &format!("* OK [UIDNEXT {uid_next}] The next UID\r\n"));
        let permanent = match (examine, may_edit, may_delete) {
            (true, ..) => String::new(),
            (false, true, true) => format!("{flags} \\*"),
            (false, true, false) => format!("{} \\*", flags.replace("\\Deleted ", "")),
            (false, false, _) => "\\Deleted".to_owned(),
        };
        put(w, &format!("* OK [PERMANENTFLAGS ({permanent})] What can be kept\r\n"));
        let modseq = modseq(&listed, info.sequence);
        put(w, &format!("* OK [HIGHESTMODSEQ {modseq}] The newest change\r\n"));
        put(w, &format!("* OK [MAILBOXID ({})] The mailbox's id\r\n", mailbox_id(info.id)));
        // RFC 9051 6.3.2; an older client did not ask for a list.
        if self.rev2 {
            put(w, "* LIST () \"/\" ");
            mailbox(w, &self.named(name)?, self.utf8);
            put(w, "\r\n");
        }
        if let Some(known) = qresync.filter(|known| known.uid_validity == info.uid_validity) {
            self.resync(&user, &known, &selected, &listed, uid_next, w)?;
        }
        self.selected = Some(selected);
        self.place = Some(user);
        let (code, text) = match examine {
            true => ("READ-ONLY", "Opened for reading"),
            false => ("READ-WRITE", "Selected"),
        };
        done_with(code.into(), text)
    }

    /// What is gone and what changed since the client was here. UIDs that never were are told of as well: the store
    /// need not remember which they are (RFC 7162 3.2.5.1).
    fn resync(
        &self,
        user: &User,
        known: &Qresync,
        selected: &Selected,
        listed: &[Listed],
        uid_next: u32,
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let all = vec![(1, uid_next.saturating_sub(1))];
        let ranges = known.known.as_ref().map_or(all, |set| set.resolved(uid_next - 1));
        let vanished = selected.vanished(&ranges, uid_next);
        if !vanished.is_empty() {
            put(w, &format!("* VANISHED (EARLIER) {vanished}\r\n"));
        }
        let wanted = selected.in_uids(&ranges);
        let mut wanted = wanted.iter().peekable();
        let mut changed = Vec::new();
        for message in listed {
            while wanted.next_if(|known| known.uid < message.uid).is_some() {}
            if let Some(known) = wanted.next_if(|known| known.uid == message.uid) {
                changed.push((*known, message.sequence));
            }
        }
        changed.retain(|(_, sequence)| *sequence > known.modseq);
        let changed: Vec<_> = changed.into_iter().map(|(known, _)| known).collect();
        fetch::tell_flags(&user.mailbox, selected.folder, &changed, true, w)?;
        Ok(())
    }
}

/// HIGHESTMODSEQ: not below that of any message that is told of.
pub(super) fn modseq(listed: &[Listed], folder: u64) -> u64 {
    listed.iter().map(|message| message.sequence).fold(folder.max(1), u64::max)
}

/// MAILBOXID (RFC 8474 4).
pub(super) fn mailbox_id(id: mapi::FolderId) -> String {
    format!("F{:x}-{:x}", id.replica.0, id.counter.get())
}
