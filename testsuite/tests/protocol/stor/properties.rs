//! Properties of a logon ([MS-OXCSTOR] 2.2.2).

use mapi::entry_id::{AddressBookEntryId, EntryId};
use mapi::{ErrorCode, PropertyTag, PropertyType, PropertyValue, TaggedValue, tags};
use mapi_rop::RopRequest;
use mapi_rop::property::DeletePropertiesRequest;
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME};

use super::public_client;

const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
/// ecComputed.
const COMPUTED: ErrorCode = ErrorCode(0x8004_011a);

fn of_store(client: &mut Client, tag: PropertyTag) -> Answer<PropertyValue> {
    client.get(client.logon, tag)
}

fn integer(value: PropertyValue) -> i32 {
    match value {
        PropertyValue::Integer32(value) => value,
        other => panic!("{other:?}"),
    }
}

fn delete(client: &mut Client, tag: PropertyTag) -> Answer<()> {
    let tags = mapi::wire::Counted::from(vec![tag]);
    let body = RopRequest::DeleteProperties(DeletePropertiesRequest { tags });
    client.call(client.logon, body).map(drop)
}

/// The distinguished name in an address book entry id.
fn dn_of(value: &PropertyValue) -> String {
    match EntryId::parse(value.as_binary().expect("an entry id")) {
        EntryId::AddressBook(AddressBookEntryId { dn, .. }) => {
            String::from_utf8(dn.0).expect("ASCII")
        }
        other => panic!("{other:?}"),
    }
}

on_both! {
    /// MS-OXCSTOR 2.2.2.1.1: R3055001, R3055002, R3055005, R3055006, R3055007
    fn what_clients_may_not_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for tag in [
            tags::EXTENDED_RULE_SIZE_LIMIT,
            tags::MAXIMUM_SUBMIT_MESSAGE_SIZE,
            tags::STORE_STATE,
            tags::CONTENT_COUNT,
        ] {
            let before = of_store(&mut client, tag)?;
            assert_eq!(client.set(client.logon, tag, 5), Err(COMPUTED), "{tag:?}");
            assert_eq!(of_store(&mut client, tag)?, before);
        }
        let tag = tags::MAILBOX_OWNER_ENTRY_ID;
        assert_eq!(client.set(client.logon, tag, vec![1u8]), Err(COMPUTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1: R3055003, R3055004, R3055009, R3055010, R3055012
    fn more_that_clients_may_not_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for tag in [
            tags::PROHIBIT_RECEIVE_QUOTA,
            tags::PROHIBIT_SEND_QUOTA,
            tags::MESSAGE_SIZE,
            tags::CODE_PAGE_ID,
        ] {
            assert_eq!(client.set(client.logon, tag, 5), Err(COMPUTED), "{tag:?}");
        }
        let tag = tags::MESSAGE_SIZE_EXTENDED;
        assert_eq!(client.set(client.logon, tag, 5i64), Err(COMPUTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.1: R3056, R643
    /// MS-OXCSTOR 2.2.2.1.1.2: R3057, R644
    fn how_large_rules_and_messages_may_be(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let limit = integer(of_store(&mut client, tags::EXTENDED_RULE_SIZE_LIMIT)?);
        assert_eq!(limit as usize, store::rule::EXTENDED_SIZE_LIMIT as usize);
        // In kilobytes.
        let limit = integer(of_store(&mut client, tags::MAXIMUM_SUBMIT_MESSAGE_SIZE)?);
        assert_eq!(limit as u64, rig.store.options().max_submit / 1024);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.3: R646, R647
    /// MS-OXCSTOR 2.2.2.1.1.4: R648, R649
    fn quotas_in_kilobytes_and_none_if_there_is_no_limit(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        let none = store::quota::Quota { warn: None, prohibit_send: None, prohibit_receive: None };
        store::quota::set(&mailbox, Some(none))?;
        for tag in [tags::PROHIBIT_RECEIVE_QUOTA, tags::PROHIBIT_SEND_QUOTA] {
            assert_eq!(of_store(&mut client, tag), Err(NOT_FOUND));
        }
        let some = store::quota::Quota {
            prohibit_send: Some(3 << 20),
            prohibit_receive: Some(5 << 20),
            ..none
        };
        store::quota::set(&mailbox, Some(some))?;
        assert_eq!(integer(of_store(&mut client, tags::PROHIBIT_SEND_QUOTA)?), 3 << 10);
        assert_eq!(integer(of_store(&mut client, tags::PROHIBIT_RECEIVE_QUOTA)?), 5 << 10);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.5: R59732, R1141
    /// MS-OXCSTOR 2.2.2.1.1.6: R3061, R651
    fn a_mailbox_counts_its_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(integer(of_store(&mut client, tags::STORE_STATE)?), 0);
        assert_eq!(integer(of_store(&mut client, tags::CONTENT_COUNT)?), 0);
        for folder in [SpecialFolder::Inbox, SpecialFolder::Drafts] {
            client.post(folder.id(), &[TaggedValue::new(tags::SUBJECT, "counted")])?;
        }
        let associated = client.create_message(SpecialFolder::Inbox.id(), true)?;
        client.save(associated, mapi_rop::message::SaveFlags::NONE)?;
        assert_eq!(integer(of_store(&mut client, tags::CONTENT_COUNT)?), 2);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.7: R656
    /// MS-OXCSTOR 2.2.2.1.1.8: R657
    /// MS-OXCSTOR 2.2.2.1.1.11: R664
    /// MS-OXCSTOR 2.2.2.1.1: R3055011
    fn whose_mailbox_it_is_and_who_asks(rig: &Rig) -> Result {
        let mut client = rig.bare_client(DELEGATE)?;
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let owner = of_store(&mut client, tags::MAILBOX_OWNER_ENTRY_ID)?;
        assert_eq!(dn_of(&owner), rig.legacy_dn(ME)?);
        assert_eq!(of_store(&mut client, tags::MAILBOX_OWNER_NAME)?, "me".into());
        let user = of_store(&mut client, tags::USER_ENTRY_ID)?;
        assert_eq!(dn_of(&user), rig.legacy_dn(DELEGATE)?);
        assert_eq!(client.set(client.logon, tags::USER_ENTRY_ID, vec![1u8]), Err(COMPUTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.9: R3064, R658
    /// MS-OXCSTOR 2.2.2.1.1.10: R3065, R660
    /// MS-OXCSTOR 2.2.2.1.1: R3055008
    fn the_size_is_that_of_all_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(integer(of_store(&mut client, tags::MESSAGE_SIZE)?), 0);
        let mut sum = 0;
        for folder in [SpecialFolder::Inbox, SpecialFolder::Notes] {
            let text = "x".repeat(1_000);
            let id = client.post(folder.id(), &[TaggedValue::new(tags::BODY, text.as_str())])?;
            let flags = mapi_rop::message::OpenMessageFlags::NONE;
            let message = client.open_message(folder.id(), id, flags)?;
            sum += integer(client.get(message, tags::MESSAGE_SIZE)?);
        }
        assert!(sum > 2_000);
        assert_eq!(integer(of_store(&mut client, tags::MESSAGE_SIZE)?), sum);
        let extended = of_store(&mut client, tags::MESSAGE_SIZE_EXTENDED)?;
        assert_eq!(extended, PropertyValue::Integer64(sum.into()));
        assert_eq!(client.set(client.logon, tags::MAILBOX_OWNER_NAME, "x"), Err(COMPUTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.12: R4002, R4003
    /// MS-OXCSTOR 2.2.2.1.1.14: R4004
    /// MS-OXCSTOR 2.2.2.1.2: R3068006, R3068007
    fn locales_are_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(integer(of_store(&mut client, tags::LOCALE_ID)?), 0x0409);
        for tag in [tags::LOCALE_ID, tags::SORT_LOCALE_ID] {
            client.set(client.logon, tag, 0x0407)?;
            assert_eq!(integer(of_store(&mut rig.client(ME)?, tag)?), 0x0407);
        }
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.1.1: R3104, R3105
    /// MS-OXCSTOR 2.2.2.1.1.14: R4005
    /// MS-OXCSTOR 6: R3130
    fn a_sort_locale_that_nobody_set_is_not_there(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(of_store(&mut client, tags::SORT_LOCALE_ID), Err(NOT_FOUND));
        client.set(client.logon, tags::SORT_LOCALE_ID, 0x0411)?;
        assert_eq!(integer(of_store(&mut client, tags::SORT_LOCALE_ID)?), 0x0411);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.1.13: R4003001, R4003004, R4003005
    /// MS-OXCSTOR 2.2.2.1.1.15: R3067, R667
    fn replicas_and_the_code_page(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
        let mailbox = rig.store.mailbox(account.mailbox)?;
        let other = mapi::Guid([5; 16]);
        let number = store::mailbox::ids::replica_id(&mailbox, other)?;
        let map = of_store(&mut client, tags::SERIALIZED_REPLID_GUID_MAP)?;
        let mut expected = [&[1, 0][..], &mailbox.replica().0].concat();
        expected.extend(number.0.to_le_bytes());
        expected.extend(other.0);
        assert_eq!(map.as_binary(), Some(&expected[..]));
        assert_eq!(integer(of_store(&mut client, tags::CODE_PAGE_ID)?), 1252);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.2.1: R3069
    /// MS-OXCSTOR 2.2.2.1.2.3: R655
    /// MS-OXCSTOR 6: R6280001, R3128, R306800301
    fn what_exchange_lets_nobody_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        assert_eq!(client.set(logon, tags::COMMENT, "x"), Err(ACCESS_DENIED));
        assert_eq!(client.set(logon, tags::DISPLAY_NAME, "x"), Err(ACCESS_DENIED));
        assert_eq!(client.set(logon, tags::DELETE_AFTER_SUBMIT, true), Err(ACCESS_DENIED));
        assert_eq!(of_store(&mut client, tags::COMMENT), Err(NOT_FOUND));
        assert_eq!(of_store(&mut client, tags::DISPLAY_NAME)?, "Mailbox - me".into());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.2: R3068001, R3068003
    /// MS-OXCSTOR 2.2.2.1.2.2: R654, R654001
    /// MS-OXCSTOR 2.2.2.1.2.3: R3071
    fn mail_is_not_deleted_after_it_is_sent(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(of_store(&mut client, tags::DELETE_AFTER_SUBMIT), Err(NOT_FOUND));
        delete(&mut client, tags::DELETE_AFTER_SUBMIT)?;
        let name = of_store(&mut client, tags::DISPLAY_NAME)?;
        assert_eq!(name.property_type(), PropertyType::STRING);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.2: R3068004
    /// MS-OXCSTOR 2.2.2.1.2.4: R3072, R661, R662
    fn the_out_of_office_state_is_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(of_store(&mut client, tags::OUT_OF_OFFICE_STATE)?, false.into());
        for state in [true, false] {
            client.set(client.logon, tags::OUT_OF_OFFICE_STATE, state)?;
            assert_eq!(of_store(&mut rig.client(ME)?, tags::OUT_OF_OFFICE_STATE)?, state.into());
        }
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.1.2: R3068005
    /// MS-OXCSTOR 2.2.2.1.2.5: R3073, R666, R59734
    fn where_sent_items_go_is_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let tag = tags::SENT_MAIL_SVR_EID;
        assert_eq!(of_store(&mut client, tag), Err(NOT_FOUND));
        let mut bytes = vec![1];
        mapi::Wire::write(&SpecialFolder::SentItems.id(), &mut bytes);
        bytes.extend([0; 12]);
        let value = PropertyValue::ServerId(bytes);
        client.set(client.logon, tag, value.clone())?;
        assert_eq!(of_store(&mut rig.client(ME)?, tag)?, value);
        delete(&mut client, tag)?;
        assert_eq!(of_store(&mut client, tag), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.2: R3093001, R3093002
    /// MS-OXCSTOR 2.2.2.2.1: R3077, R673
    fn who_asks_for_public_folders(rig: &Rig) -> Result {
        let (mut client, _) = super::administrator(rig)?;
        let user = of_store(&mut client, tags::USER_ENTRY_ID)?;
        assert_eq!(dn_of(&user), rig.legacy_dn(ME)?);
        assert_eq!(client.set(client.logon, tags::USER_ENTRY_ID, vec![1u8]), Err(COMPUTED));
        let tag = tags::ADDRESS_BOOK_MESSAGE_ID;
        assert_eq!(client.set(client.logon, tag, 5i64), Err(COMPUTED));
        let (mut other, _) = public_client(rig, DELEGATE)?;
        let user = of_store(&mut other, tags::USER_ENTRY_ID)?;
        assert_eq!(dn_of(&user), rig.legacy_dn(DELEGATE)?);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.2.2.2: R59738
    fn there_is_no_offline_address_book_here(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, ME)?;
        assert_eq!(of_store(&mut client, tags::ADDRESS_BOOK_MESSAGE_ID), Err(NOT_FOUND));
        assert_eq!(of_store(&mut client, tags::DISPLAY_NAME)?, "Public Folders".into());
        Ok(())
    }
}
