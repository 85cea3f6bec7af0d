//! Maildir: what the names of its files and directories say. Walking them is the caller's.

use crate::flags::MailFlags;

/// The flags in a file's name, behind `:2,` (or `;2,` or `!2,` where a colon cannot stand in a name).
pub fn flags_of_name(name: &str) -> MailFlags {
    let info = [":2,", ";2,", "!2,"].iter().find_map(|mark| name.rsplit_once(mark));
    let letters = info.map_or("", |(_, letters)| letters);
    MailFlags {
        read: letters.contains('S'),
        answered: letters.contains('R'),
        forwarded: letters.contains('P'),
        flagged: letters.contains('F'),
        draft: letters.contains('D'),
        deleted: letters.contains('T'),
    }
}

/// A file's name in `cur`: the unique part, and the flags in the order of the alphabet.
pub fn name_with_flags(unique: &str, flags: MailFlags) -> String {
    let letters = [
        (flags.draft, 'D'),
        (flags.flagged, 'F'),
        (flags.forwarded, 'P'),
        (flags.answered, 'R'),
        (flags.read, 'S'),
        (flags.deleted, 'T'),
    ];
    let set: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    format!("{unique}:2,{set}")
}

/// Whether a directory with these entries is a Maildir.
pub fn is_maildir<'a>(entries: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut cur, mut new) = (false, false);
    for entry in entries {
        cur |= entry == "cur";
        new |= entry == "new";
    }
    cur && new
}

/// The path of a folder by its directory's name in Maildir++, `.Projects.2024`; the names are in the modified
/// UTF-7 of IMAP. None if the name is not that of a folder.
pub fn folder_of_directory(name: &str) -> Option<Vec<String>> {
    let path = name.strip_prefix('.')?;
    let parts: Vec<String> = path.split('.').map(decode_modified_utf7).collect();
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// IMAP's modified UTF-7 ([RFC 3501] 5.1.3); what is not of that form stays as it is.
pub fn decode_modified_utf7(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(end) = rest.find('-') else {
            out.push('&');
            break;
        };
        match &rest[..end] {
            "" => out.push('&'),
            shifted => match decode_shifted(shifted) {
                Some(text) => out.push_str(&text),
                None => {
                    out.push('&');
                    out.push_str(shifted);
                    out.push('-');
                }
            },
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

fn decode_shifted(shifted: &str) -> Option<String> {
    let (mut bits, mut count, mut units) = (0_u32, 0, Vec::new());
    for byte in shifted.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_flags() {
        let flags = flags_of_name("1234.M5P6.host:2,FRS");
        assert!(flags.read && flags.answered && flags.flagged && !flags.draft);
        assert_eq!(name_with_flags("1234.M5P6.host", flags), "1234.M5P6.host:2,FRS");
        assert_eq!(flags_of_name("1234.M5P6.host"), MailFlags::default());
        assert!(is_maildir(["cur", "new", "tmp"]) && !is_maildir(["cur"]));
    }

    #[test]
    fn folders_are_paths() {
        let path = folder_of_directory(".Entw&APw-rfe.A&-B").unwrap();
        assert_eq!(path, ["Entwürfe", "A&B"]);
        assert_eq!(folder_of_directory("cur"), None);
        assert_eq!(folder_of_directory(".."), None);
        assert_eq!(decode_modified_utf7("&ZeVnLIqe-"), "日本語");
        assert_eq!(decode_modified_utf7("a&b"), "a&b");
    }
}
