//! The full-text index, in this process: what it costs to keep, what it takes on disk, and what a search with it
//! takes, of mail whose text compresses to about 45 %.

use std::time::Instant;

use anyhow::ensure;
use store::message::{self, ImportOptions};
use store::text::{self, Field, Searcher};
use store::{Mailbox, NewAccount, Store, StoreOptions};

use crate::Bench;
use crate::figure::{Figure, Span, milliseconds};
use crate::logon::middle;
use crate::mail::letter::{Letters, RARE, RARE_EVERY};
use crate::mailbox::INBOX;
use crate::measure::ProcessClock;
use crate::random::Random;

const NAME: &str = "text";
const BYTES: usize = 10_000;
/// Messages that are looked at without the index.
const LOOKED_AT: usize = 200;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let messages = bench.rounds(2_000, 10_000);
    // As a server has it with the default budget.
    let options = StoreOptions { text_budget: 3 << 20, ..StoreOptions::default() };
    let store = Store::open(&bench.scratch.join("text"), options)?;
    let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    let mailbox = store.mailbox(store.create_account(&new)?.mailbox)?;
    let (common, raw) = fill(&mailbox, messages)?;
    let clock = ProcessClock::of(std::process::id())?;
    let (began, cpu) = (Instant::now(), clock.now()?);
    let done = text::catch_up(&mailbox)?;
    let spent = Span { cpu: clock.now()? - cpu, clock: began.elapsed() };
    ensure!(done.complete && done.messages == messages as u64, "{done:?}");
    let share = done.bytes as f64 * 100.0 / raw as f64;
    let size = done.bytes as f64 / messages as f64;
    let mut figures = vec![
        Figure::time(NAME, "a message of 10 kB is indexed", spent.each(messages))
            .note("with its share of merges"),
        Figure::new(NAME, "index of a message of 10 kB", size, "bytes")
            .note(format!("{share:.1} % of the raw size")),
    ];
    let rare = messages / RARE_EVERY;
    for (what, text, expected) in [
        ("a rare word", RARE, Some(rare)),
        ("a part of a rare word", "zalcoa", Some(rare)),
        ("a common word", &*common, None),
        ("a part of a common word", &common[1..], None),
        ("a word that no message has", "xyzzyx", Some(0)),
    ] {
        let mut spans = Vec::new();
        let mut found = 0;
        for _ in 0..bench.rounds(5, 15) {
            let (began, cpu) = (Instant::now(), clock.now()?);
            found = search(&mailbox, text)?;
            spans.push(Span { cpu: clock.now()? - cpu, clock: began.elapsed() });
        }
        ensure!(expected.is_none_or(|expected| expected == found), "{what}: {found}");
        let name = format!("search of bodies, {what}");
        let figure =
            Figure::time(NAME, name, middle(&spans)).note(format!("{found} of {messages}"));
        figures.push(if expected.is_some() { figure.at_most(20.0) } else { figure });
    }
    let listed = message::list(&mailbox, INBOX)?;
    let began = Instant::now();
    for listed in listed.iter().take(LOOKED_AT) {
        message::received(&mailbox, listed.id)?;
    }
    let each = milliseconds(began.elapsed()) / LOOKED_AT as f64;
    figures.push(Figure::new(NAME, "a message is read, as without the index", each, "ms"));
    store.close()?;
    Ok(figures)
}

/// As IMAP searches a mailbox; all has to be decided by the index.
fn search(mailbox: &Mailbox, text: &str) -> anyhow::Result<usize> {
    let searcher = Searcher::open(mailbox)?;
    let mut found = 0;
    for listed in message::list(mailbox, INBOX)? {
        let has = searcher.has(Field::Parts, text, listed.id, listed.sequence);
        found += usize::from(has.ok_or_else(|| anyhow::anyhow!("a message is not decided"))?);
    }
    Ok(found)
}

/// Gives a word that many messages have, and the bytes of all.
fn fill(mailbox: &Mailbox, messages: usize) -> anyhow::Result<(String, usize)> {
    let mut letters = Letters::new(2, BYTES);
    let mut random = Random::new(1);
    // Of two syllables or so.
    let common = std::iter::repeat_with(|| random.word()).find(|word| word.len() == 5);
    let mut raw = 0;
    for _ in 0..messages {
        let mail = letters.next();
        raw += mail.len();
        let content = formats::mime::read(mail.as_bytes())?;
        message::import(mailbox, INBOX, content, &ImportOptions::default())?;
    }
    Ok((common.unwrap_or_default(), raw))
}
