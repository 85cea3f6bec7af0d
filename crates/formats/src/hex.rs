//! Bytes as two hexadecimal digits each.

/// The byte of two digits, and of nothing else: a sign is no digit.
pub(crate) fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    Some((digit(high)? << 4 | digit(low)?) as u8)
}

/// Bytes of which some stand as a mark and two digits. A mark before anything else stands for itself.
pub(crate) fn unmarked(value: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        match tail.get(..2).and_then(byte).filter(|_| *first == mark) {
            Some(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_behind_a_mark_are_a_byte_and_nothing_else_is() {
        assert_eq!(unmarked(b"a=3D=3d=e9=", b'='), b"a==\xe9=");
        assert_eq!(unmarked(b"=+1= 1=1g=1", b'='), b"=+1= 1=1g=1");
        assert_eq!(unmarked(b"%41=41", b'%'), b"A=41");
        assert_eq!(
            (byte(b"fF"), byte(b"f"), byte(b"fff"), byte(b"-1")),
            (Some(255), None, None, None)
        );
    }
}
