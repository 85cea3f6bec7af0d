//! Which property of a contact each line is ([MS-OXVCARD] 2.1.3, [MS-OXOCNTC] 2.2.1).

use mapi::generated::tags;
use mapi::known::KnownName;
use mapi::names::lid;
use mapi::{PropertyBag, PropertyTag, PropertyValue};

/// A property by its tag or by its name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    Tag(PropertyTag),
    Named(KnownName),
}

impl Slot {
    pub(super) fn set(self, bag: &mut PropertyBag, value: impl Into<PropertyValue>) {
        match self {
            Slot::Tag(tag) => bag.set(tag, value),
            Slot::Named(name) => bag.set_named(name.name(), value),
        }
    }

    /// A text that is there and not empty.
    pub(super) fn text(self, bag: &PropertyBag) -> Option<String> {
        let value = match self {
            Slot::Tag(tag) => bag.get(tag),
            Slot::Named(name) => bag.get_named(&name.name()),
        };
        let text = value?.as_text()?.to_string_lossy().into_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// TEL by its types; the first row whose types all stand there has the number ([MS-OXVCARD] 2.1.3.4).
pub(super) const PHONES: &[(&[&str], PropertyTag)] = &[
    (&["HOME", "FAX"], tags::HOME_FAX_NUMBER),
    (&["WORK", "FAX"], tags::BUSINESS_FAX_NUMBER),
    (&["FAX"], tags::PRIMARY_FAX_NUMBER),
    (&["CELL"], tags::MOBILE_TELEPHONE_NUMBER),
    (&["PAGER"], tags::PAGER_TELEPHONE_NUMBER),
    (&["CAR"], tags::CAR_TELEPHONE_NUMBER),
    (&["ISDN"], tags::ISDN_NUMBER),
    (&["X-ASSISTANT"], tags::ASSISTANT_TELEPHONE_NUMBER),
    (&["X-CALLBACK"], tags::CALLBACK_TELEPHONE_NUMBER),
    (&["X-COMPANY"], tags::COMPANY_MAIN_TELEPHONE_NUMBER),
    (&["X-RADIO"], tags::RADIO_TELEPHONE_NUMBER),
    (&["HOME"], tags::HOME_TELEPHONE_NUMBER),
    (&["HOME"], tags::HOME2_TELEPHONE_NUMBER),
    (&["WORK"], tags::BUSINESS_TELEPHONE_NUMBER),
    (&["WORK"], tags::BUSINESS2_TELEPHONE_NUMBER),
    (&["PREF"], tags::PRIMARY_TELEPHONE_NUMBER),
    (&[], tags::OTHER_TELEPHONE_NUMBER),
];

/// The parts of an address in the order of [`ADDRESS_PARTS`], and what it is called.
pub(super) struct AddressSlots {
    pub kind: &'static str,
    pub post_office_box: Slot,
    pub street: Slot,
    pub city: Slot,
    pub state: Slot,
    pub postal_code: Slot,
    pub country: Slot,
    /// The whole address in lines.
    pub whole: KnownName,
}

impl AddressSlots {
    /// In the order of ADR, whose second part is an extension of the street (RFC 6350 6.3.1).
    pub(super) fn parts(&self) -> [Option<Slot>; 7] {
        [
            Some(self.post_office_box),
            None,
            Some(self.street),
            Some(self.city),
            Some(self.state),
            Some(self.postal_code),
            Some(self.country),
        ]
    }
}

pub(super) const ADDRESSES: [AddressSlots; 3] = [
    AddressSlots {
        kind: "WORK",
        post_office_box: Slot::Named(lid::WORK_ADDRESS_POST_OFFICE_BOX),
        street: Slot::Named(lid::WORK_ADDRESS_STREET),
        city: Slot::Named(lid::WORK_ADDRESS_CITY),
        state: Slot::Named(lid::WORK_ADDRESS_STATE),
        postal_code: Slot::Named(lid::WORK_ADDRESS_POSTAL_CODE),
        country: Slot::Named(lid::WORK_ADDRESS_COUNTRY),
        whole: lid::WORK_ADDRESS,
    },
    AddressSlots {
        kind: "HOME",
        post_office_box: Slot::Tag(tags::HOME_ADDRESS_POST_OFFICE_BOX),
        street: Slot::Tag(tags::HOME_ADDRESS_STREET),
        city: Slot::Tag(tags::HOME_ADDRESS_CITY),
        state: Slot::Tag(tags::HOME_ADDRESS_STATE_OR_PROVINCE),
        postal_code: Slot::Tag(tags::HOME_ADDRESS_POSTAL_CODE),
        country: Slot::Tag(tags::HOME_ADDRESS_COUNTRY),
        whole: lid::HOME_ADDRESS,
    },
    AddressSlots {
        kind: "",
        post_office_box: Slot::Tag(tags::OTHER_ADDRESS_POST_OFFICE_BOX),
        street: Slot::Tag(tags::OTHER_ADDRESS_STREET),
        city: Slot::Tag(tags::OTHER_ADDRESS_CITY),
        state: Slot::Tag(tags::OTHER_ADDRESS_STATE_OR_PROVINCE),
        postal_code: Slot::Tag(tags::OTHER_ADDRESS_POSTAL_CODE),
        country: Slot::Tag(tags::OTHER_ADDRESS_COUNTRY),
        whole: lid::OTHER_ADDRESS,
    },
];

/// The properties of one of three mail addresses ([MS-OXOCNTC] 2.2.1.2).
pub(super) struct EmailSlots {
    pub display_name: KnownName,
    pub address_type: KnownName,
    pub address: KnownName,
    pub original_display_name: KnownName,
    pub original_entry_id: KnownName,
}

pub(super) const EMAILS: [EmailSlots; 3] = [
    EmailSlots {
        display_name: lid::EMAIL1_DISPLAY_NAME,
        address_type: lid::EMAIL1_ADDRESS_TYPE,
        address: lid::EMAIL1_EMAIL_ADDRESS,
        original_display_name: lid::EMAIL1_ORIGINAL_DISPLAY_NAME,
        original_entry_id: lid::EMAIL1_ORIGINAL_ENTRY_ID,
    },
    EmailSlots {
        display_name: lid::EMAIL2_DISPLAY_NAME,
        address_type: lid::EMAIL2_ADDRESS_TYPE,
        address: lid::EMAIL2_EMAIL_ADDRESS,
        original_display_name: lid::EMAIL2_ORIGINAL_DISPLAY_NAME,
        original_entry_id: lid::EMAIL2_ORIGINAL_ENTRY_ID,
    },
    EmailSlots {
        display_name: lid::EMAIL3_DISPLAY_NAME,
        address_type: lid::EMAIL3_ADDRESS_TYPE,
        address: lid::EMAIL3_EMAIL_ADDRESS,
        original_display_name: lid::EMAIL3_ORIGINAL_DISPLAY_NAME,
        original_entry_id: lid::EMAIL3_ORIGINAL_ENTRY_ID,
    },
];

/// Lines whose value is one text.
pub(super) const TEXTS: &[(&str, Slot)] = &[
    ("NICKNAME", Slot::Tag(tags::NICKNAME)),
    ("TITLE", Slot::Tag(tags::TITLE)),
    ("ROLE", Slot::Tag(tags::PROFESSION)),
    ("IMPP", Slot::Named(lid::INSTANT_MESSAGING_ADDRESS)),
    ("X-MS-IMADDRESS", Slot::Named(lid::INSTANT_MESSAGING_ADDRESS)),
    ("X-MS-SPOUSE", Slot::Tag(tags::SPOUSE_NAME)),
    ("X-SPOUSE", Slot::Tag(tags::SPOUSE_NAME)),
    ("X-MS-MANAGER", Slot::Tag(tags::MANAGER_NAME)),
    ("X-MANAGER", Slot::Tag(tags::MANAGER_NAME)),
    ("X-MS-ASSISTANT", Slot::Tag(tags::ASSISTANT)),
    ("X-ASSISTANT", Slot::Tag(tags::ASSISTANT)),
    ("FBURL", Slot::Named(lid::FREE_BUSY_LOCATION)),
];
