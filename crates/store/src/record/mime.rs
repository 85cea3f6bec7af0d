//! The original MIME: whole, or a skeleton that leaves out what the attachments hold.
//!
//! The store knows no MIME header. It looks for runs of base64 lines that decode to the bytes of an
//! attachment, and leaves a run out where encoding the attachment again gives the very same bytes.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mapi::{PropertyValue, Reader, Wire, WireError, tags};

use super::node::Path;
use super::outline::{Aside, Outline};
use super::properties;
use crate::message::MessageBody;
use crate::value::{INLINE_LIMIT, Value};
use crate::{Result, Store, StoreError, large};

/// The Internet message as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Mime {
    /// What is left of it.
    pub(crate) skeleton: Value,
    /// What was left out, by ascending place.
    pub(crate) gaps: Vec<Gap>,
    /// Of one that just came in: what is kept of it beside it.
    pub(crate) outline: Aside,
}

/// A run of base64 that was left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gap {
    /// Its place: bytes of the skeleton before it.
    at: u64,
    /// The attachment with the data.
    path: Path,
    /// Characters of a line.
    line: u16,
    /// Whether lines end in CR LF, or in LF alone.
    crlf: bool,
}

/// A run shorter than this is kept where it is.
const WORTHWHILE: usize = INLINE_LIMIT;
/// The longest line that counts as base64 (RFC 5322 allows no longer ones).
const MAX_LINE: usize = 998;

impl Mime {
    /// Leaves out what the attachments of `body` hold, which are inline still.
    pub(crate) fn new(whole: Vec<u8>, body: &MessageBody) -> Mime {
        let outline = Aside(Some(Outline::of(&whole, 0)));
        let mut attached = HashMap::new();
        collect(body, &mut Vec::new(), &mut attached);
        let mut gaps = Vec::new();
        let mut skeleton = Vec::new();
        let mut kept = 0;
        if !attached.is_empty() {
            for run in runs(&whole) {
                let encoded = &whole[run.start..run.end];
                let Some(decoded) = decode(encoded) else { continue };
                let Some((path, data)) = attached.get(blake3::hash(&decoded).as_bytes()) else {
                    continue;
                };
                // Checked when stored: what comes out again is what came.
                if encode(data, run.line, run.crlf) != encoded {
                    continue;
                }
                skeleton.extend_from_slice(&whole[kept..run.start]);
                kept = run.end;
                gaps.push(Gap {
                    at: skeleton.len() as u64,
                    path: path.clone(),
                    line: run.line as u16,
                    crlf: run.crlf,
                });
            }
        }
        if gaps.is_empty() {
            return Mime { skeleton: Value::from(whole), gaps, outline };
        }
        skeleton.extend_from_slice(&whole[kept..]);
        Mime { skeleton: Value::from(skeleton), gaps, outline }
    }

    /// Whether what was left out can be put in again: each gap lies inside the skeleton, behind the one
    /// before it, and its attachment is there.
    pub(crate) fn fits(&self, body: &MessageBody) -> bool {
        let size = self.skeleton.size();
        let ascending = self.gaps.windows(2).all(|pair| pair[0].at <= pair[1].at);
        ascending
            && self
                .gaps
                .iter()
                .all(|gap| gap.at <= size && attachment_data(body, &gap.path).is_some())
    }

    /// The message as it was received.
    ///
    /// Errors: [`StoreError::Corrupt`] if an attachment is not there.
    pub(crate) fn whole(&self, store: &Store, body: &MessageBody) -> Result<Vec<u8>> {
        let skeleton = large::load(store, &self.skeleton, large::MAX_VALUE)?;
        let skeleton = skeleton.as_binary().unwrap_or_default();
        let corrupt = || StoreError::Corrupt("MIME that does not fit its message".into());
        let mut whole = Vec::with_capacity(skeleton.len());
        let mut kept = 0;
        for gap in &self.gaps {
            let at = usize::try_from(gap.at).map_err(|_| corrupt())?;
            whole.extend_from_slice(skeleton.get(kept..at).ok_or_else(corrupt)?);
            kept = at;
            let data = attachment_data(body, &gap.path).ok_or_else(corrupt)?;
            let data = large::load(store, data, large::MAX_VALUE)?;
            let data = data.as_binary().ok_or_else(corrupt)?;
            whole.extend_from_slice(&encode(data, usize::from(gap.line), gap.crlf));
        }
        whole.extend_from_slice(skeleton.get(kept..).ok_or_else(corrupt)?);
        Ok(whole)
    }

    /// What is left of it: all, without gaps.
    pub(crate) fn skeleton(&self, store: &Store) -> Result<Vec<u8>> {
        match large::load(store, &self.skeleton, large::MAX_VALUE)? {
            PropertyValue::Binary(bytes) => Ok(bytes),
            _ => Err(StoreError::Corrupt("MIME that is no binary value".into())),
        }
    }

    pub(crate) fn write(&self, w: &mut Vec<u8>) {
        properties::write_value(w, &self.skeleton);
        self.write_gaps(w);
    }

    /// What was left out, as it stands in the record.
    pub(crate) fn write_gaps(&self, w: &mut Vec<u8>) {
        (self.gaps.len() as u32).write(w);
        for gap in &self.gaps {
            gap.at.write(w);
            (gap.path.len() as u8).write(w);
            gap.path.iter().for_each(|number| number.write(w));
            gap.line.write(w);
            gap.crlf.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Mime, WireError> {
        let skeleton = properties::read_value(r)?;
        let count = u32::read(r)? as usize;
        let mut gaps = Vec::with_capacity(r.capacity(count, size_of::<Gap>()));
        for _ in 0..count {
            let at = u64::read(r)?;
            let depth = u8::read(r)?;
            let path = (0..depth).map(|_| u32::read(r)).collect::<Result<Path, _>>()?;
            let line = u16::read(r)?;
            if line == 0 || line % 4 != 0 {
                return Err(r.bad("the length of a base64 line", u64::from(line), 2));
            }
            gaps.push(Gap { at, path, line, crlf: bool::read(r)? });
        }
        Ok(Mime { skeleton, gaps, outline: Aside::default() })
    }
}

type Attached<'a> = HashMap<[u8; 32], (Path, &'a [u8])>;

fn collect<'a>(body: &'a MessageBody, path: &mut Path, attached: &mut Attached<'a>) {
    for attachment in &body.attachments {
        path.push(attachment.number);
        let data = attachment.properties.inline(tags::ATTACH_DATA_BINARY);
        if let Some(data) = data.and_then(PropertyValue::as_binary)
            && data.len() > WORTHWHILE
        {
            let hash = *blake3::hash(data).as_bytes();
            attached.entry(hash).or_insert_with(|| (path.clone(), data));
        }
        if let Some(embedded) = &attachment.embedded {
            collect(embedded, path, attached);
        }
        path.pop();
    }
}

fn attachment_data<'a>(body: &'a MessageBody, path: &[u32]) -> Option<&'a Value> {
    let (last, above) = path.split_last()?;
    let mut body = body;
    for number in above {
        body = body.attachment(*number)?.embedded.as_deref()?;
    }
    body.attachment(*last)?.properties.get(tags::ATTACH_DATA_BINARY)
}

/// Lines of base64 of one length, and a last one that may be shorter; without the last one's end.
struct Run {
    start: usize,
    end: usize,
    line: usize,
    crlf: bool,
}

fn runs(text: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut current: Option<Run> = None;
    let mut at = 0;
    while at < text.len() {
        let newline = text[at..].iter().position(|byte| *byte == b'\n').map(|n| at + n);
        let next = newline.map_or(text.len(), |newline| newline + 1);
        let crlf = newline.is_some_and(|newline| newline > at && text[newline - 1] == b'\r');
        let end = newline.map_or(text.len(), |newline| newline - usize::from(crlf));
        let line = &text[at..end];
        let padded = line.last() == Some(&b'=');
        if !is_base64(line) {
            runs.extend(current.take());
        } else if let Some(run) = &mut current
            && line.len() <= run.line
            && text[run.end] == if run.crlf { b'\r' } else { b'\n' }
        {
            run.end = end;
            if line.len() < run.line || padded || crlf != run.crlf {
                runs.extend(current.take());
            }
        } else {
            runs.extend(current.take());
            let run = Run { start: at, end, line: line.len(), crlf };
            match padded {
                true => runs.push(run),
                false => current = Some(run),
            }
        }
        at = next;
    }
    runs.extend(current);
    runs.retain(|run| run.end - run.start >= WORTHWHILE);
    runs
}

fn is_base64(line: &[u8]) -> bool {
    let body = line.strip_suffix(b"==").or(line.strip_suffix(b"=")).unwrap_or(line);
    !body.is_empty()
        && line.len() <= MAX_LINE
        && line.len().is_multiple_of(4)
        && body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let plain: Vec<u8> =
        encoded.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    STANDARD.decode(plain).ok()
}

fn encode(data: &[u8], line: usize, crlf: bool) -> Vec<u8> {
    let plain = STANDARD.encode(data);
    let mut encoded = Vec::with_capacity(plain.len() + plain.len() / line.max(4) * 2 + 2);
    for (index, part) in plain.as_bytes().chunks(line.max(4)).enumerate() {
        if index > 0 {
            encoded.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
        }
        encoded.extend_from_slice(part);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    fn body(data: &[u8]) -> MessageBody {
        let mut body = MessageBody::default();
        body.add_attachment().properties.set(tags::ATTACH_DATA_BINARY, data.to_vec());
        let inner = body.clone();
        body.add_attachment().embedded = Some(Box::new(inner));
        body
    }

    #[test]
    fn what_is_byte_equal_is_left_out_and_comes_back() {
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        for size in [8_193, 30_000, 30_001, 30_002, 57 * 1000] {
            let data: Vec<u8> = (0..size).map(|n: u32| ((n * n) >> 3) as u8).collect();
            let body = body(&data);
            for (line, crlf, tail) in [
                (76, true, "\r\n--x--\r\n"),
                (64, false, "\n"),
                (76, true, ""),
                (72, false, "\n\n"),
            ] {
                let mut whole = b"Subject: x\r\n\r\nQUJD\r\n\r\n".to_vec();
                whole.extend_from_slice(&encode(&data, line, crlf));
                whole.extend_from_slice(tail.as_bytes());
                let mime = Mime::new(whole.clone(), &body);
                assert_eq!(mime.gaps.len(), 1, "{size} {line} {crlf}");
                assert!(mime.skeleton.size() < 100);
                assert_eq!(mime.whole(&store, &body).expect("fits"), whole);
                let mut w = Vec::new();
                mime.write(&mut w);
                assert_eq!(Mime::read(&mut Reader::new(&w)), Ok(mime));
            }
        }
    }

    #[test]
    fn what_is_not_byte_equal_stays() {
        let data: Vec<u8> = (0..30_000u32).map(|n| ((n * 7) >> 2) as u8).collect();
        let body = body(&data);
        let good = encode(&data, 76, true);
        let other_length = [&encode(&data[..57], 40, true)[..], b"\r\n", &good].concat();
        let mut mixed_ends = good.clone();
        mixed_ends.remove(76 * 3 + 4);
        let mut other_data = good.clone();
        other_data[100] = if other_data[100] == b'A' { b'B' } else { b'A' };
        for whole in [mixed_ends, other_data] {
            assert_eq!(Mime::new(whole.clone(), &body).gaps, []);
        }
        let store = Store::in_memory(StoreOptions::default()).expect("a store");
        let mime = Mime::new(other_length.clone(), &body);
        assert_eq!(mime.whole(&store, &body).expect("fits"), other_length);
    }
}
