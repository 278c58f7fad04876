//! The few shapes of CBOR (RFC 8949) that commands and results have.

use wraft::Output;

/// Major types (RFC 8949 §3.1) and the simple values in use.
pub const MAJOR_UINT: u8 = 0;
const MAJOR_BYTES: u8 = 2;
const MAJOR_TEXT: u8 = 3;
pub const MAJOR_ARRAY: u8 = 4;

const SIMPLE_FALSE: u8 = 0xf4;
const SIMPLE_TRUE: u8 = 0xf5;
pub const SIMPLE_NULL: u8 = 0xf6;

/// Reads items from the front of `rest`; `None` is a failure.
pub struct Decoder<'a> {
    pub rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Reads an item's head of the given major type and returns its argument. Indefinite lengths
    /// are refused.
    #[inline]
    fn head(&mut self, major: u8) -> Option<u64> {
        let (&first, rest) = self.rest.split_first()?;
        if first >> 5 != major {
            return None;
        }
        let size = match first & 0x1f {
            info @ 0..=23 => {
                self.rest = rest;
                return Some(info.into());
            }
            info @ 24..=27 => 1 << (info - 24),
            _ => return None,
        };
        let argument = rest.get(..size)?.iter().fold(0, |n, &b| n << 8 | u64::from(b));
        self.rest = &rest[size..];
        Some(argument)
    }

    fn string(&mut self, major: u8) -> Option<&'a [u8]> {
        let n = usize::try_from(self.head(major)?).ok()?;
        let bytes = self.rest.get(..n)?;
        self.rest = &self.rest[n..];
        Some(bytes)
    }

    /// Expects an array of exactly `n` items.
    pub fn array(&mut self, n: u64) -> Option<()> {
        (self.head(MAJOR_ARRAY)? == n).then(|| ())
    }

    pub fn text(&mut self) -> Option<&'a [u8]> {
        self.string(MAJOR_TEXT)
    }

    /// The inner `None` is null.
    pub fn bytes_or_null(&mut self) -> Option<Option<&'a [u8]>> {
        if let [SIMPLE_NULL, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(None);
        }
        self.string(MAJOR_BYTES).map(Some)
    }
}

/// Appends an item's head in its shortest form.
pub fn put_head(out: &mut Output, major: u8, n: u64) {
    let major = major << 5;
    match n {
        0..=23 => out.put_byte(major | n as u8),
        24..=0xff => out.put(&[major | 24, n as u8]),
        0x100..=0xffff => {
            out.put_byte(major | 25);
            out.put(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.put_byte(major | 26);
            out.put(&(n as u32).to_be_bytes());
        }
        _ => {
            out.put_byte(major | 27);
            out.put(&n.to_be_bytes());
        }
    }
}

pub fn put_bytes(out: &mut Output, b: &[u8]) {
    put_head(out, MAJOR_BYTES, b.len() as u64);
    out.put(b);
}

pub fn put_bool(out: &mut Output, v: bool) {
    out.put_byte(if v { SIMPLE_TRUE } else { SIMPLE_FALSE });
}
