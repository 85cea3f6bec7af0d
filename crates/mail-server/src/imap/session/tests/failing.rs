//! What a client is answered when the disk is not: each line whole, and the tagged one last.

use store::engine::{Fault, Faults, FaultyEngine, MemoryEngine};

use super::*;

#[test]
fn a_disk_that_fails_leaves_no_half_line_and_news_come_later() {
    let faults = Faults::default();
    let engine = FaultyEngine::new(Arc::new(MemoryEngine::new()), faults.clone());
    let store = Store::with_engine(Arc::new(engine), StoreOptions::default()).expect("a store");
    let new = NewAccount { address: "me@example.test".into(), ..NewAccount::default() };
    store.create_account(&new).expect("an account");
    let mut talk = Talk::with(&store);
    for _ in 0..2 {
        talk.append("$Keyword");
    }
    talk.say("ENABLE CONDSTORE");
    talk.say("SELECT INBOX");
    let mut other = talk.other();
    other.say("SELECT INBOX");
    let commands = [
        "STORE 1:2 +FLAGS (\\Flagged)",
        "UID STORE 1:2 FLAGS.SILENT (Another)",
        "FETCH 1:2 (FLAGS BODY.PEEK[])",
        "STATUS INBOX (MESSAGES DELETED SIZE UNSEEN)",
        "LIST \"\" \"*\" RETURN (STATUS (SIZE DELETED))",
        "UID SEARCH RETURN (COUNT) BODY hello",
        "NOOP",
    ];
    let mut failed = 0;
    for command in commands {
        for step in 0.. {
            // There is something to be told beside.
            other.say("STORE 1 -FLAGS.SILENT (\\Answered $Keyword)");
            other.say(&format!("STORE 2 FLAGS.SILENT (\\Answered Word{step})"));
            let struck = faults.struck();
            faults.arm(Fault::Io, step);
            let answer = talk.say(command);
            faults.disarm();
            let lines: Vec<_> = answer.strip_suffix("\r\n").expect(&answer).split("\r\n").collect();
            assert!(lines.last().is_some_and(|last| last.starts_with("a ")), "{command}: {answer}");
            if !answer.contains("FETCH (FLAGS") {
                let told = |line: &&str| {
                    line.starts_with("* ") && line.matches('(').count() == line.matches(')').count()
                };
                assert!(lines[..lines.len() - 1].iter().all(told), "{command}: {answer}");
            }
            if faults.struck() == struck {
                assert!(step > 0, "{command} asks for nothing");
                break;
            }
            failed += 1;
            // What it was not told it is told next.
            let told = answer + &talk.say("NOOP");
            let news = format!("Word{step}");
            assert!(told.contains(&news) || command.contains("STORE"), "{command}, {step}: {told}");
        }
    }
    assert!(failed > 30, "{failed} faults");
}
