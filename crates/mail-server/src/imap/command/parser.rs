//! One command, from its tag to its end.

use super::lexer::{Lexer, Parsed, is_atom_char, utf8};
use super::{
    Appended, By, Command, List, ListReturn, Name, Qresync, SequenceSet, StatusItem, StoreAction,
    Tagged,
};

/// Why bytes are no command: for the BAD response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCommand(pub &'static str);

/// Messages of one APPEND, and pairs of one ID (RFC 2971 3.3), at most.
const MAX_APPENDED: usize = 256;
const MAX_ID: usize = 30;

/// Reads one command with its literals. The tag comes beside the error where there is one, for the answer.
pub fn parse(bytes: &[u8]) -> Result<Tagged, (Option<String>, BadCommand)> {
    let mut lexer = Lexer::new(bytes);
    let tag = lexer.astring_word().map_err(|bad| (None, bad))?;
    match command(&mut lexer) {
        Ok(command) => Ok(Tagged { tag, command }),
        Err(bad) => Err((Some(tag), bad)),
    }
}

/// Whether a text can stand as an astring without quotes.
pub(crate) fn is_astring(text: &str) -> bool {
    !text.is_empty()
        && !text.eq_ignore_ascii_case("NIL")
        && text.bytes().all(|byte| is_atom_char(byte) || byte == b']')
}

impl Lexer<'_> {
    /// A tag: an astring's characters, but no `+`.
    fn astring_word(&mut self) -> Parsed<String> {
        if matches!(self.peek(), Some(b'"' | b'{') | None) {
            return Err(BadCommand("a command begins with a tag"));
        }
        let tag = utf8(self.astring()?)?;
        match tag.contains('+') || tag.len() > 1_024 {
            true => Err(BadCommand("a command begins with a tag")),
            false => Ok(tag),
        }
    }
}

fn command(l: &mut Lexer<'_>) -> Parsed<Command> {
    l.space()?;
    let name = l.word();
    let command = match name.as_str() {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge(None),
        "RESETKEY" if l.at_end() => Command::ResetKey { name: None, mechanisms: Vec::new() },
        "UID" => {
            l.space()?;
            let name = l.word();
            l.space()?;
            match name.as_str() {
                "EXPUNGE" => Command::Expunge(Some(l.set()?)),
                _ => on_messages(l, &name, By::Uid)?,
            }
        }
        _ if l.at_end() => {
            return Err(BadCommand("there is no such command, or it lacks arguments"));
        }
        _ => {
            l.space()?;
            with_arguments(l, &name)?
        }
    };
    l.end()?;
    Ok(command)
}

fn with_arguments(l: &mut Lexer<'_>, name: &str) -> Parsed<Command> {
    Ok(match name {
        "LOGIN" => {
            let user = l.astring()?;
            l.space()?;
            Command::Login { user, password: l.astring()? }
        }
        "AUTHENTICATE" => {
            let mechanism = l.atom()?.to_ascii_uppercase();
            let initial = match l.at_end() {
                true => None,
                false => {
                    l.space()?;
                    Some(l.atom()?.to_owned())
                }
            };
            Command::Authenticate { mechanism, initial }
        }
        "ENABLE" => {
            let mut all = vec![l.atom()?.to_ascii_uppercase()];
            while l.take(b' ') {
                all.push(l.atom()?.to_ascii_uppercase());
            }
            Command::Enable(all)
        }
        "COMPRESS" => Command::Compress(l.atom()?.to_ascii_uppercase()),
        "ID" => Command::Id(id(l)?),
        "SELECT" | "EXAMINE" => select(l, name == "EXAMINE")?,
        "CREATE" => {
            let name = l.name()?;
            Command::Create { name, uses: if l.take(b' ') { uses(l)? } else { Vec::new() } }
        }
        "DELETE" => Command::Delete(l.name()?),
        "RENAME" => {
            let from = l.name()?;
            l.space()?;
            Command::Rename { from, to: l.name()? }
        }
        "SUBSCRIBE" => Command::Subscribe(l.name()?),
        "UNSUBSCRIBE" => Command::Unsubscribe(l.name()?),
        "LIST" => Command::List(list(l)?),
        "LSUB" => {
            let reference = l.name()?;
            l.space()?;
            Command::Lsub { reference, pattern: l.pattern()? }
        }
        "STATUS" => {
            let name = l.name()?;
            l.space()?;
            Command::Status { name, items: distinct(l.list(status_item)?) }
        }
        "APPEND" => append(l)?,
        "GETACL" | "MYRIGHTS" | "LISTRIGHTS" | "SETACL" | "DELETEACL" => {
            super::notes::parse_acl(l, name)?
        }
        "CANCELUPDATE" => {
            let mut tags = vec![utf8(l.string()?)?];
            while l.take(b' ') && tags.len() < MAX_APPENDED {
                tags.push(utf8(l.string()?)?);
            }
            Command::CancelUpdate(tags)
        }
        "GENURLAUTH" => super::notes::parse_generate(l)?,
        "URLFETCH" => super::notes::parse_url_fetch(l)?,
        "RESETKEY" => super::notes::parse_reset(l)?,
        "GETMETADATA" => super::notes::parse_get(l)?,
        "SETMETADATA" => super::notes::parse_set(l)?,
        "GETQUOTA" => Command::GetQuota(l.text()?),
        "GETQUOTAROOT" => Command::GetQuotaRoot(l.name()?),
        _ => on_messages(l, name, By::Sequence)?,
    })
}

/// Commands that exist by number and by UID.
fn on_messages(l: &mut Lexer<'_>, name: &str, by: By) -> Parsed<Command> {
    Ok(match name {
        "SEARCH" => Command::Search { by, program: super::search::parse_search(l)? },
        "SORT" => super::search::parse_sort(l, by)?,
        "THREAD" => super::search::parse_thread(l, by)?,
        "FETCH" => super::fetch::parse_fetch(l, by)?,
        "STORE" => store(l, by)?,
        "COPY" | "MOVE" => {
            let set = l.set()?;
            l.space()?;
            Command::Copy { by, set, to: l.name()?, moving: name == "MOVE" }
        }
        _ => return Err(BadCommand("there is no such command")),
    })
}

fn id(l: &mut Lexer<'_>) -> Parsed<Option<Vec<super::IdPair>>> {
    if l.take_word("NIL") {
        return Ok(None);
    }
    let pairs = l.list(|l| {
        let key = utf8(l.string()?)?;
        l.space()?;
        Ok((key, l.nstring()?))
    })?;
    match pairs.len() <= MAX_ID {
        true => Ok(Some(pairs)),
        false => Err(BadCommand("an ID has more than 30 pairs")),
    }
}

fn select(l: &mut Lexer<'_>, examine: bool) -> Parsed<Command> {
    let name = l.name()?;
    let (mut condstore, mut qresync) = (false, None);
    if l.take(b' ') {
        l.list(|l| {
            match l.word().as_str() {
                "CONDSTORE" => condstore = true,
                "QRESYNC" => {
                    l.space()?;
                    qresync = Some(qresync_of(l)?);
                }
                _ => return Err(BadCommand("there is no such parameter of SELECT")),
            }
            Ok(())
        })?;
    }
    Ok(Command::Select { name, examine, condstore, qresync })
}

fn qresync_of(l: &mut Lexer<'_>) -> Parsed<Qresync> {
    l.expect(b'(', "QRESYNC takes a list in parentheses")?;
    let uid_validity = l.positive()?;
    l.space()?;
    let mut qresync = Qresync { uid_validity, modseq: l.number64()?, known: None, matches: None };
    while l.take(b' ') {
        match l.take(b'(') {
            false if qresync.known.is_none() && qresync.matches.is_none() => {
                qresync.known = Some(ranges(l)?);
            }
            true if qresync.matches.is_none() => {
                let numbers = ranges(l)?;
                l.space()?;
                qresync.matches = Some((numbers, ranges(l)?));
                l.expect(b')', "a list has no end")?;
            }
            _ => return Err(BadCommand("QRESYNC has too many parameters")),
        }
    }
    l.expect(b')', "a list has no end")?;
    Ok(qresync)
}

fn ranges(l: &mut Lexer<'_>) -> Parsed<SequenceSet> {
    match l.set()? {
        SequenceSet::Saved => Err(BadCommand("a set of numbers is missing")),
        set => Ok(set),
    }
}

fn uses(l: &mut Lexer<'_>) -> Parsed<Vec<String>> {
    let mut all = Vec::new();
    l.list(|l| {
        if l.word() != "USE" {
            return Err(BadCommand("there is no such parameter of CREATE"));
        }
        l.space()?;
        all = l.list(|l| {
            l.expect(b'\\', "a special use begins with a backslash")?;
            Ok(format!("\\{}", l.atom()?))
        })?;
        Ok(())
    })?;
    Ok(all)
}

fn list(l: &mut Lexer<'_>) -> Parsed<List> {
    let mut list = List::default();
    if l.peek() == Some(b'(') {
        list.extended = true;
        l.list(|l| {
            match l.word().as_str() {
                "SUBSCRIBED" => list.subscribed = true,
                "REMOTE" => list.remote = true,
                "RECURSIVEMATCH" => list.recursive = true,
                "SPECIAL-USE" => list.special_use = true,
                _ => return Err(BadCommand("there is no such selection option of LIST")),
            }
            Ok(())
        })?;
        // RFC 5258 3: it only changes what another one selects.
        if list.recursive && !list.subscribed {
            return Err(BadCommand("RECURSIVEMATCH needs SUBSCRIBED beside it"));
        }
        l.space()?;
    }
    list.reference = l.name()?;
    l.space()?;
    list.patterns = match l.peek() {
        Some(b'(') => {
            list.extended = true;
            l.list(Lexer::pattern)?
        }
        _ => vec![l.pattern()?],
    };
    if l.take(b' ') {
        list.extended = true;
        if l.word() != "RETURN" {
            return Err(BadCommand("RETURN is what may follow the pattern of LIST"));
        }
        l.space()?;
        let mut returned = ListReturn::default();
        l.list(|l| {
            match l.word().as_str() {
                "SUBSCRIBED" => returned.subscribed = true,
                "CHILDREN" => returned.children = true,
                "SPECIAL-USE" => returned.special_use = true,
                "MYRIGHTS" => returned.my_rights = true,
                "STATUS" => {
                    l.space()?;
                    returned.status = Some(distinct(l.list(status_item)?));
                }
                _ => return Err(BadCommand("there is no such return option of LIST")),
            }
            Ok(())
        })?;
        list.returned = returned;
    }
    Ok(list)
}

/// Without what was asked for before.
pub(super) fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut all = Vec::new();
    for item in items {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}

fn status_item(l: &mut Lexer<'_>) -> Parsed<StatusItem> {
    let word = l.word();
    let known = StatusItem::ALL.iter().find(|(_, name)| *name == word);
    known.map(|(item, _)| *item).ok_or(BadCommand("there is no such item of STATUS"))
}

fn append(l: &mut Lexer<'_>) -> Parsed<Command> {
    let name: Name = l.name()?;
    let mut messages = Vec::new();
    while messages.is_empty() || !l.at_end() {
        l.space()?;
        let mut flags = Vec::new();
        if l.peek() == Some(b'(') {
            flags = l.flags()?;
            l.space()?;
        }
        let mut date = None;
        if l.peek() == Some(b'"') {
            date = Some(l.date_time()?);
            l.space()?;
        }
        if messages.len() == MAX_APPENDED {
            return Err(BadCommand("an APPEND has too many messages"));
        }
        if l.take_word("CATENATE") {
            l.space()?;
            let pieces = l.list(piece)?;
            if pieces.is_empty() || pieces.len() > MAX_PIECES {
                return Err(BadCommand("CATENATE takes a piece at least and 64 at most"));
            }
            messages.push(Appended { flags, date, bytes: Vec::new(), binary: false, pieces });
            continue;
        }
        // RFC 6855 4.
        let (bytes, binary) = match l.take_word("UTF8") {
            true => {
                l.space()?;
                l.expect(b'(', "UTF8 takes a literal8 in parentheses")?;
                let message = l.string_or_literal8()?;
                l.expect(b')', "a list has no end")?;
                message
            }
            false if l.peek() == Some(b'"') => {
                return Err(BadCommand("a message is a literal"));
            }
            false => l.string_or_literal8()?,
        };
        messages.push(Appended { flags, date, bytes, binary, pieces: Vec::new() });
    }
    Ok(Command::Append { name, messages })
}

/// Pieces of one message at most.
const MAX_PIECES: usize = 64;

fn piece(l: &mut Lexer<'_>) -> Parsed<super::Piece> {
    match l.word().as_str() {
        "URL" => {
            l.space()?;
            Ok(super::Piece::Url(super::notes::url(l)?))
        }
        "TEXT" if l.take(b' ') && l.peek() != Some(b'"') => {
            Ok(super::Piece::Text(l.string_or_literal8()?.0))
        }
        _ => Err(BadCommand("a piece is TEXT with a literal, or URL")),
    }
}

fn store(l: &mut Lexer<'_>, by: By) -> Parsed<Command> {
    let set = l.set()?;
    l.space()?;
    let mut unchanged_since = None;
    if l.peek() == Some(b'(') {
        l.list(|l| {
            if l.word() != "UNCHANGEDSINCE" {
                return Err(BadCommand("there is no such modifier of STORE"));
            }
            l.space()?;
            unchanged_since = Some(l.number64()?);
            Ok(())
        })?;
        l.space()?;
    }
    let action = match (l.take(b'+'), l.take(b'-')) {
        (true, false) => StoreAction::Add,
        (false, true) => StoreAction::Remove,
        _ => StoreAction::Set,
    };
    let silent = match l.word().as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(BadCommand("STORE takes FLAGS or FLAGS.SILENT")),
    };
    l.space()?;
    let flags = match l.peek() {
        Some(b'(') => l.flags()?,
        _ => {
            let mut flags = vec![l.flag()?];
            while l.take(b' ') {
                flags.push(l.flag()?);
            }
            flags
        }
    };
    Ok(Command::Store { by, set, unchanged_since, action, silent, flags })
}
