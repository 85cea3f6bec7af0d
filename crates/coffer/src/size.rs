//! Sizes as people write them: `500MB`, `2GB`. Units are powers of 1024, as in Exchange.

const UNITS: [(&str, u32); 5] = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];

/// A limit: a size, or `none`.
pub fn parse_limit(text: &str) -> Result<Limit, String> {
    match text.eq_ignore_ascii_case("none") {
        true => Ok(Limit(None)),
        false => parse(text).map(|bytes| Limit(Some(bytes))),
    }
}

/// A number of bytes, or that there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limit(pub Option<u64>);

/// Bytes; without a unit the number is bytes.
pub fn parse(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_ascii_uppercase();
    let (number, shift) = UNITS
        .iter()
        .find_map(|(unit, shift)| {
            // "2G" is "2GB".
            let short = &unit[..1];
            let number = upper.strip_suffix(unit).or_else(|| match *unit {
                "B" => None,
                _ => upper.strip_suffix(short),
            })?;
            Some((number, *shift))
        })
        .unwrap_or((&upper, 0));
    let wrong = || format!("{text:?} is no size; write it as 500MB or 2GB, or `none`");
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// In the largest unit that leaves at least one, with a digit behind the point.
pub fn show(bytes: u64) -> String {
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        None | Some((_, 0)) => format!("{bytes} bytes"),
        Some((unit, shift)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                rest => format!("{}.{rest} {unit}", tenths / 10),
            }
        }
    }
}

pub fn show_limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".into(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse("2GB"), Ok(2 << 30));
        assert_eq!(parse(" 2 gb "), Ok(2 << 30));
        assert_eq!(parse("500M"), Ok(500 << 20));
        assert_eq!(parse("17"), Ok(17));
        assert_eq!(parse("17B"), Ok(17));
        for wrong in ["", "GB", "-1", "1.5GB", "2XB", "99999999999TB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_limit("None"), Ok(Limit(None)));
        assert_eq!(parse_limit("0"), Ok(Limit(Some(0))));
    }

    #[test]
    fn sizes_are_shown_short() {
        assert_eq!(show(0), "0 bytes");
        assert_eq!(show(1023), "1023 bytes");
        assert_eq!(show(2 << 30), "2 GB");
        assert_eq!(show((3 << 20) / 2), "1.5 MB");
        assert_eq!(show(u64::MAX), "16777215.9 TB");
    }
}
