//! The file layer that forgets, tested by itself: a program that does to files what it is told, and what is
//! left of that after a loss.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use testsuite::Result;
use testsuite::forget::{Fault, Layer, Loss, is_supported};

struct Scribe {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Scribe {
    fn start(layer: &Layer) -> Result<Scribe> {
        let mut child = layer
            .command(env!("CARGO_BIN_EXE_scribe"))
            .current_dir(layer.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Scribe { child, to, from })
    }

    /// The answer to a line; empty if the program died of it.
    fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.to, "{line}")?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    fn told(&mut self, lines: &[&str]) -> Result {
        for line in lines {
            match self.ask(line)?.as_str() {
                "done" => {}
                answer => return Err(format!("{line}: {answer}").into()),
            }
        }
        Ok(())
    }

    fn kill(mut self) -> Result {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// What is below a directory: paths, and the content of files.
fn tree(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(name + "/", Vec::new());
                directories.push(path);
            } else {
                found.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// A script, a loss, and what is left.
fn left(script: &[&str], loss: Loss) -> Result<BTreeMap<String, Vec<u8>>> {
    let root = tempfile::tempdir()?;
    std::fs::write(root.path().join("old"), "old")?;
    let mut layer = Layer::new(root.path())?;
    let mut scribe = Scribe::start(&layer)?;
    scribe.told(script)?;
    scribe.kill()?;
    layer.lose(loss)?;
    tree(layer.root())
}

fn expect(script: &[&str], loss: Loss, expected: &[(&str, &str)]) -> Result {
    let expected = expected.iter().map(|(name, content)| ((*name).into(), (*content).into()));
    let expected: BTreeMap<String, Vec<u8>> = expected.collect();
    assert_eq!(left(script, loss)?, expected, "{script:?}, {loss:?}");
    Ok(())
}

#[test]
fn what_was_not_synced_is_lost() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let old = ("old", "old");
    let make = "make new";
    let write = "write new 0 3 x";
    expect(&[make, write], Loss::All, &[old])?;
    expect(&[make, write], Loss::Nothing, &[("new", "xxx"), old])?;
    // The file's sync does not make its name durable, and the directory's not its bytes.
    expect(&[make, write, "sync new"], Loss::All, &[old])?;
    expect(&[make, write, "sync ."], Loss::All, &[("new", ""), old])?;
    expect(&[make, write, "sync new", "sync ."], Loss::All, &[("new", "xxx"), old])?;
    let all = ["mkdir sub", "make sub/a", "append sub/a 2 a", "syncfs .", "append sub/a 2 b"];
    expect(&all, Loss::All, &[old, ("sub/", ""), ("sub/a", "aa")])?;
    // Nothing that came after the sync.
    let more = ["sync new", "sync .", "write new 1 1 y", "append new 2 z"];
    let script = [&[make, write][..], &more].concat();
    expect(&script, Loss::All, &[("new", "xxx"), old])?;
    expect(&script, Loss::Nothing, &[("new", "xyxzz"), old])?;
    expect(&script, Loss::Zeros, &[("new", "x\0x\0\0"), old])?;
    expect(&["append old 2 x", "cut old 1"], Loss::All, &[old])?;
    expect(&["append old 2 x", "cut old 1", "sync old"], Loss::All, &[("old", "o")])?;
    expect(&["allocate old 5", "sync old"], Loss::All, &[("old", "old\0\0")])?;
    expect(&["copy old new", "sync new", "sync ."], Loss::All, &[("new", "old"), old])
}

#[test]
fn names_come_and_go_with_their_directory() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let old = ("old", "old");
    expect(&["remove old"], Loss::All, &[old])?;
    expect(&["remove old", "sync ."], Loss::All, &[])?;
    expect(&["rename old new"], Loss::All, &[old])?;
    expect(&["rename old new", "sync ."], Loss::All, &[("new", "old")])?;
    expect(&["link old new", "sync .", "remove old"], Loss::All, &[("new", "old"), old])?;
    expect(&["mkdir sub", "rename old sub/new"], Loss::All, &[old])?;
    // A rename reaches the disk whole, whichever of its directories is synced.
    let sub = ("sub/", "");
    let moved = ["mkdir sub", "sync .", "rename old sub/new"];
    expect(&moved, Loss::All, &[old, sub])?;
    expect(&[&moved[..], &["sync sub"]].concat(), Loss::All, &[sub, ("sub/new", "old")])?;
    expect(&[&moved[..], &["sync ."]].concat(), Loss::All, &[sub, ("sub/new", "old")])?;
    // A directory without a durable name takes what is in it along.
    expect(&["mkdir sub", "make sub/a", "sync sub"], Loss::All, &[old])?;
    expect(&["mkdir sub", "make sub/a", "sync sub", "clear sub"], Loss::All, &[old])?;
    let cleared = ["mkdir sub", "make sub/a", "sync sub", "sync .", "clear sub"];
    expect(&cleared, Loss::All, &[old, sub, ("sub/a", "")])?;
    expect(&[&cleared[..], &["sync ."]].concat(), Loss::All, &[old])?;
    // An inode number that is used again is another file.
    let again = ["remove old", "make a", "append a 1 a", "remove a", "make b", "append b 1 b"];
    expect(&again, Loss::All, &[old])?;
    expect(&[&again[..], &["sync b", "sync ."]].concat(), Loss::All, &[("b", "b")])?;
    // Renames by system calls that no library function makes are seen too.
    expect(&["replace old 2 n"], Loss::All, &[old])?;
    expect(&["replace old 2 n", "sync ."], Loss::All, &[("old", "nn")])
}

#[test]
fn what_is_kept_at_random_is_some_state_of_each_part() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let script = [
        "make new",
        "write new 0 8192 a",
        "sync new",
        "sync .",
        "write new 0 8192 b",
        "write new 4096 4096 c",
        "rename old older",
        "make other",
    ];
    let mut seen = std::collections::HashSet::new();
    for seed in 0..40 {
        for (loss, sector) in [(Loss::Pages(seed), 4096), (Loss::Sectors(seed), 512)] {
            let left = left(&script, loss)?;
            let new = &left["new"];
            assert_eq!(new.len(), 8192);
            for (number, part) in new.chunks(sector).enumerate() {
                let second = number * sector >= 4096;
                let whole = part.iter().all(|byte| *byte == part[0]);
                assert!(whole, "a sector of two writes");
                assert!(matches!((part[0], second), (b'a' | b'b', _) | (b'c', true)));
            }
            // The rename is there whole or not at all.
            assert_ne!(left.contains_key("old"), left.contains_key("older"));
            seen.insert((new[0], new[4096], left.contains_key("old"), left.contains_key("other")));
            let again = self::left(&script, loss)?;
            assert_eq!(left, again, "a seed gives the same loss");
        }
    }
    assert!(seen.len() > 10, "only {seen:?}");
    Ok(())
}

#[test]
fn a_fault_comes_at_its_step() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let root = tempfile::tempdir()?;
    let mut layer = Layer::new(root.path())?;
    let mut scribe = Scribe::start(&layer)?;
    scribe.told(&["make a", "sync ."])?;
    let error = |code: i32| std::io::Error::from_raw_os_error(code).to_string();

    layer.control().arm(Fault::Fail, 2);
    scribe.told(&["write a 0 4 x"])?;
    assert_eq!(scribe.ask("write a 0 4 y")?, error(libc::EIO));
    scribe.told(&["write a 4 4 z"])?;
    assert_eq!((layer.control().steps(), layer.control().fired()), (3, 1));

    // What a failed sync was to make durable is not, even if a later one succeeds.
    layer.control().arm(Fault::Fail, 1);
    assert_eq!(scribe.ask("sync a")?, error(libc::EIO));
    scribe.told(&["write a 6 4 w", "sync a"])?;

    // The caller goes on with the rest of a write that was cut short.
    layer.control().arm(Fault::Short, 1);
    scribe.told(&["append a 10 s"])?;
    assert_eq!(layer.control().steps(), 2);

    layer.control().arm(Fault::FullOn, 2);
    scribe.told(&["append a 1 t"])?;
    for line in ["append a 1 t", "make b", "mkdir b", "allocate a 100"] {
        assert_eq!(scribe.ask(line)?, error(libc::ENOSPC), "{line}");
    }
    assert_eq!(scribe.ask("free .")?, "0");
    scribe.told(&["cut a 20", "sync a", "rename a c"])?;
    layer.control().disarm();
    scribe.told(&["make b", "remove b"])?;
    assert_ne!(scribe.ask("free .")?, "0");
    scribe.kill()?;
    layer.lose(Loss::All)?;
    let kept = [&[0; 6][..], b"wwwwsssssssss", b"s"].concat();
    assert_eq!(tree(layer.root())?, [("a".to_owned(), kept)].into());

    for (fault, at, expected) in [
        (Fault::KillBefore, 2, &b"1111"[..]),
        (Fault::KillAfter, 2, b"2222"),
        (Fault::KillTorn, 2, b"2211"),
    ] {
        layer.reset(&testsuite::forget::Image::read(tempfile::tempdir()?.path())?)?;
        let mut scribe = Scribe::start(&layer)?;
        layer.control().disarm();
        scribe.told(&["make a"])?;
        layer.control().arm(fault, at);
        scribe.told(&["write a 0 4 1"])?;
        assert_eq!(scribe.ask("write a 0 4 2")?, "", "{fault:?}");
        scribe.kill()?;
        layer.lose(Loss::Nothing)?;
        assert_eq!(tree(layer.root())?, [("a".to_owned(), expected.to_vec())].into());
    }
    Ok(())
}

#[test]
fn a_full_disk_has_room_again_when_something_goes() -> Result {
    if !is_supported() {
        return Ok(());
    }
    let root = tempfile::tempdir()?;
    let layer = Layer::new(root.path())?;
    let mut scribe = Scribe::start(&layer)?;
    layer.control().arm_full(1 << 20, 4 << 20);
    scribe.told(&["make a", "write a 0 900000 a"])?;
    let free: u64 = scribe.ask("free .")?.parse()?;
    assert!((50_000..200_000).contains(&free), "{free}");
    let full = std::io::Error::from_raw_os_error(libc::ENOSPC).to_string();
    scribe.told(&["make b"])?;
    assert_eq!(scribe.ask("write b 0 900000 b")?, full);
    assert_eq!(scribe.ask("free .")?.parse::<u64>()? / 4096, 0);
    scribe.told(&["remove a", "write b 0 900000 b"])?;
    scribe.kill()
}
