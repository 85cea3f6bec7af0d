//! Any value survives the wire, and any bytes are read without a panic.

use mapi::change::{ChangeList, Xid};
use mapi::entry_id::{
    AddressBookEntryId, EntryId, FolderEntryId, MessageEntryId, OneOffEntryId, StoreEntryId,
};
use mapi::entry_list::{EntryList, FlatEntryList, ListedEntry};
use mapi::idset::{GlobSet, ReplGuidSet};
use mapi::oracle;
use mapi::recipient::{RecipientAddress, RowText, TransmittableName};
use mapi::restriction::{BitTest, FuzzyLevel, Relation, RestrictionForm};
use mapi::row::TypedValue;
use mapi::rule::RuleCondition;
use mapi::server_id::ServerId;
use mapi::sort::Direction;
use mapi::text::String8;
use mapi::{
    Cell, ErrorCode, FileTime, FolderId, GlobalCounter, Guid, LongTermId, MessageId, PropertyName,
    PropertyNameKind, PropertyRow, PropertyTag, PropertyType, PropertyValue, Reader, RecipientRow,
    ReplId, Restriction, SortOrder, SortOrderSet, TaggedValue, WString, Wire, WireWith,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = WString> {
    prop_oneof![
        "[ -~äß漢😀]{0,12}".prop_map(WString::from),
        vec(1..=u16::MAX, 0..8).prop_map(WString::from_utf16),
    ]
}

fn text8() -> impl Strategy<Value = String8> {
    vec(1..=u8::MAX, 0..8).prop_map(String8)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..24)
}

fn guid() -> impl Strategy<Value = Guid> {
    any::<[u8; 16]>().prop_map(Guid)
}

fn counter() -> impl Strategy<Value = GlobalCounter> {
    prop_oneof![0..1000u64, any::<u64>()].prop_map(GlobalCounter::new)
}

fn long_term() -> impl Strategy<Value = LongTermId> {
    (guid(), counter()).prop_map(|(replica, counter)| LongTermId::new(replica, counter))
}

fn tag(property_type: PropertyType) -> impl Strategy<Value = PropertyTag> {
    any::<u16>().prop_map(move |id| PropertyTag::from_parts(id, property_type))
}

fn any_tag() -> impl Strategy<Value = PropertyTag> {
    any::<u32>().prop_map(PropertyTag)
}

fn scalar() -> BoxedStrategy<PropertyValue> {
    use PropertyValue as V;
    prop_oneof![
        Just(V::Null),
        Just(V::Object),
        any::<i16>().prop_map(V::Integer16),
        any::<i32>().prop_map(V::Integer32),
        any::<f32>().prop_map(V::Floating32),
        any::<f64>().prop_map(V::Floating64),
        any::<i64>().prop_map(V::Currency),
        any::<f64>().prop_map(V::FloatingTime),
        any::<u32>().prop_map(|code| V::ErrorCode(ErrorCode(code))),
        any::<bool>().prop_map(V::Boolean),
        any::<i64>().prop_map(V::Integer64),
        text8().prop_map(V::String8),
        text().prop_map(V::String),
        any::<u64>().prop_map(|time| V::Time(FileTime(time))),
        guid().prop_map(V::Guid),
        bytes().prop_map(V::ServerId),
        bytes().prop_map(V::Binary),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<PropertyValue> {
    use PropertyValue as V;
    prop_oneof![
        4 => scalar(),
        1 => prop_oneof![
            vec(any::<i16>(), 0..4).prop_map(V::MultipleInteger16),
            vec(any::<i32>(), 0..4).prop_map(V::MultipleInteger32),
            vec(any::<f32>(), 0..4).prop_map(V::MultipleFloating32),
            vec(any::<f64>(), 0..4).prop_map(V::MultipleFloating64),
            vec(any::<i64>(), 0..4).prop_map(V::MultipleCurrency),
            vec(any::<f64>(), 0..4).prop_map(V::MultipleFloatingTime),
            vec(any::<i64>(), 0..4).prop_map(V::MultipleInteger64),
            vec(text8(), 0..4).prop_map(V::MultipleString8),
            vec(text(), 0..4).prop_map(V::MultipleString),
            vec(any::<u64>().prop_map(FileTime), 0..4).prop_map(V::MultipleTime),
            vec(guid(), 0..4).prop_map(V::MultipleGuid),
            vec(bytes(), 0..4).prop_map(V::MultipleBinary),
        ],
        1 => restriction_of(scalar()).prop_map(|restriction| V::Restriction(restriction.to_wire())),
        1 => vec(bytes(), 0..3).prop_map(|actions| V::RuleAction(rule_actions(&actions))),
    ]
    .boxed()
}

fn rule_actions(actions: &[Vec<u8>]) -> Vec<u8> {
    let mut w = Vec::new();
    (actions.len() as u16).write(&mut w);
    for action in actions {
        (action.len() as u16).write(&mut w);
        w.extend_from_slice(action);
    }
    w
}

fn tagged(value: BoxedStrategy<PropertyValue>) -> impl Strategy<Value = TaggedValue> {
    (any::<u16>(), value).prop_map(|(id, value)| TaggedValue {
        tag: PropertyTag::from_parts(id, value.property_type()),
        value,
    })
}

fn relation() -> impl Strategy<Value = Relation> {
    any::<u8>().prop_map(Relation::from_int)
}

fn restriction_of(value: BoxedStrategy<PropertyValue>) -> impl Strategy<Value = Restriction> {
    let leaf =
        prop_oneof![
            (any::<u16>(), any::<u16>(), any_tag(), tagged(value.clone())).prop_map(
                |(low, high, tag, value)| Restriction::Content {
                    level: FuzzyLevel { low, high },
                    tag,
                    value
                }
            ),
            (relation(), any_tag(), tagged(value.clone()))
                .prop_map(|(relation, tag, value)| Restriction::Property { relation, tag, value }),
            (relation(), any_tag(), any_tag()).prop_map(|(relation, left, right)| {
                Restriction::CompareProperties { relation, left, right }
            }),
            (any::<u8>(), any_tag(), any::<u32>()).prop_map(|(test, tag, mask)| {
                Restriction::Bitmask { test: BitTest::from_int(test), tag, mask }
            }),
            (relation(), any_tag(), any::<u32>())
                .prop_map(|(relation, tag, size)| Restriction::Size { relation, tag, size }),
            any_tag().prop_map(|tag| Restriction::Exist { tag }),
        ];
    leaf.prop_recursive(4, 16, 3, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Restriction::And),
            vec(inner, 0..3).prop_map(Restriction::Or),
            boxed.clone().prop_map(Restriction::Not),
            (any_tag(), boxed.clone())
                .prop_map(|(tag, restriction)| Restriction::SubObject { tag, restriction }),
            (any::<u32>(), boxed.clone())
                .prop_map(|(limit, restriction)| Restriction::Count { limit, restriction }),
            (vec(tagged(value.clone()), 0..3), proptest::option::of(boxed))
                .prop_map(|(values, restriction)| Restriction::Comment { values, restriction }),
        ]
    })
}

/// Columns, some of them with an open type, and a row that fits them.
fn row() -> impl Strategy<Value = (Vec<PropertyTag>, PropertyRow)> {
    let cell = prop_oneof![
        4 => value().prop_map(Cell::Value),
        1 => Just(Cell::Absent),
        1 => any::<u32>().prop_map(|code| Cell::Error(ErrorCode(code))),
    ];
    vec((any::<u16>(), any::<bool>(), cell), 0..6).prop_map(|cells| {
        let column = |(id, open, cell): &(u16, bool, Cell)| {
            let kind = match cell {
                Cell::Value(value) if !open => value.property_type(),
                Cell::Value(_) => PropertyType::UNSPECIFIED,
                Cell::Absent | Cell::Error(_) => PropertyType::STRING,
            };
            PropertyTag::from_parts(*id, kind)
        };
        let columns = cells.iter().map(column).collect();
        (columns, PropertyRow::from_cells(cells.into_iter().map(|(_, _, cell)| cell).collect()))
    })
}

fn property_name() -> impl Strategy<Value = PropertyName> {
    let kind = prop_oneof![
        any::<u32>().prop_map(PropertyNameKind::Id),
        text().prop_map(PropertyNameKind::Name),
    ];
    (guid(), kind).prop_map(|(set, kind)| PropertyName { set, kind })
}

fn address() -> impl Strategy<Value = RecipientAddress> {
    prop_oneof![
        proptest::option::of(text8())
            .prop_map(|address_type| RecipientAddress::Other { address_type }),
        (any::<u8>(), any::<u8>(), text8()).prop_map(|(prefix_used, display_type, dn)| {
            RecipientAddress::X500 { prefix_used, display_type, dn }
        }),
        Just(RecipientAddress::MsMail),
        Just(RecipientAddress::Smtp),
        Just(RecipientAddress::Fax),
        Just(RecipientAddress::ProfessionalOfficeSystem),
        (any::<bool>(), bytes(), bytes()).prop_map(|(second, entry_id, search_key)| {
            RecipientAddress::DistributionList { second, entry_id, search_key }
        }),
    ]
}

fn recipient() -> impl Strategy<Value = (Vec<PropertyTag>, RecipientRow)> {
    let texts = any::<bool>().prop_flat_map(|unicode| {
        let text = match unicode {
            true => text().prop_map(RowText::Unicode).boxed(),
            false => text8().prop_map(RowText::Bytes).boxed(),
        };
        let text = proptest::option::of(text);
        (Just(unicode), text.clone(), text.clone(), text.clone(), text)
    });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0..16u16);
    (address(), flags, texts, row()).prop_map(|(address, flags, texts, (columns, properties))| {
        let (responsible, non_rich, same, reserved) = flags;
        let (unicode, email_address, display_name, simple_display_name, own) = texts;
        let transmittable_name = match own {
            Some(name) => TransmittableName::Own { name, same },
            None if same => TransmittableName::SameAsDisplayName,
            None => TransmittableName::Absent,
        };
        let row = RecipientRow {
            address,
            responsible,
            non_rich,
            email_address,
            display_name,
            simple_display_name,
            transmittable_name,
            unicode,
            reserved: reserved << 11,
            column_count: columns.len() as u16,
            properties,
        };
        (columns, row)
    })
}

fn back<T: Wire + PartialEq + std::fmt::Debug>(value: T) {
    assert_eq!(T::from_wire(&value.to_wire()), Ok(value));
}

fn back_with<T, C: ?Sized>(value: T, context: &C)
where
    T: WireWith<C> + PartialEq + std::fmt::Debug,
{
    let mut w = Vec::new();
    value.write_with(&mut w, context);
    let mut r = Reader::new(&w);
    assert_eq!(T::read_with(&mut r, context), Ok(value));
    assert!(r.is_empty());
}

proptest! {
    #[test]
    fn values(value in value(), id in any::<u16>()) {
        back(TypedValue(value.clone()));
        back(TaggedValue { tag: PropertyTag::from_parts(id, value.property_type()), value });
    }

    #[test]
    fn rows((columns, row) in row()) {
        back_with(row, columns.as_slice());
    }

    #[test]
    fn a_row_of_any_values_stays_readable(
        columns in vec(prop_oneof![any_tag(), tag(PropertyType::STRING)], 0..5),
        (_, row) in row(),
    ) {
        let mut w = Vec::new();
        row.write_with(&mut w, &columns);
        let mut r = Reader::new(&w);
        // A column of a type that nobody knows can hold no value, so its cell is an error or nothing.
        let read = PropertyRow::read_with(&mut r, columns.as_slice()).expect("a readable row");
        prop_assert!(r.is_empty());
        prop_assert_eq!(read.len(), columns.len());
    }

    #[test]
    fn recipients((columns, row) in recipient()) {
        back_with(row, columns.as_slice());
    }

    #[test]
    fn restrictions(restriction in restriction_of(value())) {
        back(restriction);
    }

    #[test]
    fn rule_conditions(
        names in vec((any::<u16>(), property_name()), 0..4),
        restriction in restriction_of(scalar()),
        extended in any::<bool>(),
    ) {
        let form = if extended { RestrictionForm::ExtendedRule } else { RestrictionForm::Rule };
        let condition = RuleCondition { names, restriction };
        let mut w = Vec::new();
        condition.write_as(&mut w, form);
        let mut r = Reader::new(&w);
        prop_assert_eq!(RuleCondition::read_as(&mut r, form), Ok(condition));
        prop_assert!(r.is_empty());
    }

    #[test]
    fn sort_orders(
        orders in vec((any_tag(), any::<u8>()), 0..5),
        categories in any::<u16>(),
        expanded in any::<u16>(),
    ) {
        let orders = orders
            .into_iter()
            .map(|(tag, direction)| SortOrder { tag, direction: Direction::from_int(direction) })
            .collect();
        back(SortOrderSet { orders, categories, expanded });
    }

    #[test]
    fn property_names(name in proptest::option::of(property_name())) {
        back(name);
    }

    #[test]
    fn entry_ids(
        mailbox in guid(),
        folder in long_term(),
        message in long_term(),
        name in "[ -~äß漢😀]{0,12}",
        address in "[!-~]{0,12}",
        kind in any::<u32>(),
    ) {
        for entry_id in [
            EntryId::Folder(FolderEntryId::private(mailbox, folder)),
            EntryId::Message(MessageEntryId::private(mailbox, folder, message)),
            EntryId::Store(StoreEntryId::mailbox(&address, &address)),
            EntryId::OneOff(OneOffEntryId::new(&name, "SMTP", &address)),
            EntryId::AddressBook(AddressBookEntryId::new(&address, kind)),
        ] {
            prop_assert_eq!(EntryId::parse(&entry_id.to_bytes()), entry_id);
        }
    }

    #[test]
    fn lists_of_entry_ids(entries in vec((bytes(), any::<u32>()), 0..4), padding in any::<u32>()) {
        back(FlatEntryList {
            entries: entries.iter().map(|(bytes, _)| bytes.clone().into()).collect(),
        });
        let entry = |(bytes, padding)| ListedEntry { bytes, padding };
        back(EntryList { padding, entries: entries.into_iter().map(entry).collect() });
    }

    #[test]
    fn server_ids(folder in any::<i64>(), message in any::<i64>(), instance in any::<u32>(), client in bytes()) {
        let (folder, message) = (FolderId::from_i64(folder), MessageId::from_i64(message));
        back(ServerId::Own { folder, message, instance });
        back(ServerId::Client(client));
    }

    #[test]
    fn change_lists(changes in vec((0..4u8, vec(any::<u8>(), 1..=8)), 0..8)) {
        let mut left = ChangeList::default();
        let mut right = ChangeList::default();
        for (index, (namespace, local_id)) in changes.into_iter().enumerate() {
            let xid = Xid { namespace: Guid([namespace; 16]), local_id };
            back(xid.clone());
            if index % 2 == 0 { left.add(xid) } else { right.add(xid) }
        }
        let mut merged = left.clone();
        merged.merge(&right);
        prop_assert!(merged.includes(&left) && merged.includes(&right));
        back(merged);
    }

    #[test]
    fn sets_do_what_a_plain_set_does(steps in vec((any::<bool>(), 0..600u64, 0..40u64), 0..40)) {
        let mut set = GlobSet::new();
        let mut plain = std::collections::BTreeSet::new();
        for (insert, first, size) in steps {
            let (first_id, last_id) = (GlobalCounter::new(first), GlobalCounter::new(first + size));
            if insert {
                set.insert_range(first_id, last_id);
                plain.extend(first..=first + size);
            } else {
                set.remove_range(first_id, last_id);
                plain.retain(|value| !(first..=first + size).contains(value));
            }
        }
        prop_assert_eq!(set.len(), plain.len() as u64);
        for value in 0..700 {
            prop_assert_eq!(set.contains(GlobalCounter::new(value)), plain.contains(&value));
        }
        let built: GlobSet = plain.into_iter().map(GlobalCounter::new).collect();
        prop_assert_eq!(&built, &set);
        back(set);
    }

    #[test]
    fn id_sets(ranges in vec((0..3u8, counter(), counter()), 0..12)) {
        let mut set = ReplGuidSet::new();
        for (replica, first, last) in ranges {
            set.insert_range(Guid([replica; 16]), first.min(last), first.max(last));
        }
        back(set.clone());
        let mut other = mapi::idset::ReplIdSet::new();
        for (replica, counters) in set.iter() {
            other.add_set(ReplId(u16::from(replica.0[0])), counters);
        }
        prop_assert_eq!(other.len(), set.len());
        back(other);
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        oracle::all(&bytes);
    }

    /// Bytes that look more like structures than random ones do: small numbers, many zeros.
    #[test]
    fn likely_bytes(
        bytes in vec(prop_oneof![3 => 0..4u8, 1 => Just(0x1fu8), 1 => 0..0x60u8, 1 => any::<u8>()], 0..120),
    ) {
        oracle::all(&bytes);
    }
}
