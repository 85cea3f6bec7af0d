//! The file's header ([MS-PST] 2.2.2.6) where its checksums are wrong: what it says is taken all the same,
//! since a wrong place of a tree shows when the tree is read.

use std::io::{self, Read, Seek, SeekFrom};

use super::crc;

/// The header of a Unicode file; that of an ANSI file is shorter.
pub const SIZE: usize = 564;

/// What the partial and the full checksum cover, and where the full one stands.
const PARTIAL: std::ops::Range<usize> = 8..8 + 471;
const FULL: std::ops::Range<usize> = 8..8 + 516;
const FULL_SUM: usize = 524;
/// Versions from this one on are Unicode files, which have the full checksum.
const UNICODE: u8 = 23;

/// The header with the checksums as they should be; a header that is cut off stays as it is.
pub fn put_right(mut header: Vec<u8>) -> Vec<u8> {
    if let Some(part) = header.get(PARTIAL) {
        let sum = crc(part).to_le_bytes();
        header[4..8].copy_from_slice(&sum);
    }
    if header.len() >= FULL_SUM + 4 && header[10] >= UNICODE {
        let sum = crc(&header[FULL]).to_le_bytes();
        header[FULL_SUM..FULL_SUM + 4].copy_from_slice(&sum);
    }
    header
}

/// A file behind another header.
pub struct Behind<R> {
    header: Vec<u8>,
    file: R,
    at: u64,
}

impl<R: Read + Seek> Behind<R> {
    pub fn new(header: Vec<u8>, mut file: R) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Behind { header, file, at: 0 })
    }
}

impl<R: Read + Seek> Read for Behind<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        let start = usize::try_from(self.at).unwrap_or(usize::MAX);
        if let Some(right) = self.header.get(start..) {
            let covered = right.len().min(count);
            bytes[..covered].copy_from_slice(&right[..covered]);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Behind<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn reads_go_through_the_other_header() {
        let mut file = Behind::new(b"HEAD".to_vec(), Cursor::new(b"headtail".to_vec())).unwrap();
        let mut all = String::new();
        file.read_to_string(&mut all).unwrap();
        assert_eq!(all, "HEADtail");
        let mut two = [0; 2];
        file.seek(SeekFrom::Start(3)).unwrap();
        file.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"Dt");
    }
}
