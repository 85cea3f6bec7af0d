//! The demo mailbox: sample mail that the program carries with it.

use anyhow::Context;
use formats::mime;
use mapi::generated::{named, tags};
use mapi::{FileTime, MessageContent, PropertyValue, RecipientContent};
use store::folder::{self, NewFolder};
use store::mailbox::special::SpecialFolder;
use store::message::{self, ImportOptions};
use store::{Account, Mailbox, Store};

use crate::password::{self, Secret};

pub const ADDRESS: &str = "demo@example.test";

/// A sample, and whether it was read.
const INBOX: &[(&str, &[u8], bool)] = &[
    ("welcome", include_bytes!("../demo/1-welcome.eml"), false),
    ("budget", include_bytes!("../demo/2-budget.eml"), true),
    ("forwarded", include_bytes!("../demo/3-forwarded.eml"), false),
    ("japanese", include_bytes!("../demo/4-japanese.eml"), true),
];
const PROJECT: &[(&str, &[u8], bool)] = &[("reply", include_bytes!("../demo/5-reply.eml"), true)];

/// Makes the demo account if there is none, and fills its mailbox. The password comes back only when it
/// was made now: it is not kept anywhere.
pub fn ensure(store: &Store) -> anyhow::Result<(Account, Option<Secret>)> {
    let existing = store.account_by_address(ADDRESS)?;
    let (account, password) = match existing {
        Some(account) => (account, None),
        None => {
            let password = password::generate()?;
            let account = crate::account::make(store, ADDRESS, Some("Demo".into()), &password)?;
            (account, Some(password))
        }
    };
    // With keys, so that a first start that was cut off is made whole by the second.
    if password.is_some() || folder_is_empty(store, &account)? {
        fill(store, &account).context("fill the demo mailbox")?;
    }
    Ok((account, password))
}

/// Puts the samples into a mailbox.
pub fn fill(store: &Store, account: &Account) -> anyhow::Result<()> {
    let mailbox = store.mailbox(account.mailbox)?;
    let inbox = SpecialFolder::Inbox.id();
    let project = folder::create(
        &mailbox,
        inbox,
        &NewFolder {
            display_name: "Spring fair".into(),
            container_class: Some("IPF.Note".into()),
            open_existing: true,
            ..NewFolder::default()
        },
    )?;
    for (folder, samples) in [(inbox, INBOX), (project.id, PROJECT)] {
        for (name, bytes, read) in samples {
            let content = mime::read(bytes).map_err(|e| anyhow::anyhow!("sample {name}: {e}"))?;
            take(&mailbox, folder, name, content, Some(*read))?;
        }
    }
    take(&mailbox, SpecialFolder::Calendar.id(), "appointment", appointment(), Some(true))?;
    take(&mailbox, SpecialFolder::Contacts.id(), "contact", contact(), Some(true))?;
    Ok(())
}

fn folder_is_empty(store: &Store, account: &Account) -> anyhow::Result<bool> {
    let mailbox = store.mailbox(account.mailbox)?;
    let info = folder::info(&mailbox, SpecialFolder::Inbox.id())?;
    Ok(info.contents == 0 && info.deleted_total == 0)
}

fn take(
    mailbox: &Mailbox,
    folder: mapi::FolderId,
    name: &str,
    content: MessageContent,
    read: Option<bool>,
) -> anyhow::Result<()> {
    let key = Some(format!("demo:{name}").into_bytes());
    message::import(mailbox, folder, content, &ImportOptions { key, read, ..Default::default() })?;
    Ok(())
}

/// 2026-11-10 09:00 to 10:30 UTC.
fn appointment() -> MessageContent {
    let (start, end) =
        (FileTime::from_unix(1_794_301_200, 0), FileTime::from_unix(1_794_306_600, 0));
    let mut content = MessageContent::default();
    let properties = &mut content.properties;
    properties.set(tags::MESSAGE_CLASS, "IPM.Appointment");
    properties.set(tags::SUBJECT, "Stand: last details");
    properties.set(tags::BODY, "Bring the key.");
    properties.set(tags::START_DATE, start);
    properties.set(tags::END_DATE, end);
    properties.set_named(named::lid::APPOINTMENT_START_WHOLE.name(), start);
    properties.set_named(named::lid::APPOINTMENT_END_WHOLE.name(), end);
    properties.set_named(named::lid::LOCATION.name(), "Room 2");
    properties.set_named(named::lid::BUSY_STATUS.name(), 2);
    let mut attendee = RecipientContent::default();
    attendee.properties.set(tags::RECIPIENT_TYPE, PropertyValue::Integer32(1));
    attendee.properties.set(tags::DISPLAY_NAME, "Zoë Müller");
    attendee.properties.set(tags::ADDRESS_TYPE, "SMTP");
    attendee.properties.set(tags::EMAIL_ADDRESS, "zoe@example.test");
    content.recipients.push(attendee);
    content
}

fn contact() -> MessageContent {
    let mut content = MessageContent::default();
    let properties = &mut content.properties;
    properties.set(tags::MESSAGE_CLASS, "IPM.Contact");
    properties.set(tags::SUBJECT, "Zoë Müller");
    properties.set(tags::DISPLAY_NAME, "Zoë Müller");
    properties.set(tags::GIVEN_NAME, "Zoë");
    properties.set(tags::SURNAME, "Müller");
    properties.set(tags::COMPANY_NAME, "Spring Fair");
    properties.set_named(named::lid::FILE_UNDER.name(), "Müller, Zoë");
    properties.set_named(named::lid::EMAIL1_EMAIL_ADDRESS.name(), "zoe@example.test");
    properties.set_named(named::lid::EMAIL1_ADDRESS_TYPE.name(), "SMTP");
    properties.set_named(named::lid::EMAIL1_DISPLAY_NAME.name(), "Zoë Müller");
    content
}
