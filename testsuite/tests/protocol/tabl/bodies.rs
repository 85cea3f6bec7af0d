//! Bodies in formats that are not stored, as columns and in restrictions ([MS-OXBBODY] 2.1.3.1, [MS-OXCMSG] 3.2.4.1):
//! what a table shows and finds is what RopGetPropertiesSpecific answers.

use formats::text::rtf;
use mapi::PropertyValue;
use mapi::restriction::FuzzyLevel;
use mapi_rop::message::OpenMessageFlags;
use testsuite::on_both;

use super::*;

/// Messages named after the format of their body, sorted.
fn desk(rig: &Rig) -> Result<Desk> {
    let named = |name: &str, value: Option<TaggedValue>| {
        [TaggedValue::new(tags::SUBJECT, name)].into_iter().chain(value).collect::<Vec<_>>()
    };
    let html = format!("<p>One <b>\u{c4}rger</b></p><p>{}</p>", "and so on ".repeat(60));
    let rtf = rtf::compress(br"{\rtf1\ansi Two {\b words}\par}");
    let messages = [
        named("html", Some(TaggedValue::new(tags::HTML, html.into_bytes()))),
        named("none", None),
        named("rtf", Some(TaggedValue::new(tags::RTF_COMPRESSED, rtf))),
        named("text", Some(TaggedValue::new(tags::BODY, "Three words"))),
    ];
    let mut desk = Desk::with(rig, &messages)?;
    desk.set_columns(&[tags::SUBJECT, tags::BODY, tags::HTML]).expect("columns");
    desk.sort(&[SortOrder::ascending(tags::SUBJECT)]).expect("a sort");
    Ok(desk)
}

fn content(tag: PropertyTag, high: u16, value: impl Into<PropertyValue>) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high };
    Restriction::Content { level, tag, value: TaggedValue::new(tag, value) }
}

on_both! {
    /// MS-OXCMSG 3.2.4.1: R1463
    /// MS-OXCTABL 2.2.2.5.2: R121, R122
    fn a_body_is_a_column_in_any_format(rig: &Rig) -> Result {
        let mut desk = desk(rig)?;
        let rows = desk.rows(9);
        let bodies: Vec<_> = rows.iter().map(|row| row.value(1).cloned()).collect();
        assert_eq!(bodies[1..], [None, Some("Two words\r\n".into()), Some("Three words".into())]);
        let id = desk.message("html");
        let message = desk.client.open_message(desk.id, id, OpenMessageFlags::READ_WRITE);
        let whole = desk.client.get(message.expect("the message"), tags::BODY).expect("a body");
        let whole = whole.as_text().expect("text").to_string_lossy().into_owned();
        assert!(whole.starts_with("One \u{c4}rger\r\n"), "{whole}");
        let beginning: String = whole.chars().take(255).collect();
        assert_eq!(bodies[0], Some(beginning.into()));
        let html = rows[3].value(2).and_then(PropertyValue::as_binary).expect("HTML");
        assert!(String::from_utf8_lossy(html).contains("charset=utf-8"), "{html:?}");
        assert_eq!(rows[1].value(2), None);
        Ok(())
    }

    /// MS-OXCMSG 3.2.4.1: R1463
    /// MS-OXCTABL 2.2.2.4: R87
    /// MS-OXCTABL 3.2.5.14: R534
    fn a_body_is_found_in_any_format(rig: &Rig) -> Result {
        let mut desk = desk(rig)?;
        let is_there = Restriction::Exist { tag: tags::BODY };
        for (restriction, expected) in [
            (content(tags::BODY, FuzzyLevel::LOOSE, "ONE ARGER"), "html"),
            (content(tags::BODY, 0, "words"), "rtf text"),
            (content(tags::BODY, 0, "<b>"), ""),
            (content(tags::HTML, 0, b"<b>words</b>".to_vec()), "rtf"),
            (content(tags::HTML, 0, b"Three".to_vec()), "text"),
            (is_there.clone(), "html rtf text"),
            (Restriction::Not(Box::new(is_there)), "none"),
            (equals(tags::BODY, "two WORDS\r\n"), "rtf"),
        ] {
            let first = found(desk.find(Bookmark::Beginning, false, Some(restriction.clone())));
            assert_eq!(first.ok().as_deref(), expected.split(' ').next().filter(|s| !s.is_empty()));
            desk.restrict(Some(restriction.clone())).expect("a restriction");
            assert_eq!(desk.all().join(" "), expected, "{restriction:?}");
            desk.restrict(None).expect("no restriction");
        }
        Ok(())
    }
}
