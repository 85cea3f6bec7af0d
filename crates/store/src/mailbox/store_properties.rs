//! Properties of the store object itself ([MS-OXCSTOR] 2.2.2).

use mapi::entry_id::{AddressBookEntryId, STORE_PROVIDER, StoreEntryId};
use mapi::{ErrorCode, PropertyProblem, PropertyTag, PropertyType, Wire, tags};

use super::special::{PublicFolder, SpecialFolder};
use super::{entry_ids, ids, writer};
use crate::engine::Reader;
use crate::keys::Kind;
use crate::record::{parts, properties};
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, folder, large, quota};

/// What this store can do (PidTagStoreSupportMask): entry ids unique, search, modify, create, attachments,
/// OLE, submit, notify, multi-value, categories, RTF, restrictions, sorting, HTML, Unicode...
const SUPPORT_MASK: i32 = 0x0004_3fff;
/// PidTagValidFolderMask: subtree, inbox, outbox, wastebasket, sent mail, views, common views, finder.
const VALID_FOLDERS: i32 = 0xff;
/// Display type of a mailbox user in an address book entry id ([MS-OXCDATA] 2.2.5.2).
const MAIL_USER: u32 = 0;

/// PidTagStorageQuotaLimit, which [MS-OXPROPS] lacks: where the user is warned.
const STORAGE_QUOTA_LIMIT: PropertyTag = PropertyTag::new(0x3ff5_0003);
/// PR_DELETED_MESSAGE_SIZE_EXTENDED: what can be recovered.
const DELETED_MESSAGE_SIZE: PropertyTag = PropertyTag::new(0x669b_0014);

/// PidTagIpmPublicFoldersEntryId, PidTagNonIpmSubtreeEntryId and PidTagEformsRegistryEntryId, which
/// [MS-OXPROPS] lacks: where the store of public folders has these.
const IPM_PUBLIC_FOLDERS_ENTRY_ID: PropertyTag = PropertyTag::new(0x6631_0102);
const NON_IPM_SUBTREE_ENTRY_ID: PropertyTag = PropertyTag::new(0x6620_0102);
const EFORMS_REGISTRY_ENTRY_ID: PropertyTag = PropertyTag::new(0x6621_0102);
/// PidTagLocaleId until a client sets it: English of the United States.
const DEFAULT_LOCALE: i32 = 0x0409;

/// What clients read and may not set. As in Exchange 2016, not even what the specification calls read/write
/// (MS-OXCSTOR R6280001, R3128, R306800301).
const PROTECTED: &[PropertyTag] = &[tags::COMMENT, tags::DELETE_AFTER_SUBMIT, tags::DISPLAY_NAME];

/// Computed properties of the store object.
const COMPUTED: &[PropertyTag] = &[
    tags::ACCESS,
    tags::ACCESS_LEVEL,
    tags::ADDRESS_BOOK_MESSAGE_ID,
    tags::CODE_PAGE_ID,
    tags::CONTENT_COUNT,
    tags::SERIALIZED_REPLID_GUID_MAP,
    EFORMS_REGISTRY_ENTRY_ID,
    IPM_PUBLIC_FOLDERS_ENTRY_ID,
    NON_IPM_SUBTREE_ENTRY_ID,
    tags::COMMON_VIEWS_ENTRY_ID,
    tags::DISPLAY_NAME,
    tags::ENTRY_ID,
    tags::EXTENDED_RULE_SIZE_LIMIT,
    tags::FINDER_ENTRY_ID,
    tags::IPM_OUTBOX_ENTRY_ID,
    tags::IPM_SENT_MAIL_ENTRY_ID,
    tags::IPM_SUBTREE_ENTRY_ID,
    tags::IPM_WASTEBASKET_ENTRY_ID,
    tags::MAILBOX_OWNER_ENTRY_ID,
    tags::MAILBOX_OWNER_NAME,
    tags::MAPPING_SIGNATURE,
    tags::MAXIMUM_SUBMIT_MESSAGE_SIZE,
    DELETED_MESSAGE_SIZE,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_SIZE_EXTENDED,
    tags::OBJECT_TYPE,
    tags::PROHIBIT_RECEIVE_QUOTA,
    tags::PROHIBIT_SEND_QUOTA,
    STORAGE_QUOTA_LIMIT,
    tags::RECORD_KEY,
    tags::STORE_ENTRY_ID,
    tags::STORE_PROVIDER,
    tags::STORE_RECORD_KEY,
    tags::STORE_STATE,
    tags::STORE_SUPPORT_MASK,
    tags::STORE_UNICODE_MASK,
    tags::USER_ENTRY_ID,
    tags::VALID_FOLDER_MASK,
    tags::VIEWS_ENTRY_ID,
];

/// The values by id, in the order of the tags; None where there is none.
pub fn get(mailbox: &Mailbox, tags: &[PropertyTag]) -> Result<Vec<Option<Value>>> {
    let stored = read(mailbox, mailbox.reader())?.0;
    tags.iter()
        .map(|tag| match computed(mailbox, *tag)? {
            Some(value) => Ok(Some(value)),
            None => Ok(stored.get(*tag).cloned().or_else(|| default(*tag))),
        })
        .collect()
}

/// What a property is that nobody has set.
fn default(tag: PropertyTag) -> Option<Value> {
    const OOF: u16 = tags::OUT_OF_OFFICE_STATE.id();
    const LOCALE: u16 = tags::LOCALE_ID.id();
    match tag.id() {
        OOF => Some(false.into()),
        LOCALE => Some(DEFAULT_LOCALE.into()),
        _ => None,
    }
}

/// Whether the user is out of office, as far as it is known without asking the engine.
pub fn known_out_of_office(mailbox: &Mailbox) -> Option<bool> {
    *mailbox.out_of_office.lock()
}

/// Whether the user is out of office (PidTagOutOfOfficeState).
pub fn out_of_office(mailbox: &Mailbox) -> Result<bool> {
    let mut known = mailbox.out_of_office.lock();
    if let Some(known) = *known {
        return Ok(known);
    }
    let stored = read(mailbox, mailbox.reader())?.0;
    let state =
        stored.inline(tags::OUT_OF_OFFICE_STATE) == Some(&mapi::PropertyValue::Boolean(true));
    Ok(*known.insert(state))
}

/// Every property that the store object has.
pub fn tags(mailbox: &Mailbox) -> Result<Vec<PropertyTag>> {
    let mut tags = COMPUTED.to_vec();
    tags.retain(|tag| *tag != tags::ADDRESS_BOOK_MESSAGE_ID);
    let public = [EFORMS_REGISTRY_ENTRY_ID, IPM_PUBLIC_FOLDERS_ENTRY_ID, NON_IPM_SUBTREE_ENTRY_ID];
    match mailbox.is_public() {
        true => tags.retain(|tag| !OF_MAILBOXES.contains(tag)),
        false => tags.retain(|tag| !public.contains(tag)),
    }
    // A quota that is not set is a property that is not there.
    let quota = quota::usage(mailbox)?.quota;
    tags.retain(|tag| match *tag {
        STORAGE_QUOTA_LIMIT => quota.warn.is_some(),
        tags::PROHIBIT_SEND_QUOTA => quota.prohibit_send.is_some(),
        tags::PROHIBIT_RECEIVE_QUOTA => quota.prohibit_receive.is_some(),
        _ => true,
    });
    let stored = read(mailbox, mailbox.reader())?.0;
    tags.extend(stored.tags().filter(|tag| !is_computed(*tag)));
    Ok(tags)
}

/// Computed properties that the store of public folders does not have.
const OF_MAILBOXES: &[PropertyTag] = &[
    tags::COMMON_VIEWS_ENTRY_ID,
    tags::FINDER_ENTRY_ID,
    tags::IPM_OUTBOX_ENTRY_ID,
    tags::IPM_SENT_MAIL_ENTRY_ID,
    tags::IPM_WASTEBASKET_ENTRY_ID,
    tags::MAILBOX_OWNER_ENTRY_ID,
    tags::MAILBOX_OWNER_NAME,
    tags::VIEWS_ENTRY_ID,
];

/// Whether clients may not set or delete the property of a store.
pub fn is_computed(tag: PropertyTag) -> bool {
    COMPUTED.iter().any(|computed| computed.id() == tag.id())
}

/// Sets properties; those that cannot be set come back as problems.
pub fn set(mailbox: &Mailbox, values: Vec<(PropertyTag, Value)>) -> Result<Vec<PropertyProblem>> {
    let (accepted, mut problems) = folder::split_computed(values, |tag| {
        is_computed(tag) || PROTECTED.iter().any(|protected| protected.id() == tag.id())
    });
    for problem in &mut problems {
        if PROTECTED.iter().any(|protected| protected.id() == problem.tag.id()) {
            problem.error = ErrorCode::ACCESS_DENIED;
        }
    }
    if accepted.is_empty() {
        return Ok(problems);
    }
    let mut new: Properties = accepted.into_iter().collect();
    large::store_properties(&mailbox.store, &mut new)?;
    change(mailbox, |properties| {
        for (id, value) in new.iter() {
            properties.set_id(id, value.clone());
        }
    })?;
    if new.get(tags::OUT_OF_OFFICE_STATE).is_some() {
        crate::rule::forget_answers(mailbox)?;
    }
    Ok(problems)
}

pub fn delete(mailbox: &Mailbox, tags: &[PropertyTag]) -> Result<Vec<PropertyProblem>> {
    let problems = folder::computed_problems(tags, is_computed);
    change(mailbox, |properties| {
        for tag in tags.iter().filter(|tag| !is_computed(**tag)) {
            properties.remove(*tag);
        }
    })?;
    Ok(problems)
}

fn change(mailbox: &Mailbox, edit: impl Fn(&mut Properties)) -> Result<()> {
    writer::write(mailbox, |tx| {
        let (mut properties, old_parts) = read(mailbox, tx.reader())?;
        let before = properties.clone();
        edit(&mut properties);
        if properties == before {
            return Ok(());
        }
        let mut w = Vec::new();
        properties::write(&mut w, &properties);
        parts::put(&mut tx.batch, &mailbox.key(Kind::StoreProperties, &[]), &w, old_parts);
        large::mark_store(tx, &before, &properties)
    })?;
    // What was read before the change is not believed any more.
    *mailbox.out_of_office.lock() = None;
    Ok(())
}

fn read(mailbox: &Mailbox, reader: &dyn Reader) -> Result<(Properties, usize)> {
    let (bytes, parts) = parts::get(reader, &mailbox.key(Kind::StoreProperties, &[]))?;
    match parts {
        0 => Ok((Properties::new(), 0)),
        _ => Ok((properties::read(&mut mapi::Reader::new(&bytes))?, parts)),
    }
}

fn computed(mailbox: &Mailbox, tag: PropertyTag) -> Result<Option<Value>> {
    let folder = |folder: SpecialFolder| -> Result<Option<Value>> {
        Ok(Some(entry_ids::folder(mailbox, folder.id())?.into()))
    };
    let Some(known) = COMPUTED.iter().find(|known| known.id() == tag.id()) else { return Ok(None) };
    if mailbox.is_public() && OF_MAILBOXES.contains(known) {
        return Ok(None);
    }
    Ok(Some(match *known {
        IPM_PUBLIC_FOLDERS_ENTRY_ID if mailbox.is_public() => {
            entry_ids::folder(mailbox, PublicFolder::IpmSubtree.id())?.into()
        }
        NON_IPM_SUBTREE_ENTRY_ID if mailbox.is_public() => {
            entry_ids::folder(mailbox, PublicFolder::NonIpmSubtree.id())?.into()
        }
        EFORMS_REGISTRY_ENTRY_ID if mailbox.is_public() => {
            entry_ids::folder(mailbox, PublicFolder::EformsRegistry.id())?.into()
        }
        tags::CONTENT_COUNT => {
            let count = folder::message_count(mailbox)?;
            i32::try_from(count).unwrap_or(i32::MAX).into()
        }
        // [MS-OXCSTOR] 2.2.2.1.1.13
        tags::SERIALIZED_REPLID_GUID_MAP => {
            let mut map = Vec::new();
            for (replica, guid) in ids::mapping(mailbox)? {
                map.extend(replica.to_le_bytes());
                map.extend(guid.0);
            }
            map.into()
        }
        tags::IPM_SUBTREE_ENTRY_ID => return folder(SpecialFolder::IpmSubtree),
        tags::IPM_OUTBOX_ENTRY_ID => return folder(SpecialFolder::Outbox),
        tags::IPM_SENT_MAIL_ENTRY_ID => return folder(SpecialFolder::SentItems),
        tags::IPM_WASTEBASKET_ENTRY_ID => return folder(SpecialFolder::DeletedItems),
        tags::COMMON_VIEWS_ENTRY_ID => return folder(SpecialFolder::CommonViews),
        tags::VIEWS_ENTRY_ID => return folder(SpecialFolder::Views),
        tags::FINDER_ENTRY_ID => return folder(SpecialFolder::Search),
        // [MS-OXCPRPT] 2.2.1.1: read and write.
        tags::ACCESS => 0x3i32.into(),
        tags::ACCESS_LEVEL => 1i32.into(),
        // MAPI_STORE ([MS-OXCPRPT] 2.2.1.7).
        tags::OBJECT_TYPE => 1i32.into(),
        tags::STORE_SUPPORT_MASK | tags::STORE_UNICODE_MASK => SUPPORT_MASK.into(),
        tags::STORE_STATE => 0i32.into(),
        tags::VALID_FOLDER_MASK => VALID_FOLDERS.into(),
        tags::RECORD_KEY | tags::STORE_RECORD_KEY | tags::MAPPING_SIGNATURE => {
            mailbox.guid().0.to_vec().into()
        }
        tags::STORE_PROVIDER => STORE_PROVIDER.0.to_vec().into(),
        tags::ENTRY_ID | tags::STORE_ENTRY_ID => store_entry_id(mailbox)?.into(),
        tags::MESSAGE_SIZE | tags::MESSAGE_SIZE_EXTENDED => {
            let size = quota::usage(mailbox)?.used;
            match tag.property_type() == PropertyType::INTEGER64 {
                true => (size as i64).into(),
                false => i32::try_from(size).unwrap_or(i32::MAX).into(),
            }
        }
        DELETED_MESSAGE_SIZE => (quota::usage(mailbox)?.deleted as i64).into(),
        // [MS-OXCSTOR] 2.2.2.1.1: in units of 1,024 bytes; one that is not set is no limit.
        STORAGE_QUOTA_LIMIT => return Ok(quota::usage(mailbox)?.quota.warn.map(kibibytes)),
        tags::PROHIBIT_SEND_QUOTA => {
            return Ok(quota::usage(mailbox)?.quota.prohibit_send.map(kibibytes));
        }
        tags::PROHIBIT_RECEIVE_QUOTA => {
            return Ok(quota::usage(mailbox)?.quota.prohibit_receive.map(kibibytes));
        }
        tags::EXTENDED_RULE_SIZE_LIMIT => (crate::rule::EXTENDED_SIZE_LIMIT as i32).into(),
        tags::MAXIMUM_SUBMIT_MESSAGE_SIZE => kibibytes(mailbox.store.inner.options.max_submit),
        tags::DISPLAY_NAME | tags::MAILBOX_OWNER_NAME => match owner(mailbox)? {
            Some(owner) if mailbox.is_public() => owner.display_name.into(),
            Some(owner) if tag.id() == tags::DISPLAY_NAME.id() => {
                format!("Mailbox - {}", owner.display_name).into()
            }
            Some(owner) => owner.display_name.into(),
            None => return Ok(None),
        },
        tags::MAILBOX_OWNER_ENTRY_ID | tags::USER_ENTRY_ID => match owner(mailbox)? {
            Some(owner) => AddressBookEntryId::new(&owner.legacy_dn, MAIL_USER).to_wire().into(),
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn kibibytes(bytes: u64) -> Value {
    i32::try_from(bytes.div_ceil(1024)).unwrap_or(i32::MAX).into()
}

/// The entry id by which the store is opened ([MS-OXCDATA] 2.2.4.3).
pub fn store_entry_id(mailbox: &Mailbox) -> Result<Vec<u8>> {
    let server = mailbox.store.server_dn()?;
    let dn = owner(mailbox)?.map(|owner| owner.legacy_dn).unwrap_or_default();
    let server = server.rsplit("/cn=").next().unwrap_or(&server);
    Ok(match mailbox.is_public() {
        false => StoreEntryId::mailbox(server, &dn),
        true => StoreEntryId::public(server),
    }
    .to_wire())
}

fn owner(mailbox: &Mailbox) -> Result<Option<crate::Account>> {
    mailbox.store.account_by_mailbox_guid(mailbox.guid())
}

/// A problem for one property of a request.
pub(crate) fn problem(index: usize, tag: PropertyTag, error: ErrorCode) -> PropertyProblem {
    PropertyProblem { index: u16::try_from(index).unwrap_or(u16::MAX), tag, error }
}
