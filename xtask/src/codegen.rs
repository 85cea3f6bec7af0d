//! `cargo xtask codegen`: the text tables in `crates/mapi/tables` become the Rust tables in
//! `crates/mapi/src/generated`. The generated files are committed, so that a build needs no
//! generator, and `--check` (run in CI) says when they have fallen behind.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Writes every generated file that differs.
pub fn write() -> Result<(), String> {
    for (path, text) in generate()? {
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Fails if a generated file is not what `write` would write.
pub fn check() -> Result<(), String> {
    for (path, text) in generate()? {
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old != text {
            return Err(format!("{} is out of date: run `cargo xtask codegen`", path.display()));
        }
    }
    Ok(())
}

fn generate() -> Result<Vec<(PathBuf, String)>, String> {
    let target = crate::root().join("crates/mapi/src/generated");
    [("tags.rs", tags()?), ("named.rs", named()?), ("errors.rs", errors()?)]
        .into_iter()
        .map(|(file, text)| Ok((target.join(file), format_rust(&text)?)))
        .collect()
}

/// The rows of a table: tab-separated, after a `#` line for the origin and a line of headings.
fn rows<const COLUMNS: usize>(file: &str) -> Result<Vec<[String; COLUMNS]>, String> {
    let path = crate::root().join("crates/mapi/tables").join(file);
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut rows = Vec::new();
    for (number, line) in
        text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).skip(1)
    {
        let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let row: [String; COLUMNS] = cells
            .try_into()
            .map_err(|_| format!("{file}:{}: {COLUMNS} columns expected", number + 1))?;
        rows.push(row);
    }
    if !rows.is_sorted() {
        return Err(format!("{file} is not sorted"));
    }
    Ok(rows)
}

fn tags() -> Result<String, String> {
    let mut constants = Constants::default();
    let mut table = String::new();
    for [tag, canonical, others] in rows::<3>("property-tags.tsv")? {
        let value = hexadecimal(&tag)?;
        let name = match canonical.as_str() {
            "" => preferred(&others),
            name => name,
        };
        writeln!(table, "({}, {name:?}),", grouped(value)).ok();
        if let Some(short) = canonical.strip_prefix("PidTag") {
            let doc = match others.as_str() {
                "" => canonical.clone(),
                others => format!("{canonical} ({})", others.replace(',', ", ")),
            };
            constants.add(
                &screaming(short),
                &doc,
                "PropertyTag",
                &format!("PropertyTag::new({})", grouped(value)),
            )?;
        }
    }
    Ok(format!(
        "{HEAD}//! Property tags of [MS-OXPROPS], from `tables/property-tags.tsv`.\n\n\
         use crate::tag::PropertyTag;\n\n{}\n\
         /// Every known tag with the name to print, sorted by tag.\n\
         pub(crate) const TAGS: &[(u32, &str)] = &[{table}];\n",
        constants.text()
    ))
}

fn named() -> Result<String, String> {
    let mut sets = BTreeMap::new();
    let mut set_constants = Constants::default();
    let mut set_table: BTreeMap<[u8; 16], String> = BTreeMap::new();
    for [name, guid, area] in rows::<3>("property-sets.tsv")? {
        let constant = match name.strip_prefix("PSETID_") {
            Some(short) => format!("PSETID_{}", screaming(short)),
            None => name.clone(),
        };
        let bytes = wire_bytes(&guid)?;
        set_constants.add(
            &constant,
            &format!("{name}: {guid} ({area})."),
            "Guid",
            &format!("Guid({bytes:?})"),
        )?;
        set_table.insert(bytes, format!("({constant}, {name:?}),\n"));
        sets.insert(name, (constant, bytes));
    }
    let mut constants = Constants::default();
    let mut table: BTreeMap<([u8; 16], u32), String> = BTreeMap::new();
    for [set, lid, kind, canonical, others, area] in rows::<6>("named-properties.tsv")? {
        let (constant, bytes) =
            sets.get(&set).ok_or_else(|| format!("the set {set} is not known"))?;
        let lid = hexadecimal(&lid)?;
        let name = match canonical.as_str() {
            "" => preferred(&others),
            name => name,
        };
        // One number may stand there twice, once with the canonical name: that one is printed.
        let line = format!("({constant}, 0x{lid:04X}, {name:?}),\n");
        match canonical.as_str() {
            "" => drop(table.entry((*bytes, lid)).or_insert(line)),
            _ => drop(table.insert((*bytes, lid), line)),
        }
        let Some(short) = canonical.strip_prefix("PidLid") else {
            continue;
        };
        let doc = match area.as_str() {
            "" => canonical.clone(),
            area => format!("{canonical} ({area})."),
        };
        let value = format!(
            "KnownName::new(super::{constant}, 0x{lid:04X}, PropertyType::{})",
            property_type(&kind)?
        );
        constants.add(&screaming(short), &doc, "KnownName", &value)?;
    }
    let set_table: String = set_table.into_values().collect();
    let table: String = table.into_values().collect();
    Ok(format!(
        "{HEAD}//! Property sets and numeric named properties of [MS-OXPROPS], from `tables/property-sets.tsv` and\n\
         //! `tables/named-properties.tsv`.\n\n\
         use crate::guid::Guid;\n\n{}\n\
         /// Every known property set with its name, sorted by its bytes.\n\
         pub(crate) const SETS: &[(Guid, &str)] = &[{set_table}];\n\n\
         /// Every known numeric name with the name to print, sorted by the set's bytes and the LID.\n\
         pub(crate) const NAMES: &[(Guid, u32, &str)] = &[{table}];\n\n\
         /// The numeric named properties that have a canonical PidLid name.\n\
         pub mod lid {{\nuse crate::known::KnownName;\nuse crate::tag::PropertyType;\n\n{}}}\n",
        set_constants.text(),
        constants.text()
    ))
}

fn errors() -> Result<String, String> {
    let mut constants = Constants::default();
    let mut table = String::new();
    for [value, name, others, text] in rows::<4>("error-codes.tsv")? {
        let value = hexadecimal(&value)?;
        let expression = format!("ErrorCode({})", grouped(value));
        let doc = match others.as_str() {
            "" => text,
            others => format!("{text} ({})", others.replace(',', ", ")),
        };
        let constant = screaming(&name);
        constants.add(&constant, &doc, "ErrorCode", &expression)?;
        for alias in others.split(',').filter_map(alias) {
            if !constants.has(&alias, &expression) {
                constants.add(
                    &alias,
                    &format!("The same as [`ErrorCode::{constant}`]."),
                    "ErrorCode",
                    &expression,
                )?;
            }
        }
        let shown = others.split(',').find(|other| other.starts_with("ec")).unwrap_or(&name);
        writeln!(table, "({}, {shown:?}),", grouped(value)).ok();
    }
    Ok(format!(
        "{HEAD}//! Error and warning codes of [MS-OXCDATA] 2.4, from `tables/error-codes.tsv`.\n\n\
         use crate::error::ErrorCode;\n\nimpl ErrorCode {{\n{}}}\n\n\
         /// Every known code with the name to print, sorted by code.\n\
         pub(crate) const ERRORS: &[(u32, &str)] = &[{table}];\n",
        constants.text()
    ))
}

/// Most specifications speak of codes by their `ec` name, and of a few by a second name of
/// [MS-OXCDATA] (2.4.2): those are aliases. Names of C headers are not.
fn alias(other: &str) -> Option<String> {
    let name = match other.strip_prefix("ec") {
        None if other.contains('_') || other.is_empty() => return None,
        None => other,
        Some(short) => short,
    };
    Some(screaming(name))
}

const HEAD: &str = "// Generated by `cargo xtask codegen`: edit the tables, not this file.\n";

/// Constants by name; a name that stands for two values is an error of the tables.
#[derive(Default)]
struct Constants(BTreeMap<String, (String, String)>);

impl Constants {
    fn add(&mut self, name: &str, doc: &str, kind: &str, value: &str) -> Result<(), String> {
        let text = format!("/// {doc}\npub const {name}: {kind} = {value};\n");
        match self.0.insert(name.to_owned(), (value.to_owned(), text)) {
            Some(_) => Err(format!("the constant {name} is defined twice")),
            None => Ok(()),
        }
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|(old, _)| old == value)
    }

    fn text(&self) -> String {
        self.0.values().map(|(_, text)| text.as_str()).collect()
    }
}

/// Among names without a canonical one: a PR_ name if there is one, else the first.
fn preferred(others: &str) -> &str {
    others
        .split(',')
        .find(|name| name.starts_with("PR_"))
        .or(others.split(',').next())
        .unwrap_or(others)
}

/// `InternetCodepage` to `INTERNET_CODEPAGE`, `MDBNotInit` to `MDB_NOT_INIT`, `7BitDisplayName` to
/// `_7_BIT_DISPLAY_NAME`.
fn screaming(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut result = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let starts_word = letter.is_ascii_uppercase() && index > 0 && {
            let after_upper = letters[index - 1].is_ascii_uppercase();
            let before_lower = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
            !after_upper || before_lower
        };
        if starts_word || (index == 0 && letter.is_ascii_digit()) {
            result.push('_');
        }
        result.push(letter.to_ascii_uppercase());
    }
    result
}

fn hexadecimal(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text} is not hexadecimal"))?;
    u32::from_str_radix(digits, 16).map_err(|error| format!("{text}: {error}"))
}

fn grouped(value: u32) -> String {
    format!("0x{:04X}_{:04X}", value >> 16, value & 0xFFFF)
}

/// A GUID's text as the 16 bytes on the wire: the first three groups little-endian.
fn wire_bytes(guid: &str) -> Result<[u8; 16], String> {
    let digits: String = guid.chars().filter(|letter| *letter != '-').collect();
    let value = u128::from_str_radix(&digits, 16).map_err(|error| format!("{guid}: {error}"))?;
    let mut bytes = value.to_be_bytes();
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Ok(bytes)
}

fn property_type(name: &str) -> Result<&'static str, String> {
    Ok(match name {
        "PT_I2" => "INTEGER16",
        "PT_LONG" => "INTEGER32",
        "PT_DOUBLE" => "FLOATING64",
        "PT_BOOLEAN" => "BOOLEAN",
        "PT_SYSTIME" => "TIME",
        "PT_UNICODE" => "STRING",
        "PT_BINARY" => "BINARY",
        "PT_CLSID" => "GUID",
        "PT_MV_LONG" => "MULTIPLE_INTEGER32",
        "PT_MV_UNICODE" => "MULTIPLE_STRING",
        "PT_MV_BINARY" => "MULTIPLE_BINARY",
        other => return Err(format!("the property type {other} is not known")),
    })
}

/// The text as rustfmt writes it, so that the committed files pass the format check.
fn format_rust(text: &str) -> Result<String, String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--quiet"])
        .current_dir(crate::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("rustfmt: {error}"))?;
    let mut input = child.stdin.take().ok_or("rustfmt took no input")?;
    let text = text.to_owned();
    let feeder = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("rustfmt: {error}"))?;
    let fed = feeder.join().map_err(|_| "rustfmt could not be fed".to_owned())?;
    fed.map_err(|error| format!("rustfmt: {error}"))?;
    if !output.status.success() {
        return Err("rustfmt refused a generated file".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_constants() {
        for (name, constant) in [
            ("DisplayName", "DISPLAY_NAME"),
            ("MDBNotInit", "MDB_NOT_INIT"),
            ("7BitDisplayName", "_7_BIT_DISPLAY_NAME"),
            ("ADNotFound", "AD_NOT_FOUND"),
            ("Home2TelephoneNumber", "HOME2_TELEPHONE_NUMBER"),
            ("AddressBookX509Certificate", "ADDRESS_BOOK_X509_CERTIFICATE"),
        ] {
            assert_eq!(screaming(name), constant);
        }
    }

    #[test]
    fn a_guid_is_little_endian_in_its_first_groups() {
        let bytes = wire_bytes("00062008-0000-0000-c000-000000000046").expect("a valid GUID");
        assert_eq!(bytes, [8, 0x20, 6, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
    }
}
