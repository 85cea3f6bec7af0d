//! Kill -9 and the loss of power in the middle of everything that a store does: what was acknowledged is
//! there, and nothing is there by half.
//!
//! The program that is killed runs under the file layer that forgets; in half of the runs what it had not
//! made durable is dropped as well. Six runs by default; `COFFER_CRASH_RUNS=50`, or `cargo xtask crash`, for
//! as many as one likes, and `COFFER_CRASH_KIND=kill` or `power` for one half alone.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::Duration;

use testsuite::Result;
use testsuite::crash::found::read_all;
use testsuite::crash::model::{Model, Story};
use testsuite::crash::{PASSWORD, USER, check, make_account, open_store};
use testsuite::forget::{Fault, Layer, Loss, Lost, is_supported};
use testsuite::letter::{Letter, Random};

/// Acknowledgements before the kill, at least.
const LEAST: u64 = 100;

/// The one directory that the database does not sync when it makes files in it, before it refers to them.
/// ext4, XFS and Btrfs make the name of a new file durable with the file (docs/durability.md).
pub const UNSYNCED: &str = "blobs";

#[derive(Default)]
struct Totals {
    acknowledged: u64,
    dropped: Lost,
}

#[test]
fn acknowledged_changes_survive_kills_and_power_loss() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let runs = match std::env::var("COFFER_CRASH_RUNS") {
        Ok(runs) => runs.parse()?,
        Err(_) => 6,
    };
    let kind = std::env::var("COFFER_CRASH_KIND").unwrap_or_default();
    let seed = match std::env::var("COFFER_CRASH_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => random_seed()?,
    };
    let mut totals = Totals::default();
    for run in 0..runs {
        let power = match kind.as_str() {
            "kill" => false,
            "power" => true,
            _ => run % 2 == 1,
        };
        let told = format!("run {run} of {runs}, seed {}", seed + run);
        one_run(power, seed + run, &told, &mut totals).map_err(|error| {
            format!("{told}, {}: {error}", if power { "power" } else { "kill" })
        })?;
    }
    println!(
        "{runs} runs: {} acknowledged; {} bytes and {} names dropped",
        totals.acknowledged, totals.dropped.bytes, totals.dropped.names
    );
    Ok(())
}

/// The same over HTTP: the server is killed, and its clients say what it acknowledged.
#[test]
fn what_a_server_acknowledged_survives() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let runs = std::env::var("COFFER_CRASH_HTTP_RUNS").ok().map(|runs| runs.parse()).transpose()?;
    let seed = random_seed()?;
    let kind = std::env::var("COFFER_CRASH_KIND").unwrap_or_default();
    for run in 0..runs.unwrap_or(2) {
        let power = match kind.as_str() {
            "kill" => false,
            "power" => true,
            _ => run % 2 == 1,
        };
        let told = format!("HTTP, run {run}, seed {}", seed + run);
        over_http(power, seed + run, &told).map_err(|error| format!("{told}: {error}"))?;
    }
    Ok(())
}

fn over_http(power: bool, seed: u64, told: &str) -> Result {
    let mut random = Random(seed);
    let dir = tempfile::tempdir()?;
    let mut layer = Layer::new(dir.path())?;
    layer.names_come_with_syncs_in(UNSYNCED);
    if power {
        layer.pretend_syncs(random.below(1000) as u32);
    }
    let Some(mut server) = Served::start(&mut layer)? else { return Ok(()) };
    let mut saver = std::process::Command::new(env!("CARGO_BIN_EXE_saver"))
        .args([&server.url, &seed.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(saver.stdout.take().ok_or("no output")?).lines();
    let complaints = saver.stderr.take().ok_or("no errors")?;
    let complaints = std::thread::spawn(move || std::io::read_to_string(complaints));
    let heard = hear(&layer, lines, &mut server.child, &mut random);
    saver.wait()?;
    // The clients end because the server does. One that is there still would wait for ever for a step of its files
    // at which it is to be killed.
    let Some(status) = ended(&mut server.child)? else {
        server.kill()?;
        let complaints = complaints.join().map_err(|_| "the reader panicked")??;
        heard?;
        return Err(format!("the clients ended by themselves: {complaints}").into());
    };
    let story = heard?;
    if status.signal() != Some(libc::SIGKILL) {
        return Err(format!("the server ended with {status}").into());
    }
    layer.control().disarm();
    let loss = if power { Loss::draw(&mut random) } else { Loss::Nothing };
    let lost = layer.lose(loss).map_err(|error| format!("{loss:?}: {error}"))?;
    look(&layer.root().join("data"), &story).map_err(|error| format!("{loss:?}: {error}"))?;
    println!(
        "{told}: {loss:?}, {} acknowledged, {} bytes and {} names not durable",
        story.acknowledgements(),
        lost.bytes,
        lost.names
    );
    Ok(())
}

/// How a program ended, if it does within a while.
fn ended(child: &mut Child) -> Result<Option<std::process::ExitStatus>> {
    for _ in 0..1_500 {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

/// `coffer serve` under the layer, with the account of the crash tests.
pub struct Served {
    pub child: Child,
    pub url: String,
}

impl Served {
    /// None if there is no coffer program.
    pub fn start(layer: &mut Layer) -> Result<Option<Served>> {
        let Some(coffer) = super::resume::coffer() else {
            println!("skipped: there is no coffer program beside the tests (cargo build)");
            return Ok(None);
        };
        let data = layer.root().join("data");
        {
            let store = open_store(&data, 32 << 20)?;
            make_account(&store, Some(PASSWORD))?;
            store.close()?;
        }
        layer.settle()?;
        let mut child = layer
            .command(coffer)
            .arg("--data")
            .arg(&data)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(["--memory-budget", "48"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let url = loop {
            let line = lines.next().ok_or("the server did not say where it is")??;
            if let Some(url) = line.strip_prefix("MAPI/HTTP") {
                break url.trim().trim_end_matches("/mapi/emsmdb/").to_owned();
            }
        };
        // What it says later must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Some(Served { child, url }))
    }

    pub fn kill(mut self) -> Result {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// A detector that cannot fail proves nothing: on a disk that loses what it said was synced, the same test
/// finds what is missing.
#[test]
fn a_disk_that_lies_about_syncs_is_found_out() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let seed = random_seed()?;
    let dir = tempfile::tempdir()?;
    let mut layer = Layer::new(dir.path())?;
    let mut random = Random(seed);
    let first = kill_in_the_middle(&layer, seed, 32 << 20, &mut random)?;
    layer.lose(Loss::Nothing)?;
    // Now the store is there, and what comes next is not.
    let data = layer.root().join("data");
    look(&data, &first)?;
    let before = read_all(&open_store(&data, 32 << 20)?)?;
    layer.settle()?;
    let story = kill_in_the_middle(&layer, seed + 1, 32 << 20, &mut random)?;
    layer.distrust_syncs();
    layer.lose(Loss::All)?;
    let found = read_all(&open_store(&data, 32 << 20)?)?;
    assert_eq!(found, before);
    let faults = story.faults(&found);
    let missing = faults.iter().filter(|fault| fault.ends_with("is missing")).count();
    assert!(missing > 50, "{faults:#?}");
    Ok(())
}

fn random_seed() -> Result<u64> {
    let mut seed = [0; 4];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut seed))?;
    Ok(u64::from(u32::from_le_bytes(seed)))
}

fn one_run(power: bool, seed: u64, told: &str, totals: &mut Totals) -> Result {
    let mut random = Random(seed);
    let dir = tempfile::tempdir()?;
    let mut layer = Layer::new(dir.path())?;
    layer.names_come_with_syncs_in(UNSYNCED);
    if power {
        // A sync takes its time, so that kills come between a write and its sync.
        layer.pretend_syncs(random.below(2000) as u32);
    }
    // The small one flushes and compacts all the time.
    let budget: u64 = if random.below(3) == 0 { 32 << 20 } else { 4 << 20 };
    let data = layer.root().join("data");
    let story = kill_in_the_middle(&layer, seed, budget, &mut random)?;
    let loss = if power { Loss::draw(&mut random) } else { Loss::Nothing };
    let lost = layer.lose(loss).map_err(|error| format!("{loss:?}: {error}"))?;
    look(&data, &story).map_err(|error| format!("{loss:?}: {error}"))?;
    println!(
        "{told}: {loss:?}, {} acknowledged ({:?}), {} bytes and {} names not durable, {} syncs",
        story.acknowledgements(),
        story.counts,
        lost.bytes,
        lost.names,
        lost.syncs
    );
    totals.acknowledged += story.acknowledgements();
    if power {
        totals.dropped.bytes += lost.bytes;
        totals.dropped.names += lost.names;
    }
    Ok(())
}

/// Runs the saver, records what it acknowledges, and kills it at a random moment.
fn kill_in_the_middle(layer: &Layer, seed: u64, budget: u64, random: &mut Random) -> Result<Story> {
    let mut saver = layer
        .command(env!("CARGO_BIN_EXE_saver"))
        .arg(layer.root().join("data"))
        .args([seed.to_string(), budget.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(saver.stdout.take().ok_or("no output")?).lines();
    let story = hear(layer, lines, &mut saver, random)?;
    let status = saver.wait()?;
    layer.control().disarm();
    match status.signal() {
        Some(libc::SIGKILL) => Ok(story),
        _ => Err(format!("the saver ended by itself: {status}").into()),
    }
}

/// Records what is acknowledged, and kills a program at a random moment.
fn hear(
    layer: &Layer,
    lines: impl Iterator<Item = std::io::Result<String>>,
    victim: &mut Child,
    random: &mut Random,
) -> Result<Story> {
    let enough = LEAST + random.below(300);
    let pause = Duration::from_micros(random.below(3000));
    let mut story = Story::new(Model::default());
    let mut killed = false;
    for line in lines {
        story.follow(&line?)?;
        if story.acknowledgements() >= enough && !killed {
            killed = true;
            // What stands in the pipe by then was acknowledged too, and is read on.
            let step = 1 + random.below(50);
            match random.below(4) {
                0 => {
                    std::thread::sleep(pause);
                    victim.kill()?;
                }
                // At most moments everything is synced; so at a step of its files.
                1 => layer.control().arm(Fault::KillBefore, step),
                2 => layer.control().arm(Fault::KillAfter, step),
                _ => layer.control().arm(Fault::KillTorn, step),
            }
        }
    }
    Ok(story)
}

/// Opens the store again: what has to be there is there, whole, and the store goes on where it stopped.
fn look(data: &std::path::Path, story: &Story) -> Result {
    let store = open_store(data, 32 << 20)?;
    let found = read_all(&store)?;
    let faults = story.faults(&found);
    if !faults.is_empty() {
        return Err(format!("{} faults: {faults:#?}", faults.len()).into());
    }
    check(&store)?;
    let session = mapi_session::Session::logon(mapi_session::Profile::new(
        mapi_session::Loopback::open(store.clone(), USER)?,
    ))?;
    Letter::new(1).save(&session.open_default_msg_store()?.inbox()?)?;
    session.logoff()?;
    store.close()?;
    Ok(())
}
