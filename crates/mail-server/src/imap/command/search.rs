//! What SEARCH, SORT and THREAD look for (RFC 9051 6.4.4, RFC 5256, RFC 5032, RFC 7162).

use super::lexer::{Lexer, Parsed};
use super::parser::BadCommand;
use super::{By, Command, Flag, SequenceSet};

/// A search: what it gives and what it looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// None for the untagged response of RFC 3501; RETURN () is ALL (RFC 9051 6.4.4).
    pub returned: Option<Vec<Return>>,
    /// As it was written, in capitals.
    pub charset: Option<String>,
    pub key: Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Min,
    Max,
    All,
    Count,
    Save,
    /// Tell what changes (RFC 5267 4.3), and a hint that parts will be asked for.
    Update,
    Context,
    /// The results from one to the other, counted from the first or, if negative, from the last (RFC 9394).
    Partial(i32, i32),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Key {
    #[default]
    All,
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    Sequence(SequenceSet),
    Uid(SequenceSet),
    Flag(Flag),
    Recent,
    /// A field of the header by its name; an empty text asks whether it is there.
    Header(String, String),
    Bcc(String),
    Cc(String),
    From(String),
    To(String),
    Subject(String),
    Body(String),
    Text(String),
    Larger(u64),
    Smaller(u64),
    /// Days since 1970, of INTERNALDATE.
    Before(i32),
    On(i32),
    Since(i32),
    /// Of the Date field.
    SentBefore(i32),
    SentOn(i32),
    SentSince(i32),
    /// When it came to this mailbox (RFC 8514 4.2).
    SavedBefore(i32),
    SavedOn(i32),
    SavedSince(i32),
    SaveDateSupported,
    /// Seconds (RFC 5032).
    Older(u32),
    Younger(u32),
    /// RFC 7162 3.1.5. The name of the entry is not looked at: there is one sequence for a message.
    ModSeq(u64),
    EmailId(String),
    ThreadId(String),
}

/// How keys nest in parentheses, OR and NOT at most.
pub(crate) const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    pub by: SortBy,
    pub reverse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    Arrival,
    Cc,
    Date,
    From,
    Size,
    Subject,
    To,
    /// RFC 5957.
    DisplayFrom,
    DisplayTo,
}

impl SortBy {
    pub(crate) const ALL: [(SortBy, &'static str); 9] = [
        (SortBy::Arrival, "ARRIVAL"),
        (SortBy::Cc, "CC"),
        (SortBy::Date, "DATE"),
        (SortBy::From, "FROM"),
        (SortBy::Size, "SIZE"),
        (SortBy::Subject, "SUBJECT"),
        (SortBy::To, "TO"),
        (SortBy::DisplayFrom, "DISPLAYFROM"),
        (SortBy::DisplayTo, "DISPLAYTO"),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadBy {
    OrderedSubject,
    References,
}

impl ThreadBy {
    pub(crate) const ALL: [(ThreadBy, &'static str); 2] =
        [(ThreadBy::OrderedSubject, "ORDEREDSUBJECT"), (ThreadBy::References, "REFERENCES")];
}

pub(super) fn parse_search(l: &mut Lexer<'_>) -> Parsed<Program> {
    let returned = parse_returned(l)?;
    let charset = match l.take_word("CHARSET") {
        true => {
            l.space()?;
            let charset = l.text()?.to_ascii_uppercase();
            l.space()?;
            Some(charset)
        }
        false => None,
    };
    Ok(Program { returned, charset, key: parse_keys(l)? })
}

pub(super) fn parse_sort(l: &mut Lexer<'_>, by: By) -> Parsed<Command> {
    let returned = parse_returned(l)?;
    let order = l.list(|l| {
        let mut word = l.word();
        let reverse = word == "REVERSE";
        if reverse {
            l.space()?;
            word = l.word();
        }
        let known = SortBy::ALL.iter().find(|(_, name)| *name == word);
        let (by, _) = known.ok_or(BadCommand("there is no such key of SORT"))?;
        Ok(SortKey { by: *by, reverse })
    })?;
    if order.is_empty() {
        return Err(BadCommand("SORT needs a key"));
    }
    l.space()?;
    let charset = Some(l.text()?.to_ascii_uppercase());
    l.space()?;
    Ok(Command::Sort { by, order, program: Program { returned, charset, key: parse_keys(l)? } })
}

pub(super) fn parse_thread(l: &mut Lexer<'_>, by: By) -> Parsed<Command> {
    let word = l.word();
    let known = ThreadBy::ALL.iter().find(|(_, name)| *name == word);
    let (algorithm, _) = known.ok_or(BadCommand("there is no such algorithm of THREAD"))?;
    l.space()?;
    let charset = Some(l.text()?.to_ascii_uppercase());
    l.space()?;
    let program = Program { returned: None, charset, key: parse_keys(l)? };
    Ok(Command::Thread { by, algorithm: *algorithm, program })
}

fn parse_returned(l: &mut Lexer<'_>) -> Parsed<Option<Vec<Return>>> {
    if !l.take_word("RETURN") {
        return Ok(None);
    }
    l.space()?;
    let mut all = l.list(|l| {
        Ok(match l.word().as_str() {
            "MIN" => Return::Min,
            "MAX" => Return::Max,
            "ALL" => Return::All,
            "COUNT" => Return::Count,
            "SAVE" => Return::Save,
            "UPDATE" => Return::Update,
            "CONTEXT" => Return::Context,
            "PARTIAL" => {
                let (first, last) = parse_part(l)?;
                Return::Partial(first, last)
            }
            _ => return Err(BadCommand("there is no such return option of SEARCH")),
        })
    })?;
    let partial = all.iter().filter(|r| matches!(r, Return::Partial(..))).count();
    if partial > 1 || partial == 1 && all.contains(&Return::All) {
        return Err(BadCommand("PARTIAL stands alone, and not beside ALL"));
    }
    if all.is_empty() {
        all.push(Return::All);
    }
    l.space()?;
    Ok(Some(all))
}

/// A range of results: both ends counted from the first, or both from the last (RFC 9394 4).
pub(super) fn parse_part(l: &mut Lexer<'_>) -> Parsed<(i32, i32)> {
    l.space()?;
    let first = signed(l)?;
    l.expect(b':', "PARTIAL takes a range")?;
    let last = signed(l)?;
    match (first < 0) == (last < 0) {
        true => Ok((first, last)),
        false => Err(BadCommand("both ends of PARTIAL count from the same end")),
    }
}

fn signed(l: &mut Lexer<'_>) -> Parsed<i32> {
    let negative = l.take(b'-');
    let number = i32::try_from(l.positive()?);
    let number = number.map_err(|_| BadCommand("a number of PARTIAL is too large"))?;
    Ok(if negative { -number } else { number })
}

fn parse_keys(l: &mut Lexer<'_>) -> Parsed<Key> {
    let mut keys = vec![parse_key(l, 0)?];
    while l.take(b' ') {
        keys.push(parse_key(l, 0)?);
    }
    Ok(all_of(keys))
}

fn all_of(mut keys: Vec<Key>) -> Key {
    match keys.len() {
        1 => keys.remove(0),
        _ => Key::And(keys),
    }
}

fn parse_key(l: &mut Lexer<'_>, depth: usize) -> Parsed<Key> {
    if depth > MAX_DEPTH {
        return Err(BadCommand("search keys nest too deep"));
    }
    match l.peek() {
        Some(b'(') => {
            let keys = l.list(|l| parse_key(l, depth + 1))?;
            return match keys.is_empty() {
                true => Err(BadCommand("a search key is missing")),
                false => Ok(all_of(keys)),
            };
        }
        Some(b'0'..=b'9' | b'*' | b'$') => return Ok(Key::Sequence(l.set()?)),
        _ => {}
    }
    let not = |key| Key::Not(Box::new(key));
    let word = l.word();
    Ok(match word.as_str() {
        "ALL" => Key::All,
        "ANSWERED" => Key::Flag(Flag::Answered),
        "DELETED" => Key::Flag(Flag::Deleted),
        "DRAFT" => Key::Flag(Flag::Draft),
        "FLAGGED" => Key::Flag(Flag::Flagged),
        "SEEN" => Key::Flag(Flag::Seen),
        "UNANSWERED" => not(Key::Flag(Flag::Answered)),
        "UNDELETED" => not(Key::Flag(Flag::Deleted)),
        "UNDRAFT" => not(Key::Flag(Flag::Draft)),
        "UNFLAGGED" => not(Key::Flag(Flag::Flagged)),
        "UNSEEN" => not(Key::Flag(Flag::Seen)),
        "RECENT" => Key::Recent,
        "NEW" => Key::And(vec![Key::Recent, not(Key::Flag(Flag::Seen))]),
        "OLD" => not(Key::Recent),
        "SAVEDATESUPPORTED" => Key::SaveDateSupported,
        "" => return Err(BadCommand("a search key is missing")),
        _ => {
            l.space()?;
            key_with_argument(l, &word, depth)?
        }
    })
}

fn key_with_argument(l: &mut Lexer<'_>, word: &str, depth: usize) -> Parsed<Key> {
    let keyword = |l: &mut Lexer<'_>| Ok(Key::Flag(Flag::Keyword(l.atom()?.to_owned())));
    Ok(match word {
        "KEYWORD" => keyword(l)?,
        "UNKEYWORD" => Key::Not(Box::new(keyword(l)?)),
        "NOT" => Key::Not(Box::new(parse_key(l, depth + 1)?)),
        "OR" => {
            let first = parse_key(l, depth + 1)?;
            l.space()?;
            Key::Or(Box::new(first), Box::new(parse_key(l, depth + 1)?))
        }
        "UID" => Key::Uid(l.set()?),
        "HEADER" => {
            let name = l.text()?;
            l.space()?;
            Key::Header(name, l.text()?)
        }
        "BCC" => Key::Bcc(l.text()?),
        "CC" => Key::Cc(l.text()?),
        "FROM" => Key::From(l.text()?),
        "TO" => Key::To(l.text()?),
        "SUBJECT" => Key::Subject(l.text()?),
        "BODY" => Key::Body(l.text()?),
        "TEXT" => Key::Text(l.text()?),
        "LARGER" => Key::Larger(l.number64()?),
        "SMALLER" => Key::Smaller(l.number64()?),
        "BEFORE" => Key::Before(l.date()?),
        "ON" => Key::On(l.date()?),
        "SINCE" => Key::Since(l.date()?),
        "SAVEDBEFORE" => Key::SavedBefore(l.date()?),
        "SAVEDON" => Key::SavedOn(l.date()?),
        "SAVEDSINCE" => Key::SavedSince(l.date()?),
        "SENTBEFORE" => Key::SentBefore(l.date()?),
        "SENTON" => Key::SentOn(l.date()?),
        "SENTSINCE" => Key::SentSince(l.date()?),
        "OLDER" => Key::Older(l.positive()?),
        "YOUNGER" => Key::Younger(l.positive()?),
        "MODSEQ" => {
            if l.peek() == Some(b'"') {
                l.string()?;
                l.space()?;
                if !["PRIV", "SHARED", "ALL"].contains(&l.word().as_str()) {
                    return Err(BadCommand("a type of MODSEQ is priv, shared or all"));
                }
                l.space()?;
            }
            Key::ModSeq(l.number64()?)
        }
        "EMAILID" => Key::EmailId(l.text()?),
        "THREADID" => Key::ThreadId(l.text()?),
        _ => return Err(BadCommand("there is no such search key")),
    })
}
