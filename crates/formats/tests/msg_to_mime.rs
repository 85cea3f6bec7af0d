//! MSG files go out as Internet messages that read back.

mod common;

use formats::{mime, msg};
use mapi::generated::tags;
use mapi::{AttachedContent, MessageContent};

#[test]
fn msg_files_go_out_as_mime() {
    let (corpus, whole) = common::corpus();
    if !whole {
        println!("SKIPPED: the MSG files are in ../shared/corpus only");
        return;
    }
    let mut written = 0;
    for (name, bytes) in common::files(&corpus, "msg") {
        let Ok((content, _)) = msg::read(&bytes) else { continue };
        let message = mime::read(&mime::write(&content)).unwrap();
        assert_same(&name, &content, &message);
        written += 1;
    }
    assert!(written >= 30, "{written}");
}

fn assert_same(name: &str, content: &MessageContent, message: &MessageContent) {
    let subject = |content: &MessageContent| {
        let text = content.properties.text(tags::SUBJECT).unwrap_or_default();
        // Control characters have no place in a header.
        text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
    };
    assert_eq!(subject(message), subject(content), "{name}");
    let text = |content: &MessageContent| {
        let text = content.properties.text(tags::BODY).unwrap_or_default();
        text.replace(['\r', '\0'], "").trim_end().to_owned()
    };
    if !text(content).is_empty() {
        assert_eq!(text(message), text(content), "{name}");
    }
    let mailboxes = |content: &MessageContent| {
        let of_kind = |recipient: &&mapi::RecipientContent| {
            recipient
                .properties
                .get(tags::RECIPIENT_TYPE)
                .and_then(|v| v.as_i32())
                .is_some_and(|kind| (1..=3).contains(&(kind & 0xf)))
        };
        content.recipients.iter().filter(of_kind).count()
    };
    assert_eq!(mailboxes(message), mailboxes(content), "{name}: recipients");
    assert_eq!(message.attachments.len(), content.attachments.len(), "{name}: attachments");
    // Pictures of the HTML go beside it, so the order may change; what is there may not.
    let digest = |content: &MessageContent| {
        let mut all: Vec<Vec<u8>> = Vec::new();
        for attachment in &content.attachments {
            match &attachment.content {
                AttachedContent::Bytes(bytes) | AttachedContent::Ole(bytes) => {
                    all.push(bytes.clone())
                }
                AttachedContent::Message(_) | AttachedContent::Nothing => {}
            }
        }
        all.sort();
        all
    };
    let nothing = |content: &MessageContent| {
        content.attachments.iter().any(|a| a.content == AttachedContent::Nothing)
    };
    if !nothing(content) {
        assert_eq!(digest(message), digest(content), "{name}: data");
    }
}
