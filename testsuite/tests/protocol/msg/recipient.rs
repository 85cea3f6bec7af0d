//! Recipients: [MS-OXCMSG] 2.2.3.4 to 2.2.3.6, 3.2.5.4 to 3.2.5.6.

use mapi::recipient::{RecipientAddress, RowText, TransmittableName};
use mapi::text::String8;
use mapi::{Cell, ErrorCode, PropertyRow, PropertyTag, RecipientRow};
use mapi_rop::message::{
    ModifyRecipientRow, ModifyRecipientsRequest, ReadRecipientRow, ReadRecipientsRequest,
    RecipientType, RemoveAllRecipientsRequest,
};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

fn modify(
    client: &mut Client,
    message: Handle,
    columns: &[PropertyTag],
    rows: Vec<ModifyRecipientRow>,
) -> Answer<()> {
    let body = ModifyRecipientsRequest { columns: columns.to_vec(), rows };
    client.call(message, RopRequest::ModifyRecipients(body)).map(drop)
}

fn row(row_id: u32, recipient_type: RecipientType, row: RecipientRow) -> ModifyRecipientRow {
    ModifyRecipientRow { row_id, recipient_type, row: Some(row) }
}

fn smtp(name: &str) -> RecipientRow {
    let none = PropertyRow::from_cells(Vec::new());
    RecipientRow::smtp(&format!("{name}@example.test"), name, none)
}

fn read(client: &mut Client, message: Handle, row_id: u32) -> Answer<Vec<ReadRecipientRow>> {
    let body = ReadRecipientsRequest { row_id, reserved: 0 };
    match client.call(message, RopRequest::ReadRecipients(body))? {
        RopResponse::ReadRecipients(answer) => Ok(answer.rows),
        other => panic!("{other:?}"),
    }
}

fn remove_all(client: &mut Client, message: Handle) -> Answer<()> {
    let body = RemoveAllRecipientsRequest { reserved: 0xdead_beef };
    client.call(message, RopRequest::RemoveAllRecipients(body)).map(drop)
}

/// Adds a recipient of this name.
pub fn add(client: &mut Client, message: Handle, name: &str) -> Answer<()> {
    modify(client, message, &[], vec![row(1, RecipientType::TO, smtp(name))])
}

/// A message with recipients 1 to `count`, open.
fn with_recipients(client: &mut Client, count: u32) -> Handle {
    let message = draft(client);
    let rows = (1..=count).map(|n| row(n, RecipientType::TO, smtp(&format!("r{n}")))).collect();
    modify(client, message, &[], rows).expect("recipients");
    message
}

fn ids(rows: &[ReadRecipientRow]) -> Vec<u32> {
    rows.iter().map(|row| row.row_id).collect()
}

/// A row as it comes back from a message that was saved and opened.
fn round_trip(client: &mut Client, kind: RecipientType, sent: RecipientRow) -> ReadRecipientRow {
    let message = draft(client);
    modify(client, message, &[], vec![row(7, kind, sent)]).expect("recipients");
    let id = client.save(message, SaveFlags::NONE).expect("a save");
    let message = open(client, id);
    read(client, message, 0).expect("rows").remove(0)
}

on_both! {
    /// MS-OXCMSG 2.2.3.5: R737
    /// MS-OXCMSG 3.2.5.5: R388, R389
    /// MS-OXCMSG 2.2.1.38
    /// MS-OXCMSG 2.2.3.5.2
    fn rows_are_added_replaced_and_deleted_by_their_ids(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 3);
        let gone = ModifyRecipientRow { row_id: 2, recipient_type: RecipientType::TO, row: None };
        let changed = row(3, RecipientType::CC, smtp("new"));
        modify(&mut client, message, &[], vec![gone, changed]).expect("recipients");
        let rows = read(&mut client, message, 0).expect("rows");
        assert_eq!(ids(&rows), [1, 3]);
        assert_eq!(rows[1].recipient_type, RecipientType::CC);
        assert_eq!(rows[1].row.display_name, Some(RowText::Unicode("new".into())));
        assert_eq!(client.get(message, tags::DISPLAY_TO), Ok("r1".into()));
        assert_eq!(client.get(message, tags::DISPLAY_CC), Ok("new".into()));
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.5: R393, R394, R395, R1982
    fn changed_recipients_are_one_handles_before_the_save(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 2);
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        let other = open(&mut client, id);
        let gone = ModifyRecipientRow { row_id: 1, recipient_type: RecipientType::TO, row: None };
        let added = row(9, RecipientType::BCC, smtp("nine"));
        modify(&mut client, message, &[], vec![gone, added]).expect("recipients");
        assert_eq!(ids(&read(&mut client, message, 0).expect("rows")), [2, 9]);
        assert_eq!(ids(&read(&mut client, other, 0).expect("rows")), [1, 2]);
        client.save(message, SaveFlags::NONE).expect("a save");
        let third = open(&mut client, id);
        assert_eq!(ids(&read(&mut client, third, 0).expect("rows")), [2, 9]);
        let logon = client.logon;
        assert_eq!(modify(&mut client, logon, &[], vec![]), Err(ErrorCode::NULL_OBJECT));
        let reader = client.open_message(INBOX, id, OpenMessageFlags::NONE).expect("opened");
        assert_eq!(modify(&mut client, reader, &[], vec![]), Err(ErrorCode::ACCESS_DENIED));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.4
    /// MS-OXCMSG 3.2.5.4: R379, R381, R382
    /// MS-OXCMSG 2.2.3.4.2
    fn all_recipients_are_removed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 2);
        let id = client.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
        remove_all(&mut client, message).expect("removed");
        assert_eq!(read(&mut client, message, 0), Err(ErrorCode::NOT_FOUND));
        let other = open(&mut client, id);
        assert_eq!(ids(&read(&mut client, other, 0).expect("rows")), [1, 2]);
        remove_all(&mut client, message).expect("none to remove");
        client.save(message, SaveFlags::NONE).expect("a save");
        let third = open(&mut client, id);
        assert_eq!(read(&mut client, third, 0), Err(ErrorCode::NOT_FOUND));
        let logon = client.logon;
        assert_eq!(remove_all(&mut client, logon), Err(ErrorCode::NULL_OBJECT));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.6: R753
    /// MS-OXCMSG 3.2.5.6: R401, R1054, R1495, R1055
    fn recipients_are_read_from_a_row_on(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 4);
        assert_eq!(ids(&read(&mut client, message, 0).expect("rows")), [1, 2, 3, 4]);
        assert_eq!(ids(&read(&mut client, message, 3).expect("rows")), [3, 4]);
        assert_eq!(read(&mut client, message, 5), Err(ErrorCode::NOT_FOUND));
        let logon = client.logon;
        assert_eq!(read(&mut client, logon, 0), Err(ErrorCode::NULL_OBJECT));
        let empty = draft(&mut client);
        assert_eq!(read(&mut client, empty, 0), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.6.2: R762, R763, R765
    /// MS-OXCMSG 3.2.5.1: R327, R330
    fn many_recipients_are_read_in_parts(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 200);
        let more = (201..=400).map(|n| row(n, RecipientType::TO, smtp(&format!("r{n}")))).collect();
        modify(&mut client, message, &[], more).expect("recipients");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let logon = client.logon;
        let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        assert_eq!(answer.recipient_count, 400);
        assert!(!answer.rows.is_empty() && answer.rows.len() <= 255);
        let mut seen = Vec::new();
        while seen.len() < 400 {
            let from = seen.last().map_or(0, |last| last + 1);
            let rows = read(&mut client, message, from).expect("rows");
            assert!((1..0xff).contains(&rows.len()));
            seen.extend(ids(&rows));
        }
        assert_eq!(seen, (1..=400).collect::<Vec<_>>());
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.1.2: R977, R978, R979, R1298, R984
    fn every_type_of_recipient_comes_back(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let kinds = [RecipientType::TO, RecipientType::CC, RecipientType::BCC];
        for kind in kinds {
            for flags in [0x00, 0x10, 0x80, 0x90] {
                let sent = RecipientType(kind.0 | flags);
                let message = draft(&mut client);
                modify(&mut client, message, &[], vec![row(7, sent, smtp("anna"))]).expect("set");
                let id = client.save(message, SaveFlags::NONE).expect("a save");
                let logon = client.logon;
                let (answer, message) =
                    opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
                assert_eq!(answer.rows[0].recipient_type, sent);
                let got = read(&mut client, message, 0).expect("rows").remove(0);
                assert_eq!((got.recipient_type, got.row_id), (sent, 7));
            }
        }
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.1: R329
    /// MS-OXCMSG 2.2.3.6.2: R1323
    fn every_form_of_address_comes_back(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let text = |text: &str| Some(RowText::Unicode(text.into()));
        let addresses = [
            RecipientAddress::X500 { prefix_used: 0, display_type: 1, dn: String8(b"/o=x/cn=a".to_vec()) },
            RecipientAddress::Smtp,
            RecipientAddress::Fax,
            RecipientAddress::MsMail,
            RecipientAddress::ProfessionalOfficeSystem,
            RecipientAddress::Other { address_type: Some(String8(b"NOTES".to_vec())) },
            RecipientAddress::Other { address_type: None },
            RecipientAddress::DistributionList { second: false, entry_id: vec![1], search_key: vec![2] },
            RecipientAddress::DistributionList { second: true, entry_id: vec![3], search_key: vec![4] },
        ];
        for address in addresses {
            let email_address = match &address {
                RecipientAddress::X500 { .. } | RecipientAddress::DistributionList { .. } => None,
                _ => text("anna@example.test"),
            };
            let sent = RecipientRow { address, email_address, ..smtp("anna") };
            let got = round_trip(&mut client, RecipientType::TO, sent.clone()).row;
            assert_eq!(got.address, sent.address);
            assert_eq!(got.email_address, sent.email_address, "{:?}", sent.address);
            assert_eq!(got.display_name, sent.display_name);
        }
        Ok(())
    }

    /// MS-OXCMSG 3.2.5.5: R390
    fn every_flag_of_a_row_comes_back(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let text = |text: &str| RowText::Unicode(text.into());
        for (responsible, non_rich) in [(false, true), (true, false)] {
            for transmittable_name in [
                TransmittableName::Absent,
                TransmittableName::SameAsDisplayName,
                TransmittableName::Own { name: text("other"), same: false },
            ] {
                let simple_display_name = responsible.then(|| text("simple"));
                let sent = RecipientRow {
                    responsible,
                    non_rich,
                    transmittable_name,
                    simple_display_name,
                    ..smtp("anna")
                };
                let got = round_trip(&mut client, RecipientType::TO, sent.clone()).row;
                assert_eq!(got.responsible, sent.responsible);
                assert_eq!(got.non_rich, sent.non_rich);
                assert_eq!(got.transmittable_name, sent.transmittable_name);
                assert_eq!(got.simple_display_name, sent.simple_display_name);
            }
        }
        // Text in eight bits is in the code page of the message (1252).
        let sent = RecipientRow {
            unicode: false,
            display_name: Some(RowText::Bytes(String8(vec![0xe4]))),
            email_address: Some(RowText::Bytes(String8(b"a@example.test".to_vec()))),
            ..smtp("anna")
        };
        let got = round_trip(&mut client, RecipientType::TO, sent).row;
        assert_eq!(got.display_name, Some(text("\u{e4}")));
        Ok(())
    }

    /// MS-OXCMSG 2.2.3.1.2: R681, R682, R680
    fn other_properties_of_recipients_are_columns(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let columns = [tags::SMTP_ADDRESS, tags::RECIPIENT_FLAGS];
        let cells = vec![Cell::Value("smtp@example.test".into()), Cell::Value(3i32.into())];
        let properties = PropertyRow::from_cells(cells);
        let sent = RecipientRow { properties, column_count: 2, ..smtp("anna") };
        modify(&mut client, message, &columns, vec![row(0, RecipientType::TO, sent)]).expect("set");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let logon = client.logon;
        let (answer, _) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        let mut told: Vec<PropertyTag> = answer.columns.iter().copied().collect();
        told.sort_unstable();
        assert_eq!(told, columns);
        let cells = answer.rows[0].row.properties.clone().into_cells();
        assert!(cells.contains(&Cell::Value("smtp@example.test".into())), "{cells:?}");
        assert!(cells.contains(&Cell::Value(3i32.into())));
        Ok(())
    }

    /// MS-OXCMSG 2.2.1.40: R1205, R1206
    /// MS-OXCMSG 2.2.1.54: R2046, R2047
    fn order_and_display_name_of_recipients_are_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = draft(&mut client);
        let columns = [tags::RECIPIENT_ORDER, tags::RECIPIENT_DISPLAY_NAME];
        let properties = |order: i32| {
            let name = format!("\u{3b1} {order}");
            let cells = vec![Cell::Value(order.into()), Cell::Value(name.as_str().into())];
            PropertyRow::from_cells(cells)
        };
        let orders = [2, 0, 1];
        let rows = orders.iter().zip(1..).map(|(order, id)| {
            let properties = properties(*order);
            let sent = RecipientRow { properties, column_count: 2, ..smtp("anna") };
            row(id, RecipientType::TO, sent)
        });
        modify(&mut client, message, &columns, rows.collect()).expect("recipients");
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let logon = client.logon;
        let (answer, message) = opened(&mut client, logon, INBOX, id, BOTH).expect("opened");
        let mut told: Vec<PropertyTag> = answer.columns.iter().copied().collect();
        told.sort_unstable();
        assert_eq!(told, columns);
        let expected = orders.map(properties);
        let opened: Vec<_> = answer.rows.iter().map(|row| row.row.properties.clone()).collect();
        assert_eq!(opened, expected);
        let rows = read(&mut client, message, 0).expect("rows");
        let read: Vec<_> = rows.iter().map(|row| row.row.properties.clone()).collect();
        assert_eq!(read, expected);
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.5: R1391
    /// MS-OXCMSG 3.1.5.5: R268, R270, R271, R273
    fn recipients_are_added_changed_and_deleted_by_their_rows(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 2);
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let changes = vec![
            row(1, RecipientType::BCC, smtp("changed")),
            ModifyRecipientRow { row_id: 2, recipient_type: RecipientType::TO, row: None },
            row(3, RecipientType::CC, smtp("added")),
        ];
        modify(&mut client, message, &[], changes).expect("recipients");
        client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let rows = read(&mut client, message, 0).expect("rows");
        let told = rows.iter().map(|row| {
            (row.row_id, row.recipient_type, row.row.display_name.clone().expect("a name"))
        });
        let text = |text: &str| RowText::Unicode(text.into());
        assert_eq!(told.collect::<Vec<_>>(), [
            (1, RecipientType::BCC, text("changed")),
            (3, RecipientType::CC, text("added")),
        ]);
        // Nothing of what the first row was is left.
        assert_eq!(rows[0].row.email_address, Some(text("changed@example.test")));
        Ok(())
    }

    /// MS-OXCMSG 3.1.4.4: R1390
    /// MS-OXCMSG 3.1.4.6: R1392
    /// MS-OXCMSG 3.1.5.4: R266
    /// MS-OXCMSG 3.1.5.6: R277
    fn all_recipients_are_read_from_zero_on_until_they_are_removed(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = with_recipients(&mut client, 3);
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        let all = read(&mut client, message, 0).expect("rows");
        let names: Vec<_> = all.iter().map(|row| row.row.display_name.clone()).collect();
        let told = ["r1", "r2", "r3"].map(|name| Some(RowText::Unicode(name.into())));
        assert_eq!(names, told);
        let rest = read(&mut client, message, all[1].row_id).expect("rows");
        assert_eq!(ids(&rest), [2, 3]);
        remove_all(&mut client, message).expect("removed");
        client.save(message, SaveFlags::NONE).expect("a save");
        let message = open(&mut client, id);
        assert_eq!(read(&mut client, message, 0), Err(ErrorCode::NOT_FOUND));
        assert_eq!(client.get(message, tags::DISPLAY_TO), Ok("".into()));
        Ok(())
    }
}
