//! Random damage: nothing panics, what was not damaged stays as it is, and two repairs leave only what they
//! said that they could not mend.

use std::collections::BTreeSet;

use store::check::Report;
use store::engine::Space;

use super::fixture::{Fixture, id_of};

/// A small generator, so that a seed names a run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

#[test]
fn any_damage_ends_in_an_answer() {
    let seeds: u64 = std::env::var("CHECK_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    for seed in 1..=seeds {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let fixture = Fixture::new();
    let before = fixture.messages();
    let all: Vec<(Space, Vec<u8>)> = Space::ALL
        .into_iter()
        .flat_map(|space| fixture.keys(space, b"").into_iter().map(move |key| (space, key)))
        .collect();
    let mut touched = BTreeSet::new();
    // Large values and names of properties are of several messages.
    let mut shared = false;
    for _ in 0..1 + random.below(12) {
        let (space, key) = &all[random.below(all.len())];
        shared |= *space == Space::Blobs;
        shared |= *space == Space::Mailbox && key.get(8) == Some(&0x04);
        // A message is damaged by its own records, and by the summary that names it.
        if *space == Space::Mailbox && matches!(key.get(8), Some(0x20 | 0x22)) {
            touched.insert(id_of(key).to_string());
        }
        if *space == Space::Mailbox && matches!(key.get(8), Some(0x21 | 0x23)) {
            touched.insert(id_of(&key[key.len() - 17..]).to_string());
        }
        match random.below(5) {
            0 => fixture.delete(*space, key),
            1 | 2 if fixture.engine.corrupt(*space, key) => {}
            _ => {
                let Ok(Some(value)) = store::engine::Reader::get(&*fixture.engine, *space, key)
                else {
                    continue;
                };
                let mut value = value.to_vec();
                match random.below(3) {
                    0 => value.truncate(random.below(value.len())),
                    _ if value.is_empty() => value.push(7),
                    _ => {
                        let at = random.below(value.len());
                        value[at] ^= 1 << random.below(8);
                    }
                }
                fixture.put(*space, key, value);
            }
        }
    }
    let _ = fixture.check();
    fixture.repair();
    let second = fixture.repair();
    let left = fixture.check();
    assert_eq!(names(&left), names(&second), "seed {seed}: {:#?}", left.left_in_words());
    for problem in second.problems.iter().filter(|problem| !problem.repaired) {
        assert!(problem.left.is_some(), "seed {seed}: {problem}");
    }
    let now = fixture.messages();
    for (id, print) in before.iter().filter(|(id, _)| !touched.contains(*id)) {
        match now.get(id) {
            // Of a folder whose record is gone, of a lost large value and of a lost name more is lost than a record.
            Some(_) if shared => {}
            Some(now) => assert!(same(print, now), "seed {seed}: {id}:\n{print}\n{now}"),
            None => panic!("seed {seed}: message {id} is gone"),
        }
    }
}

/// Whether a message has the same content; its place may be another, if its folder was lost.
fn same(before: &str, after: &str) -> bool {
    let content = |text: &str| text.split_once("body: ").map(|(_, body)| body.to_owned());
    content(before) == content(after)
}

fn names(report: &Report) -> BTreeSet<String> {
    report
        .problems
        .iter()
        .filter(|p| !p.repaired)
        .map(|p| format!("{} {:?}", p.what.code(), p.record))
        .collect()
}
