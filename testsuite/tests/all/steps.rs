//! A fault at every step of every operation: a kill with and without the loss of power, torn and failing
//! writes, failing syncs, a full disk. After a kill the operation is there whole or not at all; after another
//! fault it answered an error or worked all the same, and the store goes on as soon as the fault is over.
//!
//! Some steps of each by default; `COFFER_STEPS=all`, or `cargo xtask crash --steps`, for all of them.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testsuite::Result;
use testsuite::crash::found::read_all;
use testsuite::crash::model::{Model, Story};
use testsuite::crash::steps::{OPERATIONS, look_beside};
use testsuite::crash::{check, make_account, open_store};
use testsuite::forget::{Fault, Image, Layer, Loss, is_supported};
use testsuite::letter::Random;

const FAULTS: [Fault; 7] = [
    Fault::KillBefore,
    Fault::KillAfter,
    Fault::KillTorn,
    Fault::Fail,
    Fault::FailOn,
    Fault::Short,
    Fault::FullOn,
];

/// Long enough for any of these; then the program hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Steps of an operation and a fault beyond which something runs away.
const MOST: u64 = 4000;

#[test]
fn every_step_may_fail() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let all = std::env::var("COFFER_STEPS").is_ok_and(|steps| steps == "all");
    let only = std::env::var("COFFER_STEPS_OF").ok();
    let template = tempfile::tempdir()?;
    let made = Command::new(env!("CARGO_BIN_EXE_stepper"))
        .arg("prepare")
        .arg(template.path().canonicalize()?.join("data"))
        .status()?;
    assert!(made.success(), "prepare: {made}");
    let image = Image::read(template.path())?;
    let before = {
        let store = open_store(&template.path().join("data"), 32 << 20)?;
        read_all(&store)?
    };
    let empty = Image::read(tempfile::tempdir()?.path())?;
    // A directory as an older program left it.
    let older = tempfile::tempdir()?;
    let data = older.path().join("data");
    std::fs::create_dir(&data)?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/1");
    Image::read(&fixture)?.write(&data)?;
    let older_image = Image::read(older.path())?;
    let (older_before, older_messages) = {
        let store = open_store(&data, 32 << 20)?;
        make_account(&store, None)?;
        (read_all(&store)?, check(&store)?)
    };
    assert!(older_messages > 5, "{older_messages} messages in {fixture:?}");

    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let mut cases = Vec::new();
    for (index, operation) in OPERATIONS.into_iter().enumerate().filter(|(_, name)| wanted(name)) {
        // A few of the faults for each; together all of them many times.
        let faults = FAULTS.iter().enumerate();
        let faults = faults.filter(|(fault, _)| all || (fault + index).is_multiple_of(4));
        cases.extend(faults.map(|(_, fault)| (operation, *fault)));
    }
    let cases = Mutex::new(cases.into_iter());
    let (runs, failures) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().map(|mut cases| cases.next());
                    let Ok(Some((operation, fault))) = next else { return };
                    let (image, before, messages) = match operation {
                        "new" => (&empty, Model::default(), 0),
                        "migrate" => (&older_image, older_before.clone(), older_messages),
                        _ => (&image, before.clone(), 0),
                    };
                    let case = Case { operation, fault, image, before, messages };
                    if let Err(error) = case.all_steps(all, &runs)
                        && let Ok(mut failures) = failures.lock()
                    {
                        println!("{operation}, {fault:?}, {error}");
                        failures.push(format!("{operation}, {fault:?}, {error}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    println!("{} runs", runs.into_inner());
    assert!(failures.is_empty(), "{} of them fail: {failures:#?}", failures.len());
    Ok(())
}

struct Case<'a> {
    operation: &'a str,
    fault: Fault,
    image: &'a Image,
    before: Model,
    /// What is in mailboxes that the model does not tell of.
    messages: u64,
}

impl Case<'_> {
    fn all_steps(&self, all: bool, runs: &AtomicU64) -> Result {
        let root = tempfile::tempdir()?;
        let mut layer = Layer::new(root.path())?;
        layer.names_come_with_syncs_in(super::crash::UNSYNCED);
        layer.pretend_syncs(0);
        let mut at = 1;
        while at < MOST {
            layer.reset(self.image)?;
            let reached =
                self.one(&mut layer, at).map_err(|error| format!("step {at}: {error}"))?;
            if !reached {
                println!("{}, {:?}: {} steps", self.operation, self.fault, at - 1);
                return Ok(());
            }
            runs.fetch_add(1, Ordering::Relaxed);
            at += match all {
                true => 1,
                false => at,
            };
        }
        Err("the steps do not end".into())
    }

    /// True if there was such a step.
    fn one(&self, layer: &mut Layer, at: u64) -> Result<bool> {
        let data = layer.root().join("data");
        layer.control().disarm();
        let mut stepper = layer
            .command(env!("CARGO_BIN_EXE_stepper"))
            .arg(self.operation)
            .arg(&data)
            .args([format!("{:?}", self.fault), at.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = stepper.id();
        let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let watching = ended.clone();
        std::thread::spawn(move || {
            for _ in 0..PATIENCE.as_millis() / 50 {
                std::thread::sleep(Duration::from_millis(50));
                if watching.load(Ordering::SeqCst) {
                    return;
                }
            }
            // SAFETY: our child, not waited for yet.
            unsafe { libc::kill(pid as i32, libc::SIGTERM) };
        });
        let (mut said, mut complained) = (String::new(), String::new());
        stepper.stdout.take().ok_or("no output")?.read_to_string(&mut said)?;
        stepper.stderr.take().ok_or("no errors")?.read_to_string(&mut complained)?;
        ended.store(true, Ordering::SeqCst);
        let status = stepper.wait()?;
        let fired = layer.control().fired() > 0;
        // Some faults pass a step by that they do not concern.
        let reached = fired || layer.control().steps() >= at;
        layer.control().disarm();
        let mut story = Story::new(self.before.clone());
        said.lines().try_for_each(|line| story.follow(line))?;
        let kills = matches!(self.fault, Fault::KillBefore | Fault::KillAfter | Fault::KillTorn);
        match (kills && fired, status.signal(), status.success()) {
            (true, Some(libc::SIGKILL), _) | (false, None, true) => {}
            _ => {
                let why = if status.signal() == Some(libc::SIGTERM) { "hung" } else { "ended" };
                return Err(format!("it {why} with {status}: {said}{complained}").into());
            }
        }
        if complained.contains("panicked") {
            return Err(format!("it panicked: {complained}").into());
        }
        // By turns: nothing is lost, everything is, and some of it.
        let loss = match at % 3 {
            0 if kills => Loss::Nothing,
            1 => Loss::All,
            _ => Loss::draw(&mut Random(at)),
        };
        layer.lose(loss)?;
        look(&data, &story, self.messages).map_err(|error| format!("{loss:?}: {error}\n{said}"))?;
        Ok(reached)
    }
}

fn look(data: &Path, story: &Story, messages: u64) -> Result {
    let store = open_store(data, 4 << 20)?;
    // Where the making of the store was interrupted.
    make_account(&store, None)?;
    let faults = story.faults(&read_all(&store)?);
    if !faults.is_empty() {
        return Err(format!("{faults:#?}").into());
    }
    let there = check(&store)?;
    if there < messages {
        return Err(format!("{there} of {messages} messages are there").into());
    }
    look_beside(&store, data, |operation| story.has_done(operation))?;
    store.close()?;
    Ok(())
}
