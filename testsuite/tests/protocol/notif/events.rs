//! Each event with what is told of it ([MS-OXCNOTIF] 2.2.1.1, 2.2.1.4.1.2).

use mapi::wire::Wire;
use mapi::{FolderId, tags};
use mapi_rop::notification::{ChangedTags, NotificationData, NotificationFlags as Types};
use mapi_rop::parts::Text;
use store::folder::{DeleteOptions, NewFolder};
use store::message::ImportOptions;
use store::{Mailbox, SpecialFolder, folder, message, search};
use testsuite::on_both;
use testsuite::rig::ME;

use super::{ALL, INBOX, WHOLE, mailbox, put, put_as, told};

const DRAFTS: FolderId = SpecialFolder::Drafts.id();

fn new_folder(mailbox: &Mailbox, parent: FolderId, name: &str) -> testsuite::Result<FolderId> {
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    Ok(folder::create(mailbox, parent, &new)?.id)
}

/// A notification as bytes: flags, ids of eight bytes each, and the rest.
fn layout(flags: u16, ids: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
    [&flags.to_le_bytes()[..], &ids.concat(), rest].concat()
}

fn only(told: Vec<(mapi_rop::Handle, NotificationData)>) -> NotificationData {
    let [(_, data)] = told.as_slice() else { panic!("not one notification: {told:?}") };
    data.clone()
}

on_both! {
    /// A message that a search folder shows is told of as itself, and as what the search folder shows.
    /// MS-OXCNOTIF 2.2.1.4.1.2
    fn a_message_that_a_search_folder_shows_is_told_of_by_itself(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let id = put(&mailbox, INBOX, "a")?;
        let new = NewFolder { search: true, display_name: "found".into(), ..NewFolder::default() };
        let found = folder::create(&mailbox, SpecialFolder::Search.id(), &new)?.id;
        let restriction = Some(mapi::Restriction::Exist { tag: tags::SUBJECT });
        let folders = Some(vec![INBOX]);
        let criteria = search::NewCriteria { restriction, folders, ..Default::default() };
        search::set(&mailbox, found, &criteria)?;
        client.register(Types::OBJECT_MODIFIED, WHOLE).expect("a subscription");
        message::set_read(&mailbox, id, true)?;
        let flags: Vec<u16> =
            told(&mut client).into_iter().map(|(_, data)| data.flags.0).collect();
        assert_eq!(flags, [0x8010, 0xc010]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R13
    /// MS-OXCNOTIF 2.2.1.2.1.1: R42
    /// MS-OXCNOTIF 2.2.1.4.1.2: R104, R170, R174
    fn a_created_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_CREATED, WHOLE).expect("a subscription");
        let id = put(&mailbox, INBOX, "a")?;
        // Flags, FolderId, MessageId, TagCount of 0.
        let expected = layout(0x8004, &[INBOX.to_wire(), id.to_wire()], &[0, 0]);
        assert_eq!(only(client.told()).to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R178, R17901, R20302, R19501
    fn a_created_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_CREATED, super::on_folder(INBOX)).expect("a subscription");
        let id = new_folder(&mailbox, INBOX, "below")?;
        let expected = layout(0x0004, &[id.to_wire(), INBOX.to_wire()], &[0, 0]);
        assert_eq!(only(client.told()).to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R14
    /// MS-OXCNOTIF 2.2.1.2.1.1: R43
    /// MS-OXCNOTIF 2.2.1.4.1.2: R105, R122
    fn a_deleted_message_soft_or_hard(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_DELETED, WHOLE).expect("a subscription");
        for hard in [false, true] {
            let id = put(&mailbox, INBOX, "a")?;
            message::delete(&mailbox, INBOX, &[id], hard)?;
            let expected = layout(0x8008, &[INBOX.to_wire(), id.to_wire()], &[]);
            assert_eq!(only(client.told()).to_wire(), expected);
        }
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R17902
    fn a_deleted_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_DELETED, WHOLE).expect("a subscription");
        for hard in [false, true] {
            let id = new_folder(&mailbox, DRAFTS, "below")?;
            let options = DeleteOptions { messages: true, folders: true, associated: true, hard };
            folder::delete(&mailbox, id, options)?;
            let expected = layout(0x0008, &[id.to_wire(), DRAFTS.to_wire()], &[]);
            assert_eq!(only(client.told()).to_wire(), expected);
        }
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R15
    /// MS-OXCNOTIF 2.2.1.2.1.1: R44
    /// MS-OXCNOTIF 2.2.1.4.1.2: R106, R197, R19502
    fn a_modified_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let id = put(&mailbox, INBOX, "a")?;
        client.register(Types::OBJECT_MODIFIED, WHOLE).expect("a subscription");
        let expected = layout(0x8010, &[INBOX.to_wire(), id.to_wire()], &[0, 0]);
        message::set_status(&mailbox, id, 1, 1)?;
        assert_eq!(only(client.told()).to_wire(), expected);
        let mut open = message::open(&mailbox, id)?;
        open.body.properties.set(tags::SUBJECT, "b");
        message::save(&mailbox, &mut open, message::SaveOptions::default())?;
        assert_eq!(only(client.told()).to_wire(), expected);
        // Several modifications that nobody was told of are one.
        for n in 2..7 {
            message::set_status(&mailbox, id, n, 0xff)?;
        }
        assert_eq!(only(client.told()).to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R15
    /// MS-OXCNOTIF 6: R199
    fn a_modified_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        client.register(Types::OBJECT_MODIFIED, WHOLE).expect("a subscription");
        folder::set(&mailbox, INBOX, vec![(tags::COMMENT, "new".into())])?;
        let expected = layout(0x0010, &[INBOX.to_wire()], &[0, 0]);
        assert_eq!(only(client.told()).to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R112, R114, R206, R20701, R205
    fn the_total_of_a_folder_that_messages_came_into(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        put(&mailbox, INBOX, "a")?;
        client.register(Types::OBJECT_MODIFIED, WHOLE).expect("a subscription");
        put(&mailbox, INBOX, "b")?;
        put(&mailbox, INBOX, "c")?;
        // Flags with T and U, FolderId, TagCount, total, unread: once, with what holds now.
        let expected = layout(0x3010, &[INBOX.to_wire()], &[0, 0, 3, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(only(client.told()).to_wire(), expected);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R115, R117, R210, R21101, R20702
    fn the_unread_count_of_a_folder_in_which_messages_were_read(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let id = put(&mailbox, INBOX, "a")?;
        put(&mailbox, INBOX, "b")?;
        client.register(Types::OBJECT_MODIFIED, super::on_folder(INBOX)).expect("a subscription");
        message::set_read(&mailbox, id, true)?;
        let told: Vec<_> = client.told().into_iter().map(|(_, data)| data.to_wire()).collect();
        let of_message = layout(0x8010, &[INBOX.to_wire(), id.to_wire()], &[0, 0]);
        let of_folder = layout(0x2010, &[INBOX.to_wire()], &[0, 0, 1, 0, 0, 0]);
        assert_eq!(told, [of_message, of_folder]);
        // Associated messages are in neither count.
        let associated = ImportOptions { associated: true, ..ImportOptions::default() };
        put_as(&mailbox, INBOX, "c", &associated)?;
        assert!(client.told().is_empty());
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R16
    /// MS-OXCNOTIF 2.2.1.2.1.1: R45
    /// MS-OXCNOTIF 2.2.1.4.1.2: R107, R182, R18701
    fn a_moved_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let old = put(&mailbox, INBOX, "a")?;
        let whole = client.register(ALL, WHOLE).expect("a subscription");
        let from = client.register(Types::OBJECT_MOVED, super::on_folder(INBOX)).expect("another");
        let to = client.register(Types::OBJECT_MOVED, super::on_folder(DRAFTS)).expect("another");
        let moved = message::move_to(&mailbox, INBOX, &[old], &mailbox, DRAFTS)?;
        let new = moved[0].expect("a moved message");
        // FolderId, MessageId, OldFolderId, OldMessageId.
        let ids = [DRAFTS.to_wire(), new.to_wire(), INBOX.to_wire(), old.to_wire()];
        let expected = layout(0x8020, &ids, &[]);
        let heard: Vec<_> = told(&mut client).into_iter().map(|(h, d)| (h, d.to_wire())).collect();
        assert_eq!(heard, [whole, from, to].map(|handle| (handle, expected.clone())));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R190, R19101, R18301
    fn a_moved_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let id = new_folder(&mailbox, INBOX, "a")?;
        client.register(ALL, WHOLE).expect("a subscription");
        folder::move_to(&mailbox, id, DRAFTS, None)?;
        // FolderId, ParentFolderId, OldFolderId, OldParentFolderId.
        let ids = [id.to_wire(), DRAFTS.to_wire(), id.to_wire(), INBOX.to_wire()];
        assert_eq!(only(client.told()).to_wire(), layout(0x0020, &ids, &[]));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R12
    /// MS-OXCNOTIF 2.2.1.2.1.1: R46
    /// MS-OXCNOTIF 2.2.1.4.1.2: R108, R186, R18702
    fn a_copied_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let old = put(&mailbox, INBOX, "a")?;
        client.register(ALL, WHOLE).expect("a subscription");
        let copied = message::copy_to(&mailbox, INBOX, &[old], &mailbox, DRAFTS)?;
        let new = copied[0].expect("a copy");
        let ids = [DRAFTS.to_wire(), new.to_wire(), INBOX.to_wire(), old.to_wire()];
        assert_eq!(only(told(&mut client)).to_wire(), layout(0x8040, &ids, &[]));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R19102, R18302
    fn a_copied_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let old = new_folder(&mailbox, INBOX, "a")?;
        client.register(ALL, WHOLE).expect("a subscription");
        let new = folder::copy_to(&mailbox, old, &mailbox, DRAFTS, None, true)?;
        let ids = [new.to_wire(), DRAFTS.to_wire(), old.to_wire(), INBOX.to_wire()];
        assert_eq!(only(client.told()).to_wire(), layout(0x0040, &ids, &[]));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.1: R11
    /// MS-OXCNOTIF 2.2.1.2.1.1: R41
    /// MS-OXCNOTIF 2.2.1.4.1.2: R103, R21501
    /// MS-OXCNOTIF 6: R214001
    fn new_mail(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mailbox = mailbox(rig)?;
        let mail = client.register(Types::NEW_MAIL, WHOLE).expect("a subscription");
        let created = client.register(Types::OBJECT_CREATED, WHOLE).expect("another");
        let options =
            ImportOptions { delivered: true, read: Some(true), ..ImportOptions::default() };
        let id = put_as(&mailbox, INBOX, "a", &options)?;
        let class: Vec<u8> = "IPM.Note\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        // MessageFlags: mfRead and mfEverRead. UnicodeFlag, MessageClass.
        let rest = [&0x0401u32.to_le_bytes()[..], &[1], &class].concat();
        let expected = layout(0x8002, &[INBOX.to_wire(), id.to_wire()], &rest);
        let heard = client.told();
        assert_eq!(heard.iter().map(|(handle, _)| *handle).collect::<Vec<_>>(), [mail, created]);
        assert_eq!(heard[0].1.to_wire(), expected);
        // A message that only comes into being is no mail.
        put(&mailbox, INBOX, "b")?;
        let heard: Vec<_> = client.told().into_iter().map(|(handle, _)| handle).collect();
        assert_eq!(heard, [created]);
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R218, R224, R22601, R22101
    fn the_class_of_new_mail_is_unicode(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.register(Types::NEW_MAIL, WHOLE).expect("a subscription");
        let options = ImportOptions { delivered: true, ..ImportOptions::default() };
        let mut content = mapi::MessageContent::default();
        let class = format!("IPM.Note.\u{444}{}", "x".repeat(100));
        content.properties.set(tags::MESSAGE_CLASS, class.as_str());
        message::import(&*mailbox(rig)?, INBOX, content, &options)?;
        let data = only(client.told());
        let told = data.new_mail.expect("what the mail is");
        assert_eq!(told.message_class, Text::Unicode(class.as_str().into()));
        Ok(())
    }

    /// MS-OXCNOTIF 2.2.1.4.1.2: R194
    fn tags_are_not_listed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        client.register(ALL, WHOLE).expect("a subscription");
        put(&*mailbox(rig)?, INBOX, "a")?;
        let tags: Vec<_> = client.told().into_iter().filter_map(|(_, data)| data.tags).collect();
        assert_eq!(tags, [ChangedTags::Listed(Vec::new()), ChangedTags::Listed(Vec::new())]);
        Ok(())
    }
}
