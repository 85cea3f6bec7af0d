//! The folders of a mailbox as a tree of names.
//!
//! A name is the display names from the top on, with `/` between. The Inbox is INBOX whatever its display name, and a
//! `/` inside a display name stands as U+2215, which looks the same.

use mapi::{FolderId, Guid};
use store::folder::{self, FolderInfo, FolderKind};
use store::{Mailbox, PublicFolder, Result, SpecialFolder, StoreError};

use super::response::utf7;

pub(crate) const DELIMITER: char = '/';
const SLASH_IN_NAME: char = '\u{2215}';

/// The folder that holds all others which have a name.
pub(crate) fn top(mailbox: &Mailbox) -> FolderId {
    match mailbox.is_public() {
        true => PublicFolder::IpmSubtree.id(),
        false => SpecialFolder::IpmSubtree.id(),
    }
}

/// A folder with its name.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) info: FolderInfo,
    /// Folders directly below that are listed.
    pub(crate) children: usize,
}

/// All folders below the top, parents first, without search folders.
pub(crate) fn all(mailbox: &Mailbox) -> Result<Vec<Named>> {
    let mut all = Vec::new();
    below(mailbox, top(mailbox), "", &mut all)?;
    Ok(all)
}

fn below(mailbox: &Mailbox, parent: FolderId, path: &str, all: &mut Vec<Named>) -> Result<usize> {
    let mut children = folder::children(mailbox, parent)?;
    children.retain(|child| child.kind == FolderKind::Generic);
    let count = children.len();
    for info in children {
        let name = match path {
            "" => component(&info),
            _ => format!("{path}{DELIMITER}{}", component(&info)),
        };
        let (id, has) = (info.id, info.children > 0);
        let at = all.len();
        all.push(Named { name: name.clone(), info, children: 0 });
        if has {
            all[at].children = below(mailbox, id, &name, all)?;
        }
    }
    Ok(count)
}

fn component(info: &FolderInfo) -> String {
    if info.id == SpecialFolder::Inbox.id() {
        return "INBOX".into();
    }
    let mapped = info.display_name.chars().map(|c| match c {
        DELIMITER => SLASH_IN_NAME,
        c if c.is_control() => '\u{fffd}',
        c => c,
    });
    mapped.collect()
}

/// The name of a client as text: modified UTF-7, unless it is UTF-8 already or he enabled that.
pub(crate) fn decoded(name: &str, utf8: bool) -> Option<String> {
    match utf8 || !name.is_ascii() {
        true => Some(name.to_owned()),
        false => utf7::decode(name),
    }
}

/// The folder of a name. Case is as the store compares it.
pub(crate) fn find(mailbox: &Mailbox, name: &str) -> Result<Option<FolderId>> {
    let top = top(mailbox);
    let mut at = top;
    for (level, part) in name.split(DELIMITER).enumerate() {
        let inbox = level == 0 && part.eq_ignore_ascii_case("INBOX") && !mailbox.is_public();
        let child = match inbox {
            true => Some(SpecialFolder::Inbox.id()),
            false => child(mailbox, at, part)?,
        };
        match child {
            Some(child) => at = child,
            None => return Ok(None),
        }
    }
    Ok(Some(at).filter(|id| *id != top))
}

fn child(mailbox: &Mailbox, parent: FolderId, part: &str) -> Result<Option<FolderId>> {
    if let Some(id) = folder::child_by_name(mailbox, parent, part)?
        && folder::info(mailbox, id)?.kind == FolderKind::Generic
        && id != SpecialFolder::Inbox.id()
    {
        return Ok(Some(id));
    }
    // Its name has a character that the tree shows as another one.
    if !part.contains([SLASH_IN_NAME, '\u{fffd}']) {
        return Ok(None);
    }
    let children = folder::children(mailbox, parent)?;
    let mut generic = children.iter().filter(|info| info.kind == FolderKind::Generic);
    Ok(generic.find(|info| component(info) == part).map(|info| info.id))
}

/// The parent of a name that is to be made, which is made as well if need be, and the display name.
pub(crate) fn place(mailbox: &Mailbox, name: &str) -> Result<(FolderId, String)> {
    let name = name.strip_suffix(DELIMITER).unwrap_or(name);
    let wrong = name.split(DELIMITER).any(|part| part.is_empty() || part.trim() != part);
    if wrong || name.chars().any(char::is_control) {
        return Err(StoreError::Invalid(
            "a name has an empty part, a blank at the end of a part, or a control character",
        ));
    }
    let Some((path, last)) = name.rsplit_once(DELIMITER) else {
        return Ok((top(mailbox), name.into()));
    };
    let parent = match find(mailbox, path)? {
        Some(parent) => parent,
        None => create(mailbox, path, None)?,
    };
    Ok((parent, last.into()))
}

/// Makes a folder with all that are missing above it. `creator` makes it in somebody else's mailbox.
pub(crate) fn create(mailbox: &Mailbox, name: &str, creator: Option<Guid>) -> Result<FolderId> {
    let (parent, display_name) = place(mailbox, name)?;
    let container_class = (parent == top(mailbox)).then(|| "IPF.Note".to_owned());
    let new = folder::NewFolder {
        display_name,
        container_class,
        creator,
        ..folder::NewFolder::default()
    };
    Ok(folder::create(mailbox, parent, &new)?.id)
}

/// The special use of a folder (RFC 6154 2).
pub(crate) fn special_use(id: FolderId) -> Option<&'static str> {
    match SpecialFolder::from_id(id)? {
        SpecialFolder::Drafts => Some("\\Drafts"),
        SpecialFolder::SentItems => Some("\\Sent"),
        SpecialFolder::DeletedItems => Some("\\Trash"),
        SpecialFolder::JunkEmail => Some("\\Junk"),
        _ => None,
    }
}

/// Whether a name matches a pattern of LIST: `*` is anything, `%` anything without a delimiter.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // INBOX has no case.
    let inbox = name == "INBOX" || name.starts_with("INBOX/");
    let name: Vec<char> = name.chars().collect();
    // For each place in the pattern, whether the name so far can end there: linear in both.
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    close(&pattern, &mut at);
    for (index, c) in name.iter().enumerate() {
        let mut next = vec![false; pattern.len() + 1];
        for (place, _) in at.iter().enumerate().filter(|(_, can)| **can) {
            match pattern.get(place) {
                Some('*') => next[place] = true,
                Some('%') => next[place] |= *c != DELIMITER,
                Some(p) => {
                    let same = p == c || inbox && index < 5 && p.eq_ignore_ascii_case(c);
                    next[place + 1] |= same;
                }
                None => {}
            }
        }
        close(&pattern, &mut next);
        at = next;
    }
    at[pattern.len()]
}

/// A wildcard may stand for nothing.
fn close(pattern: &[char], at: &mut [bool]) {
    for (place, p) in pattern.iter().enumerate() {
        if at[place] && matches!(p, '*' | '%') {
            at[place + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match() {
        for (pattern, name, is) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a%c", "abbc", true),
            ("*c", "a/b/c", true),
            ("inbox", "INBOX", true),
            ("inbox/*", "INBOX/x", true),
            ("sent", "Sent", false),
            ("", "", true),
            ("%%%%%%%%%%%%%%%%%%%%x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}
