//! Kill -9 in the middle of saves and imports: what was acknowledged is there, and nothing is there by
//! half.
//!
//! Half of the runs also drop what was written and not synced, as the loss of power does. Six runs by
//! default; `COFFER_CRASH_RUNS=50`, or `cargo xtask crash`, for as many as one likes.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use mapi::{MessageId, tags};
use mapi_session::{Loopback, Profile, Session};
use store::engine::power_loss::{self, Loss};
use testsuite::Result;
use testsuite::crash::{USER, open_store};
use testsuite::letter::{Letter, Random};

/// Acknowledgements before the kill, at least.
const LEAST: u64 = 100;

#[test]
fn acknowledged_messages_survive_kills_and_power_loss() -> Result {
    let runs = match std::env::var("COFFER_CRASH_RUNS") {
        Ok(runs) => runs.parse()?,
        Err(_) => 6,
    };
    let mut seed = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut seed))?;
    let seed = u64::from_le_bytes(seed);
    for run in 0..runs {
        let told = format!("run {run} of {runs}, seed {seed}");
        one_run(run, &mut Random(seed.wrapping_add(run)), &told)
            .map_err(|error| format!("{told}: {error}"))?;
    }
    Ok(())
}

fn one_run(run: u64, random: &mut Random, told: &str) -> Result {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    let how = if run.is_multiple_of(2) { "save" } else { "import" };
    let power = run % 4 >= 2;
    let acknowledged = kill_in_the_middle(&data, how, power, random)?;
    let mut lost = 0;
    if power {
        let loss = match random.below(4) {
            0 => Loss::Zeros,
            1 => Loss::Cut,
            2 => Loss::Torn(random.draw()),
            _ => Loss::Garbage(random.draw()),
        };
        lost = power_loss::apply(&data, loss)?.unsynced_bytes;
    }
    let found = read_all(&data)?;
    let missing: Vec<u64> =
        acknowledged.iter().copied().filter(|number| !found.contains_key(number)).collect();
    if !missing.is_empty() {
        return Err(
            format!("{} acknowledged letters are missing: {missing:?}", missing.len()).into()
        );
    }
    println!(
        "{told}: {how}, {} acknowledged, {} there, {lost} unsynced bytes dropped",
        acknowledged.len(),
        found.len()
    );
    Ok(())
}

/// Runs the saver, records what it acknowledges, and kills it at a random moment.
fn kill_in_the_middle(
    data: &Path,
    how: &str,
    power: bool,
    random: &mut Random,
) -> Result<HashSet<u64>> {
    let mut saver = Command::new(env!("CARGO_BIN_EXE_saver"))
        .arg(data)
        .args([how, if power { "recorded" } else { "plain" }])
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(saver.stdout.take().ok_or("no output")?).lines();
    let enough = LEAST + random.below(150);
    let pause = std::time::Duration::from_micros(random.below(3000));
    let mut acknowledged = HashSet::new();
    let mut killed = false;
    for line in lines {
        acknowledged.insert(line?.parse()?);
        if acknowledged.len() as u64 >= enough && !killed {
            std::thread::sleep(pause);
            if power {
                await_write(data);
            }
            // SIGKILL. What stands in the pipe by then was acknowledged too, and is read on.
            saver.kill()?;
            killed = true;
        }
    }
    let status = saver.wait()?;
    if !killed {
        return Err(format!("the saver ended by itself: {status}").into());
    }
    Ok(acknowledged)
}

/// Waits until the engine writes to its journal, so that a kill finds the sync after it not done: most
/// moments have nothing unsynced, and would show nothing.
fn await_write(data: &Path) {
    let written = || {
        let files = std::fs::read_dir(data.join("engine")).into_iter().flatten().flatten();
        let journals = files.filter(|file| file.path().extension().is_some_and(|e| e == "jnl"));
        journals.filter_map(|file| file.metadata().ok()?.modified().ok()).max()
    };
    let before = written();
    // A bound, in case that nothing is written any more.
    for _ in 0..100_000 {
        if written() != before {
            return;
        }
    }
}

/// Opens the store again and reads every letter in it: each is whole, and there once.
fn read_all(data: &Path) -> Result<HashMap<u64, MessageId>> {
    let store = open_store(data, false)?;
    let session = Session::logon(Profile::new(Loopback::open(store.clone(), USER)?))?;
    let inbox = session.open_default_msg_store()?.inbox()?;
    let table = inbox.contents_table()?.with_columns(&[tags::SUBJECT, tags::MID])?;
    let mut found = HashMap::new();
    for row in table.rows() {
        let row = row?;
        let subject = row.text(tags::SUBJECT).ok_or("a row without a subject")?;
        let number =
            Letter::number_of(&subject).ok_or_else(|| format!("the subject {subject:?}"))?;
        let id = MessageId::from_i64(row.integer(tags::MID).ok_or("a row without an id")?);
        if found.insert(number, id).is_some() {
            return Err(format!("letter {number} is there twice").into());
        }
        if let Some(fault) = Letter::new(number).fault(&inbox.open_message(id)?)? {
            return Err(format!("letter {number} is not whole: {fault}").into());
        }
    }
    // The store goes on where it stopped.
    Letter::new(u64::MAX).save(&inbox)?;
    session.logoff()?;
    store.close()?;
    Ok(found)
}
