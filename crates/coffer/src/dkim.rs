//! `coffer dkim`: keys with which mail is signed. They are files, so a server at work needs not be asked.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use mail_server::dkim::keys::{self, Algorithm, Domain, Key, Selector};
use serde_json::json;

use crate::cli::DkimCommand;

pub fn run(data: &Path, command: &DkimCommand) -> anyhow::Result<u8> {
    if !data.join("FORMAT").exists() {
        bail!(
            "there is no data directory in {}; `coffer user add ADDRESS` makes one",
            data.display()
        );
    }
    let mut out = std::io::stdout().lock();
    match command {
        DkimCommand::Add { domain, selector, ed25519 } => {
            let algorithm = if *ed25519 { Algorithm::Ed25519 } else { Algorithm::Rsa };
            let key = keys::make(data, domain, selector, algorithm)?;
            writeln!(out, "Publish this record; mail of {domain} is signed from now on:\n")?;
            show(&mut out, domain, selector, &key)?;
        }
        DkimCommand::List { json } => {
            let all = keys::list(data).context("list the keys")?;
            if *json {
                let list: Vec<_> = all
                    .iter()
                    .map(|(domain, selector, key)| {
                        json!({
                            "domain": domain.as_str(),
                            "selector": selector.as_str(),
                            "algorithm": key.algorithm().name(),
                            "name": keys::record_name(domain, selector),
                            "record": key.record(),
                        })
                    })
                    .collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
                return Ok(0);
            }
            if all.is_empty() {
                writeln!(out, "no keys; `coffer dkim add DOMAIN` makes one")?;
            }
            for (domain, selector, key) in &all {
                show(&mut out, domain, selector, key)?;
            }
        }
        DkimCommand::Remove { domain, selector } => {
            keys::remove(data, domain, selector)?;
            writeln!(
                out,
                "removed; leave the record {} for some days, until what was signed has arrived",
                keys::record_name(domain, selector)
            )?;
        }
    }
    Ok(0)
}

/// As a zone file has it: a string has at most 255 bytes.
fn show(
    out: &mut impl Write,
    domain: &Domain,
    selector: &Selector,
    key: &Key,
) -> anyhow::Result<()> {
    let record = key.record();
    let strings = record.as_bytes().chunks(250).map(String::from_utf8_lossy);
    let strings: Vec<_> = strings.map(|part| format!("\"{part}\"")).collect();
    writeln!(out, "{}. IN TXT ( {} )", keys::record_name(domain, selector), strings.join(" "))?;
    Ok(())
}
