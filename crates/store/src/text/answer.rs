//! What the index says of messages, for whoever searches.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use mapi::MessageId;
use mapi::restriction::FuzzyLevel;

use super::build::{HEADER, PARTS, PLAIN};
use super::bytes::Set;
use super::segment;
use super::state::{Segment, State};
use super::words::Asked;
use crate::engine::Reader;
use crate::table::fold::{self, Form};
use crate::{Mailbox, Result, StoreError, keys};

/// Answers that are kept for one search.
const MAX_ANSWERS: usize = 64;

/// Which texts of a message are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The text parts of the message (SEARCH BODY, RFC 9051 6.4.4).
    Parts,
    /// Those, and all headers (SEARCH TEXT).
    Whole,
}

/// Asks the index for one search, in one state of the mailbox. What it does not know, whoever searches has to look
/// at: messages that are not in the index as they are now, and texts that words do not decide.
pub struct Searcher<'a> {
    mailbox: &'a Mailbox,
    reader: Source<'a>,
    index: OnceCell<Option<Index>>,
    answers: RefCell<Vec<(Question, Option<Rc<Answer>>)>>,
}

enum Source<'a> {
    Own(Box<dyn Reader + Send + Sync>),
    Lent(&'a dyn Reader),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    field: Asking,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Imap(Field),
    /// PidTagBody.
    Plain {
        low: u16,
        high: u16,
    },
}

/// The messages of the index.
struct Index {
    state: State,
    /// By ordered id: the part, and the number in it.
    messages: Vec<(u64, u16, u16)>,
    /// Of each part, the messages with places of whose texts not all is known.
    opaque: Vec<Vec<(u16, u8)>>,
}

/// By part.
struct Answer(Vec<Verdicts>);

struct Verdicts {
    /// Messages that may have the text.
    found: Set,
    /// Of those, messages that have it for sure.
    certain: Option<Set>,
}

impl<'a> Searcher<'a> {
    /// In the state that the mailbox has now.
    pub fn open(mailbox: &'a Mailbox) -> Result<Searcher<'a>> {
        let snapshot = mailbox.store().engine().snapshot()?;
        Ok(Searcher::over(mailbox, Source::Own(snapshot)))
    }

    /// In the state that a snapshot has.
    pub(crate) fn reading(mailbox: &'a Mailbox, reader: &'a dyn Reader) -> Searcher<'a> {
        Searcher::over(mailbox, Source::Lent(reader))
    }

    pub(crate) fn mailbox(&self) -> &'a Mailbox {
        self.mailbox
    }

    fn over(mailbox: &'a Mailbox, reader: Source<'a>) -> Searcher<'a> {
        let (index, answers) = (OnceCell::new(), RefCell::default());
        Searcher { mailbox, reader, index, answers }
    }

    /// Whether a message has a text, compared by i;unicode-casemap, as a part of one of those that are meant; None if
    /// it has to be looked at. `sequence` is that of its newest change.
    pub fn has(&self, field: Field, text: &str, id: MessageId, sequence: u64) -> Option<bool> {
        self.ask(Asking::Imap(field), text, id, sequence)
    }

    /// The same for a content restriction on PidTagBody ([MS-OXCDATA] 2.12.4).
    pub(crate) fn has_in_body(
        &self,
        level: FuzzyLevel,
        text: &str,
        id: MessageId,
        sequence: u64,
    ) -> Option<bool> {
        self.ask(Asking::Plain { low: level.low, high: level.high }, text, id, sequence)
    }

    fn ask(&self, field: Asking, text: &str, id: MessageId, sequence: u64) -> Option<bool> {
        let index = self.index()?;
        if sequence > index.state.position {
            return None;
        }
        let id = keys::id_number(id.replica, id.counter);
        let at = index.messages.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
        let (_, part, number) = index.messages[at];
        let answer = self.answer(index, field, text)?;
        let verdicts = answer.0.get(usize::from(part))?;
        let number = usize::from(number);
        match (verdicts.found.has(number), &verdicts.certain) {
            (false, _) => Some(false),
            (true, Some(certain)) => certain.has(number).then_some(true),
            (true, None) => None,
        }
    }

    fn reader(&self) -> &dyn Reader {
        match &self.reader {
            Source::Own(reader) => &**reader,
            Source::Lent(reader) => *reader,
        }
    }

    fn index(&self) -> Option<&Index> {
        let load = || self.forgive(Index::load(self.mailbox, self.reader()).transpose());
        self.index.get_or_init(load).as_ref()
    }

    fn answer(&self, index: &Index, field: Asking, text: &str) -> Option<Rc<Answer>> {
        let mut answers = self.answers.borrow_mut();
        let known = answers.iter().find(|(q, _)| q.field == field && q.text == text);
        if let Some((_, answer)) = known {
            return answer.clone();
        }
        let answer = self.forgive(Some(self.find(index, field, text))).map(Rc::new);
        if answers.len() == MAX_ANSWERS {
            answers.remove(0);
        }
        answers.push((Question { field, text: text.to_owned() }, answer.clone()));
        answer
    }

    /// A damaged index is as good as none.
    fn forgive<T>(&self, result: Option<Result<T>>) -> Option<T> {
        match result? {
            Ok(value) => Some(value),
            Err(error) => {
                let mailbox = self.mailbox.number().0;
                tracing::warn!(mailbox, %error, "messages are searched without the full-text index");
                None
            }
        }
    }

    fn find(&self, index: &Index, field: Asking, text: &str) -> Result<Answer> {
        let (asked, places) = match field {
            Asking::Imap(Field::Parts) => (Asked::casemap(text), PARTS),
            Asking::Imap(Field::Whole) => (Asked::casemap(text), PARTS | HEADER),
            Asking::Plain { low, high } => {
                // What is found with regard to case is found without it.
                let level = FuzzyLevel { low, high };
                let caseless = FuzzyLevel { low, high: high | FuzzyLevel::IGNORE_CASE };
                let ignores = high & (FuzzyLevel::IGNORE_CASE | FuzzyLevel::LOOSE) != 0;
                let exact = ignores && level.low == FuzzyLevel::SUBSTRING;
                let text = fold::readable(text.as_bytes());
                (Asked::folded(&text, Form::of(caseless), exact), PLAIN)
            }
        };
        let mut parts = Vec::with_capacity(index.state.segments.len());
        for (segment, opaque) in index.state.segments.iter().zip(&index.opaque) {
            parts.push(self.look(segment, opaque, &asked, places)?);
        }
        Ok(Answer(parts))
    }

    fn look(
        &self,
        segment: &Segment,
        opaque: &[(u16, u8)],
        asked: &Asked,
        places: u8,
    ) -> Result<Verdicts> {
        let bound = segment.messages as usize;
        let unknown = opaque.iter().filter(|(_, of)| of & places != 0).map(|(at, _)| *at);
        if asked.pieces.is_empty() {
            let mut found = Set::new(bound);
            (0..bound).for_each(|number| {
                found.insert(number);
            });
            return Ok(Verdicts { found, certain: None });
        }
        let mut sets = vec![Set::new(bound); asked.pieces.len()];
        segment::search(self.mailbox, self.reader(), segment, asked, places, &mut sets)?;
        let mut sets = sets.into_iter();
        let mut found = sets.next().unwrap_or_else(|| Set::new(bound));
        sets.for_each(|set| found.keep(&set));
        let certain = asked.exact.then(|| found.clone());
        unknown.for_each(|number| {
            found.insert(usize::from(number));
        });
        Ok(Verdicts { found, certain })
    }
}

impl Index {
    fn load(mailbox: &Mailbox, reader: &dyn Reader) -> Result<Option<Index>> {
        let Some(state) = State::stored(mailbox, reader)? else { return Ok(None) };
        let mut messages = Vec::with_capacity(state.messages() as usize);
        let mut opaque = Vec::with_capacity(state.segments.len());
        for (part, segment) in state.segments.iter().enumerate() {
            let dropped = segment::dropped(mailbox, reader, segment)?;
            let mut unknown = Vec::new();
            let entries = segment::messages(mailbox, reader, segment)?;
            for (number, entry) in entries.iter().enumerate().filter(|(at, _)| !dropped.has(*at)) {
                messages.push((entry.id, part as u16, number as u16));
                if entry.opaque != 0 {
                    unknown.push((number as u16, entry.opaque));
                }
            }
            opaque.push(unknown);
        }
        messages.sort_unstable();
        if messages.windows(2).any(|two| two[0].0 == two[1].0) {
            return Err(StoreError::Corrupt(
                "the full-text index: a message stands in it twice".into(),
            ));
        }
        Ok(Some(Index { state, messages, opaque }))
    }
}
