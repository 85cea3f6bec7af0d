//! Message and attachment ROPs: [MS-OXCROPS] 2.2.6.

use mapi::{ErrorCode, tags};
use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::{Octets, Rop};
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

const NOBODY: Handle = Handle::NONE;
/// PidTagObjectType and PidTagDisplayType: columns of recipients.
const DISPLAY_TYPE: u32 = 0x3900_0003;

/// A client with a new message in the Inbox.
fn new_message(rig: &Rig) -> testsuite::Result<(Client, Handle)> {
    let mut client = rig.client(ME)?;
    let message = client.create_message(SpecialFolder::Inbox.id(), false).expect("a message");
    Ok((client, message))
}

fn inbox_id() -> [u8; 8] {
    wire(SpecialFolder::Inbox.id())
}

/// RopSaveChangesMessage with KeepOpenReadWrite; the MID.
fn save(client: &mut Client, message: Handle) -> [u8; 8] {
    let mut answer = client.ask(Rop::new(0x0c, 0).u8(1).u8(0x0a), &[NOBODY, message]);
    answer.head(0x0c, 0, code::SUCCESS);
    assert_eq!(answer.u8(), 1, "InputHandleIndex");
    answer.bytes(8).try_into().expect("eight octets")
}

/// A TypedString ([MS-OXCDATA] 2.11.7); None where it says that there is none.
fn typed_string(answer: &mut Octets) -> Option<String> {
    match answer.u8() {
        0x00 => None,
        0x01 => Some(String::new()),
        0x02 | 0x03 => Some(answer.text8()),
        0x04 => Some(answer.text16()),
        other => panic!("StringType {other:#x}"),
    }
}

/// A RecipientRow of an SMTP recipient with one column ([MS-OXCDATA] 2.8.3.2): RecipientFlags (SMTP,
/// EmailAddress, DisplayName, transmittable the same, Unicode), EmailAddress, DisplayName,
/// RecipientColumnCount, and a row.
pub(super) fn recipient_row(address: &str, name: &str, display_type: u32) -> Vec<u8> {
    let mut row = 0x025b_u16.to_le_bytes().to_vec();
    for text in [address, name] {
        row.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    row.extend_from_slice(&[1, 0, 0]);
    row.extend_from_slice(&display_type.to_le_bytes());
    row
}

/// RopModifyRecipients: ColumnCount, RecipientColumns, RowCount, and rows of RowId, RecipientType,
/// RecipientRowSize, RecipientRow.
pub(super) fn modify_recipients(rows: &[(u32, u8, Vec<u8>)]) -> Rop {
    let rop = Rop::new(0x0e, 0).u16(1).u32(DISPLAY_TYPE).u16(rows.len() as u16);
    rows.iter().fold(rop, |rop, (id, kind, row)| rop.u32(*id).u8(*kind).sized(row))
}

/// What opening a message tells, from HasNamedProperties on, of a message with this subject and one
/// recipient.
#[track_caller]
fn opened(answer: &mut Octets, subject: (&str, &str), recipients: &[(&str, u8)]) {
    answer.u8();
    let (prefix, normalized) = (typed_string(answer), typed_string(answer));
    assert_eq!(prefix.unwrap_or_default(), subject.0, "SubjectPrefix");
    assert_eq!(normalized.unwrap_or_default(), subject.1, "NormalizedSubject");
    assert_eq!(usize::from(answer.u16()), recipients.len(), "RecipientCount");
    let columns = answer.u16();
    let columns: Vec<u32> = (0..columns).map(|_| answer.u32()).collect();
    assert_eq!(usize::from(answer.u8()), recipients.len(), "RowCount");
    assert!(recipients.is_empty() || columns.contains(&DISPLAY_TYPE), "{columns:x?}");
    for (address, kind) in recipients {
        assert_eq!(answer.u8(), *kind, "RecipientType");
        answer.u16();
        assert_eq!(answer.u16(), 0, "Reserved");
        let size = answer.u16();
        let row = answer.bytes(usize::from(size));
        let address: Vec<u8> = address.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(row.windows(address.len()).any(|part| part == address), "{row:x?}");
    }
}

fn with_attachment(rig: &Rig) -> testsuite::Result<(Client, Handle, Handle)> {
    let (mut client, message) = new_message(rig)?;
    let mut answer = client.ask(Rop::new(0x23, 0).u8(1), &[message, NOBODY]);
    answer.head(0x23, 1, code::SUCCESS);
    assert_eq!(answer.u32(), 0, "AttachmentID");
    let attachment = answer.handles[1];
    answer.end();
    Ok((client, message, attachment))
}

on_both! {
    /// MS-OXCROPS 2.2.6.1: R1670
    /// MS-OXCROPS 2.2.6.1.1: R1684
    /// MS-OXCROPS 2.2.6.1.2: R1694, R1696
    /// MS-OXCROPS 2.2.6.1.2.1
    fn open_message(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        client.set(message, tags::SUBJECT, "Re: it").expect("a subject");
        let row = recipient_row("a@example.test", "A", 0);
        client.ask(modify_recipients(&[(0, 1, row)]), &[message]).only(0x0e, 0, code::SUCCESS);
        let id = save(&mut client, message);
        let logon = client.logon;
        // CodePageId, FolderId, OpenModeFlags, MessageId
        let rop = Rop::new(0x03, 0).u8(1).u16(0x0fff).bytes(&inbox_id()).u8(1).bytes(&id);
        let mut answer = client.ask(rop, &[logon, NOBODY]);
        answer.head(0x03, 1, code::SUCCESS);
        opened(&mut answer, ("Re: ", "it"), &[("a@example.test", 1)]);
        assert_ne!(answer.handles[1], NOBODY);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.1.3: R1738, R1740, R1744
    fn open_message_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let nothing = [1, 0, 0, 0, 0, 0x7f, 0xff, 0xff];
        let rop = Rop::new(0x03, 0).u8(1).u16(0x0fff).bytes(&inbox_id()).u8(0).bytes(&nothing);
        client.ask(rop, &[logon, NOBODY]).only(0x03, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.2: R1745
    /// MS-OXCROPS 2.2.6.2.1: R1759, R1763
    /// MS-OXCROPS 2.2.6.2.2: R1766, R1768
    fn create_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let logon = client.logon;
        for associated in [0, 1] {
            // CodePageId, FolderId, AssociatedFlag
            let rop = Rop::new(0x06, 0).u8(1).u16(0x0fff).bytes(&inbox_id()).u8(associated);
            let mut answer = client.ask(rop, &[logon, NOBODY]);
            answer.head(0x06, 1, code::SUCCESS);
            let message = answer.handles[1];
            // HasMessageId: the id comes with the save.
            assert_eq!(answer.u8(), 0);
            answer.end();
            save(&mut client, message);
        }
        assert_eq!(messages(&mut client, inbox), 1);
        assert_eq!(rows(&mut client, 0x05, inbox, 0x02), 1);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.2.3: R1783, R1785, R1789
    fn create_message_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let nothing = [1, 0, 0, 0, 0, 0x7f, 0xff, 0xff];
        let rop = Rop::new(0x06, 0).u8(1).u16(0x0fff).bytes(&nothing).u8(0);
        let mut answer = client.ask(rop, &[logon, NOBODY]);
        let head = (answer.u8(), answer.u8(), answer.u32());
        assert_eq!((head.0, head.1), (0x06, 1));
        assert_eq!(head.2, code::NOT_FOUND);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.3: R1790
    /// MS-OXCROPS 2.2.6.3.1: R1801
    /// MS-OXCROPS 2.2.6.3.2: R1808, R1810, R1816
    fn save_changes_message(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let logon = client.logon;
        // ResponseHandleIndex, InputHandleIndex, SaveFlags
        let rop = Rop::new(0x0c, 1).u8(2).u8(0x0a);
        let mut answer = client.ask(rop, &[NOBODY, logon, message]);
        answer.head(0x0c, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 2, "InputHandleIndex");
        let id = answer.bytes(8);
        answer.end();
        let rop = Rop::new(0x03, 0).u8(1).u16(0x0fff).bytes(&inbox_id()).u8(0).bytes(&id);
        client.ask(rop, &[logon, NOBODY]).head(0x03, 1, code::SUCCESS);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.3.3: R1822, R1824, R1828
    fn save_changes_message_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let rop = Rop::new(0x0c, 1).u8(0).u8(0x0a);
        client.ask(rop, &[NOBODY, logon]).only(0x0c, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.4: R1829
    /// MS-OXCROPS 2.2.6.4.1: R1837, R1841
    /// MS-OXCROPS 2.2.6.4.2: R1844, R1846
    fn remove_all_recipients(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let row = recipient_row("a@example.test", "A", 0);
        client.ask(modify_recipients(&[(0, 1, row)]), &[message]).only(0x0e, 0, code::SUCCESS);
        client.ask(Rop::new(0x0d, 1).u32(0), &[NOBODY, message]).only(0x0d, 1, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x10, 0).u16(0), &[message]);
        answer.head(0x10, 0, code::SUCCESS);
        opened(&mut answer, ("", ""), &[]);
        client.ask(Rop::new(0x0d, 0).u32(0), &[NOBODY]).only(0x0d, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.5: R1850
    /// MS-OXCROPS 2.2.6.5.1: R1864
    /// MS-OXCROPS 2.2.6.5.1.1: R1874
    /// MS-OXCROPS 2.2.6.5.2: R1885
    fn modify_recipients_adds_and_removes(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let rows = [
            (0, 1, recipient_row("a@example.test", "A", 0)),
            (1, 2, recipient_row("b@example.test", "B", 0)),
        ];
        client.ask(modify_recipients(&rows), &[message]).only(0x0e, 0, code::SUCCESS);
        // A row without content removes the recipient.
        client.ask(modify_recipients(&[(0, 1, vec![])]), &[message]).only(0x0e, 0, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x10, 0).u16(0), &[message]);
        answer.head(0x10, 0, code::SUCCESS);
        opened(&mut answer, ("", ""), &[("b@example.test", 2)]);
        answer.end();
        let rop = modify_recipients(&[]);
        client.ask(rop, &[NOBODY]).only(0x0e, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.6: R1891
    /// MS-OXCROPS 2.2.6.6.1: R1899
    /// MS-OXCROPS 2.2.6.6.2: R1908, R1910
    /// MS-OXCROPS 2.2.6.6.2.1
    fn read_recipients(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let rows = [
            (3, 1, recipient_row("a@example.test", "A", 7)),
            (4, 3, recipient_row("b@example.test", "B", 8)),
        ];
        client.ask(modify_recipients(&rows), &[message]).only(0x0e, 0, code::SUCCESS);
        // RowId, Reserved
        let mut answer = client.ask(Rop::new(0x0f, 1).u32(0).u16(0), &[NOBODY, message]);
        answer.head(0x0f, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 2, "RowCount");
        for (id, kind, _) in rows {
            // RowId, RecipientType, CodePageId, Reserved, RecipientRowSize, RecipientRow
            assert_eq!((answer.u32(), answer.u8()), (id, kind));
            answer.u16();
            assert_eq!(answer.u16(), 0, "Reserved");
            let size = answer.u16();
            let row = answer.bytes(usize::from(size));
            assert_eq!(u16::from_le_bytes([row[0], row[1]]) & 0x0007, 0x0003, "an SMTP address");
        }
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.6.3: R1936, R1938, R1942
    fn read_recipients_fails(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        let rop = Rop::new(0x0f, 0).u32(9).u16(0);
        client.ask(rop, &[message]).only(0x0f, 0, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.7: R1943
    /// MS-OXCROPS 2.2.6.7.1: R1951
    /// MS-OXCROPS 2.2.6.7.2: R1958, R1960, R1964
    fn reload_cached_information(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        client.set(message, tags::SUBJECT, "FW: news").expect("a subject");
        let row = recipient_row("a@example.test", "A", 0);
        client.ask(modify_recipients(&[(0, 1, row)]), &[message]).only(0x0e, 0, code::SUCCESS);
        save(&mut client, message);
        let mut answer = client.ask(Rop::new(0x10, 1).u16(0), &[NOBODY, message]);
        answer.head(0x10, 1, code::SUCCESS);
        opened(&mut answer, ("FW: ", "news"), &[("a@example.test", 1)]);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.7.3: R1988, R1990, R1994
    fn reload_cached_information_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x10, 0).u16(0);
        client.ask(rop, &[NOBODY]).only(0x10, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.8: R1995
    /// MS-OXCROPS 2.2.6.8.1: R2012
    /// MS-OXCROPS 2.2.6.8.2: R2015, R2017, R2021
    fn set_message_status(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let id = message(&mut client, SpecialFolder::Inbox.id(), "status");
        // MessageId, MessageStatusFlags, MessageStatusMask; the flags before.
        for (flags, mask, before) in [(0x1004, 0x1004, 0), (0, 0x0004, 0x1004), (0, 0, 0x1000)] {
            let rop = Rop::new(0x20, 1).bytes(&id).u32(flags).u32(mask);
            let mut answer = client.ask(rop, &[NOBODY, inbox]);
            answer.head(0x20, 1, code::SUCCESS);
            assert_eq!(answer.u32(), before, "MessageStatusFlags");
            answer.end();
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.8.3: R2027, R2029, R2033
    fn set_message_status_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let nothing = [1, 0, 0, 0, 0, 0x7f, 0xff, 0xff];
        let rop = Rop::new(0x20, 0).bytes(&nothing).u32(4).u32(4);
        client.ask(rop, &[inbox]).only(0x20, 0, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.9: R2034
    /// MS-OXCROPS 2.2.6.9.1: R2042
    /// MS-OXCROPS 2.2.6.9.2: R20004
    fn get_message_status(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let id = message(&mut client, SpecialFolder::Inbox.id(), "status");
        let rop = Rop::new(0x20, 0).bytes(&id).u32(0x1000).u32(0x1000);
        client.ask(rop, &[inbox]).head(0x20, 0, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x1f, 1).bytes(&id), &[NOBODY, inbox]);
        answer.head(0x20, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 0x1000, "MessageStatusFlags");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.10: R2047
    /// MS-OXCROPS 2.2.6.10.1: R2058, R2060
    /// MS-OXCROPS 2.2.6.10.2: R2069, R2071
    fn set_read_flags(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let id = message(&mut client, SpecialFolder::Inbox.id(), "read me");
        // WantAsynchronous, ReadFlags (rfClearReadFlag, then rfDefault), MessageIdCount, MessageIds
        for (flags, unread) in [(0x04, 1), (0x00, 0)] {
            let rop = Rop::new(0x66, 1).u8(0).u8(flags).u16(1).bytes(&id);
            let mut answer = client.ask(rop, &[NOBODY, inbox]);
            answer.head(0x66, 1, code::SUCCESS);
            assert_eq!(answer.u8(), 0, "PartialCompletion");
            answer.end();
            assert_eq!(client.get(inbox, tags::CONTENT_UNREAD_COUNT), Ok(unread.into()));
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.11: R2078
    /// MS-OXCROPS 2.2.6.11.1: R2086, R2089
    /// MS-OXCROPS 2.2.6.11.2: R2099, R2101
    fn set_message_read_flag(rig: &Rig) -> Result {
        let (mut client, message) = new_message(rig)?;
        save(&mut client, message);
        let inbox = inbox(&mut client);
        // ResponseHandleIndex, InputHandleIndex, ReadFlags: rfClearReadFlag, then rfDefault.
        for (flags, unread) in [(0x04, 1), (0x00, 0)] {
            let mut answer = client.ask(Rop::new(0x11, 0).u8(1).u8(flags), &[inbox, message]);
            answer.head(0x11, 0, code::SUCCESS);
            // ReadStatusChanged is FALSE outside of public folders, and no ClientData follows.
            assert_eq!(answer.u8(), 0);
            answer.end();
            assert_eq!(client.get(inbox, tags::CONTENT_UNREAD_COUNT), Ok(unread.into()));
        }
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.11.3: R2118, R2120, R2124
    fn set_message_read_flag_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let rop = Rop::new(0x11, 0).u8(1).u8(0);
        client.ask(rop, &[inbox, NOBODY]).only(0x11, 0, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.13: R2151
    /// MS-OXCROPS 2.2.6.13.1: R2159, R2162
    /// MS-OXCROPS 2.2.6.13.2: R2166, R2168
    fn create_attachment(rig: &Rig) -> Result {
        let (mut client, message, _) = with_attachment(rig)?;
        let mut answer = client.ask(Rop::new(0x23, 0).u8(1), &[message, NOBODY]);
        answer.head(0x23, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 1, "AttachmentID");
        assert_ne!(answer.handles[1], NOBODY);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.13.3: R2178, R2180, R2184
    fn create_attachment_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x23, 0).u8(1);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x23, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.12: R2125
    /// MS-OXCROPS 2.2.6.12.1: R2133
    /// MS-OXCROPS 2.2.6.12.2: R2145, R2147
    fn open_attachment(rig: &Rig) -> Result {
        let (mut client, message, attachment) = with_attachment(rig)?;
        client.set(attachment, tags::ATTACH_FILENAME, "a.txt").expect("a name");
        let rop = Rop::new(0x25, 0).u8(1).u8(0x0a);
        client.ask(rop, &[message, attachment]).only(0x25, 0, code::SUCCESS);
        // OpenAttachmentFlags, AttachmentID
        let rop = |id: u32| Rop::new(0x22, 0).u8(1).u8(0).u32(id);
        let answer = client.ask(rop(0), &[message, NOBODY]);
        let again = answer.handles[1];
        answer.only(0x22, 1, code::SUCCESS);
        assert_eq!(client.get(again, tags::ATTACH_FILENAME), Ok("a.txt".into()));
        client.ask(rop(7), &[message, NOBODY]).only(0x22, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.14: R2185
    /// MS-OXCROPS 2.2.6.14.1: R2193, R2196
    /// MS-OXCROPS 2.2.6.14.2: R2200, R2202
    fn delete_attachment(rig: &Rig) -> Result {
        let (mut client, message, attachment) = with_attachment(rig)?;
        let rop = Rop::new(0x25, 0).u8(1).u8(0x0a);
        client.ask(rop, &[message, attachment]).only(0x25, 0, code::SUCCESS);
        client.release(attachment);
        let rop = || Rop::new(0x24, 1).u32(0);
        client.ask(rop(), &[NOBODY, message]).only(0x24, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, message]).only(0x24, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.15: R2206
    /// MS-OXCROPS 2.2.6.15.1: R2217, R2220
    /// MS-OXCROPS 2.2.6.15.2: R2224, R2226
    fn save_changes_attachment(rig: &Rig) -> Result {
        let (mut client, message, attachment) = with_attachment(rig)?;
        let rop = || Rop::new(0x25, 2).u8(1).u8(0x0a);
        client.ask(rop(), &[NOBODY, attachment, message]).only(0x25, 2, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY, message]).only(0x25, 2, code::NULL_OBJECT);
        // The attachment is in the message.
        let rop = Rop::new(0x22, 0).u8(1).u8(0).u32(0);
        client.ask(rop, &[message, NOBODY]).only(0x22, 1, code::SUCCESS);
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.16: R2230
    /// MS-OXCROPS 2.2.6.16.1: R2246
    /// MS-OXCROPS 2.2.6.16.2: R2250, R2252, R2256
    fn open_embedded_message(rig: &Rig) -> Result {
        let (mut client, _, attachment) = with_attachment(rig)?;
        // CodePageId, OpenModeFlags: Create
        let rop = Rop::new(0x46, 0).u8(1).u16(0x0fff).u8(0x02);
        let mut answer = client.ask(rop, &[attachment, NOBODY]);
        answer.head(0x46, 1, code::SUCCESS);
        assert_eq!(answer.u8(), 0, "Reserved");
        answer.bytes(8);
        opened(&mut answer, ("", ""), &[]);
        let embedded = answer.handles[1];
        answer.end();
        client.set(embedded, tags::SUBJECT, "inner").expect("a subject");
        let rop = Rop::new(0x0c, 0).u8(1).u8(0x0a);
        client.ask(rop, &[attachment, embedded]).head(0x0c, 0, code::SUCCESS);
        let rop = Rop::new(0x46, 0).u8(1).u16(0x0fff).u8(0x00);
        let mut answer = client.ask(rop, &[attachment, NOBODY]);
        answer.head(0x46, 1, code::SUCCESS);
        answer.bytes(9);
        opened(&mut answer, ("", "inner"), &[]);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.16.3: R2285, R2287, R2291
    fn open_embedded_message_fails(rig: &Rig) -> Result {
        let (mut client, _, attachment) = with_attachment(rig)?;
        // There is none, and Create is not set.
        let rop = Rop::new(0x46, 0).u8(1).u16(0x0fff).u8(0x00);
        let mut answer = client.ask(rop, &[attachment, NOBODY]);
        answer.head(0x46, 1, code::NOT_FOUND);
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.6.17: R2292
    /// MS-OXCROPS 2.2.6.17.1: R2300, R2303
    /// MS-OXCROPS 2.2.6.17.2: R2310, R2312
    fn get_attachment_table(rig: &Rig) -> Result {
        let (mut client, message, attachment) = with_attachment(rig)?;
        let rop = Rop::new(0x25, 0).u8(1).u8(0x0a);
        client.ask(rop, &[message, attachment]).only(0x25, 0, code::SUCCESS);
        let rop = || Rop::new(0x21, 0).u8(1).u8(0);
        let answer = client.ask(rop(), &[message, NOBODY]);
        let table = answer.handles[1];
        answer.only(0x21, 1, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x17, 0), &[table]);
        answer.head(0x17, 0, code::SUCCESS);
        assert_eq!((answer.u32(), answer.u32()), (0, 1), "Numerator, Denominator");
        let failed = client.ask(rop(), &[NOBODY, NOBODY]);
        failed.only(0x21, 1, ErrorCode::NULL_OBJECT.0);
        Ok(())
    }
}
