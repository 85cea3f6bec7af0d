//! The message class that the structure of an Internet message stands for ([MS-OXCMAIL] 2.2.3.2.1).

use super::fields::Header;
use super::parts::Part;
use super::report::Report;
use super::smime::Protection;

/// The class by the report or the S/MIME layout that the message is, else by Content-Class.
pub(crate) fn message_class(
    part: &Part<'_>,
    report: Option<&Report<'_, '_>>,
    protection: Option<Protection>,
) -> String {
    if let Some(report) = report {
        return report.class().to_owned();
    }
    if let Some(protection) = protection {
        return protection.class().to_owned();
    }
    by_content_class(part).unwrap_or_else(|| "IPM.Note".to_owned())
}

/// [MS-OXCMAIL] 2.2.3.2.15: the classes of fax and voice mail need the data that their forms show.
fn by_content_class(part: &Part<'_>) -> Option<String> {
    let class = content_class(&part.header)?;
    let has = |kind: &str, subtype: &str| {
        part.leaves().any(|leaf| {
            let found = &leaf.content_type;
            found.kind == kind && (subtype.is_empty() || found.subtype == subtype)
        })
    };
    let known = match class.to_ascii_lowercase().as_str() {
        "fax" if has("image", "tiff") => "IPM.Note.Microsoft.Fax",
        "fax-ca" if has("image", "tiff") => "IPM.Note.Microsoft.Fax.CA",
        "missedcall" => "IPM.Note.Microsoft.Missed.Voice",
        "voice-uc" => "IPM.Note.Microsoft.Conversation.Voice",
        "voice" if has("audio", "") => "IPM.Note.Microsoft.Voicemail.UM",
        "voice-ca" if has("audio", "") => "IPM.Note.Microsoft.Voicemail.UM.CA",
        _ => return custom(&class),
    };
    Some(known.to_owned())
}

/// The field's value, if it is one that can be kept in a property.
pub(crate) fn content_class(header: &Header<'_>) -> Option<String> {
    header.plain("content-class").filter(|class| class.len() <= 1_000)
}

fn custom(class: &str) -> Option<String> {
    const PREFIX: &str = "urn:content-class:custom.";
    let is_custom =
        class.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let custom = class.get(PREFIX.len()..).filter(|_| is_custom)?;
    let safe = custom.len() <= 200
        && custom.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    safe.then(|| format!("IPM.Note.Custom.{custom}"))
}
