//! ACL (RFC 4314 3), METADATA (RFC 5464 4) and URLAUTH (RFC 4467 9): the commands.

use super::lexer::{Lexer, Parsed, utf8};
use super::parser::{BadCommand, distinct};
use super::{AclChange, Command, Depth};

/// Entries of one command at most, and the bytes of a name of one.
const MAX_ENTRIES: usize = 64;
const MAX_ENTRY: usize = 256;

pub(super) fn parse_acl(l: &mut Lexer<'_>, command: &str) -> Parsed<Command> {
    let name = l.name()?;
    match command {
        "GETACL" => return Ok(Command::GetAcl(name)),
        "MYRIGHTS" => return Ok(Command::MyRights(name)),
        _ => l.space()?,
    }
    let identifier = l.text()?;
    match command {
        "LISTRIGHTS" => return Ok(Command::ListRights { name, identifier }),
        "DELETEACL" => return Ok(Command::DeleteAcl { name, identifier }),
        _ => l.space()?,
    }
    let rights = l.text()?;
    let (change, rights) = match (rights.strip_prefix('+'), rights.strip_prefix('-')) {
        (Some(added), _) => (AclChange::Add, added),
        (_, Some(removed)) => (AclChange::Remove, removed),
        _ => (AclChange::Set, rights.as_str()),
    };
    match rights.chars().all(|right| right.is_ascii_lowercase() || right.is_ascii_digit()) {
        true => Ok(Command::SetAcl { name, identifier, change, rights: rights.to_owned() }),
        false => Err(BadCommand("rights are letters in lower case")),
    }
}

pub(super) fn parse_get(l: &mut Lexer<'_>) -> Parsed<Command> {
    let (mut depth, mut max_size) = (Depth::Zero, None);
    // RFC 5464 4.2 has the options before the name; some programs write them behind it.
    let mut options = |l: &mut Lexer<'_>| {
        l.list(|l| {
            match l.word().as_str() {
                "MAXSIZE" => {
                    l.space()?;
                    max_size = Some(l.number()?);
                }
                "DEPTH" => {
                    l.space()?;
                    depth = match l.word().as_str() {
                        "0" => Depth::Zero,
                        "1" => Depth::One,
                        "INFINITY" => Depth::Infinity,
                        _ => return Err(BadCommand("DEPTH is 0, 1 or infinity")),
                    };
                }
                _ => return Err(BadCommand("there is no such option of GETMETADATA")),
            }
            Ok(())
        })
    };
    if l.peek() == Some(b'(') {
        options(l)?;
        l.space()?;
    }
    let name = l.name()?;
    l.space()?;
    let entries = match l.peek() {
        Some(b'(') => l.list(entry)?,
        _ => vec![entry(l)?],
    };
    let entries = distinct(entries);
    match entries.len() {
        1..=MAX_ENTRIES => Ok(Command::GetMetadata { name, entries, depth, max_size }),
        _ => Err(BadCommand("GETMETADATA names no entry, or too many")),
    }
}

pub(super) fn parse_set(l: &mut Lexer<'_>) -> Parsed<Command> {
    let name = l.name()?;
    l.space()?;
    let entries = l.list(|l| {
        let entry = entry(l)?;
        l.space()?;
        let value = match l.take_word("NIL") {
            true => None,
            false => Some(l.string_or_literal8()?.0),
        };
        Ok((entry, value))
    })?;
    match entries.len() {
        1..=MAX_ENTRIES => Ok(Command::SetMetadata { name, entries }),
        _ => Err(BadCommand("SETMETADATA names no entry, or too many")),
    }
}

/// URLs of one command.
const MAX_URLS: usize = 32;

pub(super) fn parse_generate(l: &mut Lexer<'_>) -> Parsed<Command> {
    let mut urls = Vec::new();
    while urls.is_empty() || l.take(b' ') {
        let url = url(l)?;
        l.space()?;
        urls.push((url, l.atom()?.to_ascii_uppercase()));
        if urls.len() > MAX_URLS {
            return Err(BadCommand("GENURLAUTH takes 32 URLs at most"));
        }
    }
    Ok(Command::GenUrlAuth(urls))
}

pub(super) fn parse_url_fetch(l: &mut Lexer<'_>) -> Parsed<Command> {
    let mut urls = vec![url(l)?];
    while l.take(b' ') {
        urls.push(url(l)?);
        if urls.len() > MAX_URLS {
            return Err(BadCommand("URLFETCH takes 32 URLs at most"));
        }
    }
    Ok(Command::UrlFetch(urls))
}

/// RESETKEY with a mailbox.
pub(super) fn parse_reset(l: &mut Lexer<'_>) -> Parsed<Command> {
    let name = Some(l.name()?);
    let mut mechanisms = Vec::new();
    while l.take(b' ') && mechanisms.len() < MAX_URLS {
        mechanisms.push(l.atom()?.to_ascii_uppercase());
    }
    Ok(Command::ResetKey { name, mechanisms })
}

/// A URL comes back in answers, so it holds what a quoted string can.
pub(super) fn url(l: &mut Lexer<'_>) -> Parsed<String> {
    let url = utf8(l.astring()?)?;
    match url.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'"' && byte != b'\\') {
        true if !url.is_empty() => Ok(url),
        _ => Err(BadCommand("a URL is ASCII without blanks and quotes")),
    }
}

/// The name of an entry (RFC 5464 3.2).
fn entry(l: &mut Lexer<'_>) -> Parsed<String> {
    let entry = utf8(l.astring()?)?.to_ascii_lowercase();
    let scope = entry.strip_prefix("/private").or(entry.strip_prefix("/shared"));
    let plain =
        |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'*' | b'%' | b'"' | b'\\');
    let is = scope.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !entry.contains("//")
        && !entry.ends_with('/')
        && entry.len() <= MAX_ENTRY
        && entry.bytes().all(plain);
    match is {
        true => Ok(entry),
        false => Err(BadCommand("an entry is like /private/comment or /shared/comment")),
    }
}
