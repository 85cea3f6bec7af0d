//! SEARCH with its extensions (RFC 9051 6.4.4, RFC 5032, RFC 9394, RFC 7162 3.1.5).

use std::cell::{OnceCell, RefCell};

use formats::mime;
use formats::text::casemap;
use mapi::FileTime;
use store::message::{self, Listed, Marks, Outline};
use store::text::{Field, Searcher};
use store::{Mailbox, StoreError};

use super::context::Found;
use super::sort::Order;
use super::source::{self, Made, Need, Source};
use super::{Fail, Outcome, Session, context, done, fetch, marks_of, no};
use crate::imap::command::set::in_order;
use crate::imap::command::{By, Flag, Key, Program, Return, SequenceSet};
use crate::imap::mailbox::{Known, Selected};
use crate::imap::response::{put, string};

/// What a search found, in the order in which it is told.
pub(super) struct Results<'a> {
    pub(super) tag: &'a str,
    pub(super) by: By,
    pub(super) known: &'a [Known],
    /// The newest MODSEQ, where it was asked for.
    pub(super) newest: Option<u64>,
}

impl Session {
    pub(super) fn search(
        &mut self,
        tag: &str,
        by: By,
        program: &Program,
        w: &mut Vec<u8>,
    ) -> Outcome {
        let modseq = self.begin_search(program)?;
        // RFC 6855 3: with UTF-8 everywhere there is no charset to be named.
        if program.charset.is_some() && self.utf8 && !self.rev2 {
            return Err(Fail::Bad("everything is UTF-8 since UTF8=ACCEPT"));
        }
        let rev2 = self.rev2;
        let (selected, user) = self.selected()?;
        let sequence = store::folder::info(&user.mailbox, selected.folder)?.sequence;
        let found = found(selected, &user.mailbox, &program.key)?;
        let newest = newest(&found).filter(|_| modseq);
        let known: Vec<Known> = found.iter().map(|(known, _)| *known).collect();
        let results = Results { tag, by, known: &known, newest };
        match (&program.returned, rev2) {
            (None, false) => results.put_plain("SEARCH", w),
            (None, true) => results.put(&[Return::All], selected, w),
            (Some(returned), _) => results.put(returned, selected, w),
        }
        let found = known.iter().map(|known| (Vec::new(), known.uid)).collect();
        let found = Found { order: Order::default(), found, sequence };
        context::keep(&mut self.contexts, tag, by, program, found, w);
        done("Searched")
    }

    /// What holds for SEARCH, SORT and THREAD: the charset is known, and a message's number is somebody's. Whether
    /// MODSEQ was asked for.
    pub(super) fn begin_search(&mut self, program: &Program) -> Result<bool, Fail> {
        if let Some(charset) = &program.charset
            && !matches!(charset.as_str(), "UTF-8" | "US-ASCII")
        {
            return Err(no("BADCHARSET (US-ASCII UTF-8)", "the charset is not known"));
        }
        let modseq = asks_modseq(&program.key);
        self.condstore |= modseq;
        let (selected, _) = self.selected()?;
        check(&program.key, selected)?;
        Ok(modseq)
    }
}

/// The messages that have what is looked for, in ascending order.
pub(super) fn found(
    selected: &Selected,
    mailbox: &Mailbox,
    key: &Key,
) -> Result<Vec<(Known, Listed)>, StoreError> {
    found_since(selected, mailbox, key, 0)
}

/// As [`found`], of what changed after a sequence.
pub(super) fn found_since(
    selected: &Selected,
    mailbox: &Mailbox,
    key: &Key,
    since: u64,
) -> Result<Vec<(Known, Listed)>, StoreError> {
    let listed = match asks_subject(key) {
        true => message::list_subjects(mailbox, selected.folder)?,
        false => {
            let listed = message::list(mailbox, selected.folder)?;
            listed.into_iter().map(|listed| (listed, None)).collect()
        }
    };
    let mut known = selected.all().peekable();
    let listed = listed.into_iter().filter(|(listed, _)| listed.sequence > since);
    let mut candidates = listed.filter_map(|(listed, subject)| {
        while known.next_if(|known| known.uid < listed.uid).is_some() {}
        Some((known.next_if(|known| known.uid == listed.uid)?, listed, subject))
    });
    let now = mailbox.store().now();
    let texts = match asks_text(key) {
        true => Some(Searcher::open(mailbox)?),
        false => None,
    };
    let made = RefCell::new(Made::default());
    let mut found = Vec::new();
    loop {
        let some: Vec<_> = candidates.by_ref().take(source::OUTLINES).collect();
        if some.is_empty() {
            made.into_inner().keep(mailbox, selected.folder, true);
            return Ok(found);
        }
        let ids: Vec<_> = some.iter().map(|(known, ..)| known.id).collect();
        let outlines = match asks_outline(key) {
            true => source::outlines(mailbox, &ids)?,
            false => ids.iter().map(|_| None).collect(),
        };
        for ((known, listed, subject), outline) in some.into_iter().zip(outlines) {
            let candidate = Candidate {
                selected,
                mailbox,
                texts: texts.as_ref(),
                known,
                listed: &listed,
                subject: subject.as_deref(),
                now,
                outline,
                made: &made,
                header: OnceCell::new(),
                bytes: OnceCell::new(),
            };
            match candidate.fulfils(key) {
                Ok(true) => found.push((known, listed)),
                // One that went meanwhile is not found.
                Ok(false) | Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
            made.borrow_mut().keep(mailbox, selected.folder, false);
        }
    }
}

pub(super) fn newest(found: &[(Known, Listed)]) -> Option<u64> {
    found.iter().map(|(_, listed)| listed.sequence).max()
}

/// How the client names a message.
pub(super) fn name(by: By, known: &Known) -> u32 {
    match by {
        By::Uid => known.uid,
        By::Sequence => known.number,
    }
}

impl Results<'_> {
    fn names(&self) -> impl Iterator<Item = u32> + '_ {
        self.known.iter().map(|known| name(self.by, known))
    }

    /// The untagged response of RFC 3501 and RFC 5256.
    pub(super) fn put_plain(&self, response: &str, w: &mut Vec<u8>) {
        put(w, &format!("* {response}"));
        self.names().for_each(|name| put(w, &format!(" {name}")));
        if let Some(newest) = self.newest {
            put(w, &format!(" (MODSEQ {newest})"));
        }
        put(w, "\r\n");
    }

    /// What RETURN asks for: keeps what `$` becomes, and tells the rest.
    pub(super) fn put(&self, returned: &[Return], selected: &mut Selected, w: &mut Vec<u8>) {
        // These two say what is done with the results, and not which are told.
        let told: Vec<Return> = returned
            .iter()
            .filter(|item| !matches!(item, Return::Update | Return::Context))
            .copied()
            .collect();
        let returned = match told.as_slice() {
            [] => &[Return::All][..],
            told => told,
        };
        if returned.contains(&Return::Save) {
            selected.saved = self.saved(returned);
        }
        // RFC 9051 6.4.4.1: SAVE alone answers nothing.
        if *returned != [Return::Save] {
            self.put_extended(returned, w);
        }
    }

    /// What `$` becomes: with MIN, MAX or PARTIAL alone only those (RFC 9051 6.4.4.4, RFC 9394 3.2).
    fn saved(&self, returned: &[Return]) -> Vec<u32> {
        let ends = [(Return::Min, self.known.first()), (Return::Max, self.known.last())];
        let mut some: Vec<&Known> = Vec::new();
        let mut all = true;
        for item in returned {
            all &= *item == Return::Save;
            if let Return::Partial(first, last) = item {
                some.extend(part(self.known, *first, *last));
            }
        }
        some.extend(ends.iter().filter(|(end, _)| returned.contains(end)).filter_map(|(_, k)| *k));
        if all || returned.contains(&Return::All) || returned.contains(&Return::Count) {
            some = self.known.iter().collect();
        }
        let mut uids: Vec<u32> = some.iter().map(|known| known.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        uids
    }

    fn put_extended(&self, returned: &[Return], w: &mut Vec<u8>) {
        put(w, "* ESEARCH (TAG ");
        string(w, self.tag.as_bytes());
        put(w, if self.by == By::Uid { ") UID" } else { ")" });
        let name = |known: &Known| name(self.by, known);
        for item in returned {
            let text = match (item, self.known.first().zip(self.known.last())) {
                (Return::Min, Some((first, _))) => format!(" MIN {}", name(first)),
                (Return::Max, Some((_, last))) => format!(" MAX {}", name(last)),
                (Return::All, Some(_)) => format!(" ALL {}", in_order(self.names())),
                (Return::Count, _) => format!(" COUNT {}", self.known.len()),
                (Return::Partial(first, last), _) => {
                    let some = in_order(part(self.known, *first, *last).iter().map(name));
                    let some = if some.is_empty() { "NIL".into() } else { some };
                    format!(" PARTIAL ({first}:{last} {some})")
                }
                _ => continue,
            };
            put(w, &text);
        }
        if let Some(newest) = self.newest {
            put(w, &format!(" MODSEQ {newest}"));
        }
        put(w, "\r\n");
    }
}

/// The results from one to the other, counted from either end (RFC 9394 3.1).
pub(super) fn part<T>(numbers: &[T], first: i32, last: i32) -> &[T] {
    let (low, high) = (
        first.unsigned_abs().min(last.unsigned_abs()) as usize,
        first.unsigned_abs().max(last.unsigned_abs()) as usize,
    );
    let high = high.min(numbers.len());
    if low == 0 || low > high {
        return &[];
    }
    match first < 0 {
        false => &numbers[low - 1..high],
        true => &numbers[numbers.len() - high..numbers.len() - low + 1],
    }
}

fn asks_modseq(key: &Key) -> bool {
    asks(key, |key| matches!(key, Key::ModSeq(_)))
}

/// Whether some part of what is looked for is such a key.
fn asks(key: &Key, is: fn(&Key) -> bool) -> bool {
    match key {
        Key::And(keys) => keys.iter().any(|key| asks(key, is)),
        Key::Or(a, b) => asks(a, is) || asks(b, is),
        Key::Not(key) => asks(key, is),
        key => is(key),
    }
}

fn asks_subject(key: &Key) -> bool {
    asks(key, |key| matches!(key, Key::Subject(_)))
}

fn asks_text(key: &Key) -> bool {
    asks(key, |key| matches!(key, Key::Body(_) | Key::Text(_)))
}

/// Whether sizes and headers are looked at; a subject seldom needs them.
fn asks_outline(key: &Key) -> bool {
    asks(key, |key| {
        matches!(
            key,
            Key::Header(..)
                | Key::Bcc(_)
                | Key::Cc(_)
                | Key::From(_)
                | Key::To(_)
                | Key::Larger(_)
                | Key::Smaller(_)
                | Key::SentBefore(_)
                | Key::SentOn(_)
                | Key::SentSince(_)
        )
    })
}

/// Numbers of messages that there are not are an error of the client.
fn check(key: &Key, selected: &Selected) -> Result<(), Fail> {
    match key {
        Key::And(keys) => keys.iter().try_for_each(|key| check(key, selected)),
        Key::Or(a, b) => check(a, selected).and(check(b, selected)),
        Key::Not(key) => check(key, selected),
        Key::Sequence(set) => super::messages_of(selected, By::Sequence, set).map(drop),
        _ => Ok(()),
    }
}

/// A message that may be found.
struct Candidate<'a> {
    selected: &'a Selected,
    mailbox: &'a Mailbox,
    /// Knows of most messages whether they have a text, without a look at them.
    texts: Option<&'a Searcher<'a>>,
    known: Known,
    listed: &'a Listed,
    /// Where the summary has the whole of it.
    subject: Option<&'a str>,
    now: FileTime,
    outline: Option<Outline>,
    made: &'a RefCell<Made>,
    /// Read once for all keys.
    header: OnceCell<Source>,
    bytes: OnceCell<Vec<u8>>,
}

impl Candidate<'_> {
    fn fulfils(&self, key: &Key) -> Result<bool, StoreError> {
        let within = |set: &SequenceSet, number: u32, largest: u32| match set {
            SequenceSet::Saved => self.selected.saved.binary_search(&self.known.uid).is_ok(),
            set => set.contains(number, largest),
        };
        let received = || self.listed.received.to_unix().0;
        let day = || received().div_euclid(86_400) as i32;
        let age = || self.now.to_unix().0 - received();
        Ok(match key {
            Key::All => true,
            Key::And(keys) => {
                // What the summary knows comes first: it may spare opening the message.
                let (cheap, dear): (Vec<_>, Vec<_>) = keys.iter().partition(|key| is_cheap(key));
                for key in cheap.into_iter().chain(dear) {
                    if !self.fulfils(key)? {
                        return Ok(false);
                    }
                }
                true
            }
            Key::Or(a, b) => self.fulfils(a)? || self.fulfils(b)?,
            Key::Not(key) => !self.fulfils(key)?,
            Key::Sequence(set) => within(set, self.known.number, self.selected.count()),
            Key::Uid(set) => within(set, self.known.uid, self.selected.largest_uid()),
            Key::Flag(flag) => self.has(flag)?,
            Key::Recent => false,
            Key::Header(name, text) => self.header(&name.to_ascii_lowercase(), text)?,
            Key::Bcc(text) => self.header("bcc", text)?,
            Key::Cc(text) => self.header("cc", text)?,
            Key::From(text) => self.header("from", text)?,
            Key::To(text) => self.header("to", text)?,
            Key::Subject(text) => match self.subject.filter(|_| !text.is_empty()) {
                Some(subject) => casemap::fold(subject).contains(&fold(text)),
                None => self.header("subject", text)?,
            },
            Key::Body(text) => self.contains(Field::Parts, text)?,
            Key::Text(text) => self.contains(Field::Whole, text)?,
            Key::Larger(size) => self.size()? > *size,
            Key::Smaller(size) => self.size()? < *size,
            Key::Before(wanted) => day() < *wanted,
            Key::On(wanted) => day() == *wanted,
            Key::Since(wanted) => day() >= *wanted,
            Key::SavedBefore(wanted) => self.saved()? < *wanted,
            Key::SavedOn(wanted) => self.saved()? == *wanted,
            Key::SavedSince(wanted) => self.saved()? >= *wanted,
            Key::SaveDateSupported => true,
            Key::SentBefore(wanted) => self.sent()?.is_some_and(|sent| sent < *wanted),
            Key::SentOn(wanted) => self.sent()?.is_some_and(|sent| sent == *wanted),
            Key::SentSince(wanted) => self.sent()?.is_some_and(|sent| sent >= *wanted),
            Key::Older(seconds) => age() >= i64::from(*seconds),
            Key::Younger(seconds) => age() <= i64::from(*seconds),
            Key::ModSeq(sequence) => self.listed.sequence >= *sequence,
            Key::EmailId(id) => *id == fetch::email_id(self.known.id),
            Key::ThreadId(_) => false,
        })
    }

    fn has(&self, flag: &Flag) -> Result<bool, StoreError> {
        let marks = self.listed.marks();
        Ok(match flag {
            Flag::Answered => marks.answered,
            Flag::Flagged => marks.flagged,
            Flag::Deleted => marks.deleted,
            Flag::Seen => marks.read,
            Flag::Draft => marks.draft,
            Flag::Keyword(_) => match marks_of(std::slice::from_ref(flag)) {
                Marks { forwarded: true, .. } => marks.forwarded,
                wanted => {
                    let all = fetch::marks(self.mailbox, self.listed)?.categories;
                    let is = |name: &String| all.iter().any(|has| has.eq_ignore_ascii_case(name));
                    wanted.categories.iter().any(is)
                }
            },
        })
    }

    fn bytes(&self) -> Result<&[u8], StoreError> {
        if self.bytes.get().is_none() {
            let bytes = source::received(self.mailbox, self.known.id)?;
            // It was empty.
            let _ = self.bytes.set(bytes);
        }
        Ok(self.bytes.get().map_or(&[], Vec::as_slice))
    }

    /// Whether a text stands in the text parts of the message, or in its headers as well.
    fn contains(&self, field: Field, text: &str) -> Result<bool, StoreError> {
        let Listed { id, sequence, .. } = *self.listed;
        if let Some(known) = self.texts.and_then(|texts| texts.has(field, text, id, sequence)) {
            return Ok(known);
        }
        let wanted = fold(text);
        let headers = field == Field::Whole;
        let mut found = |_, text: &str| casemap::fold(text).contains(&wanted);
        Ok(mime::any_text(self.bytes()?, headers, &mut found))
    }

    fn size(&self) -> Result<u64, StoreError> {
        match &self.outline {
            Some(outline) => Ok(outline.size),
            None => Ok(self.source()?.size),
        }
    }

    /// The header, or the message where it has to be opened.
    fn source(&self) -> Result<&Source, StoreError> {
        if let Some(source) = self.header.get() {
            return Ok(source);
        }
        let (outline, mut made) = (self.outline.clone(), self.made.borrow_mut());
        let source = source::read(self.mailbox, self.listed, Need::Header, outline, &mut made)?;
        Ok(self.header.get_or_init(|| source))
    }

    fn header(&self, name: &str, text: &str) -> Result<bool, StoreError> {
        let header = formats::mime::header(&self.source()?.bytes);
        let wanted = fold(text);
        let mut fields = header.all(name);
        Ok(fields.any(|field| wanted.is_empty() || casemap::fold(&field.text()).contains(&wanted)))
    }

    /// The day when it came to this mailbox.
    fn saved(&self) -> Result<i32, StoreError> {
        let (seconds, _) = fetch::saved(self.mailbox, self.listed)?.to_unix();
        Ok(seconds.div_euclid(86_400) as i32)
    }

    /// The day of the Date field as it stands there, without regard to its zone (RFC 9051 6.4.4, SENTON).
    fn sent(&self) -> Result<Option<i32>, StoreError> {
        let header = formats::mime::header(&self.source()?.bytes);
        let Some(field) = header.first("date") else { return Ok(None) };
        let zone = field.plain();
        let Some(date) = field.date() else { return Ok(None) };
        let local = date.to_unix().0 + offset(&zone);
        Ok(i32::try_from(local.div_euclid(86_400)).ok())
    }
}

/// Seconds east of UTC in a date of mail.
fn offset(date: &str) -> i64 {
    let zone = date.split_whitespace().find(|word| {
        word.len() == 5
            && word.starts_with(['+', '-'])
            && word[1..].bytes().all(|b| b.is_ascii_digit())
    });
    let Some(number) = zone.and_then(|zone| zone.parse::<i64>().ok()) else { return 0 };
    number / 100 * 3_600 + number % 100 * 60
}

fn is_cheap(key: &Key) -> bool {
    match key {
        Key::And(keys) => keys.iter().all(is_cheap),
        Key::Or(a, b) => is_cheap(a) && is_cheap(b),
        Key::Not(key) => is_cheap(key),
        Key::Flag(Flag::Keyword(_)) => false,
        Key::All
        | Key::Sequence(_)
        | Key::Uid(_)
        | Key::Flag(_)
        | Key::Recent
        | Key::Before(_)
        | Key::On(_)
        | Key::Since(_)
        | Key::Older(_)
        | Key::Younger(_)
        | Key::ModSeq(_)
        | Key::EmailId(_)
        | Key::SaveDateSupported
        | Key::ThreadId(_) => true,
        _ => false,
    }
}

/// How texts are compared (I18NLEVEL=1, RFC 5255 4.4).
fn fold(text: &str) -> String {
    casemap::fold(text).into_owned()
}
