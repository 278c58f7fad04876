use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Bounds the results of one entry together, in bytes. A machine that writes more panics.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// How many bytes [`quoted`] shows.
pub const QUOTE_BYTES_MAX: usize = 64;

/// Takes the bytes of a result.
///
/// It is a [`core::fmt::Write`] too: `write!(out, "{}", x)` works.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    start: usize,
}

impl Output {
    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > OUTPUT_BYTES_MAX - self.bytes.len() {
            flooded();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends one byte.
    #[inline]
    pub fn put_byte(&mut self, byte: u8) {
        if self.bytes.len() == OUTPUT_BYTES_MAX {
            flooded();
        }
        self.bytes.push(byte);
    }

    /// Appends a number in decimal.
    pub fn put_decimal(&mut self, n: i64) {
        if n < 0 {
            self.put_byte(b'-');
        }
        self.put_unsigned(n.unsigned_abs());
    }

    /// Appends a number in decimal.
    pub fn put_unsigned(&mut self, mut n: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.put(&digits[at..]);
    }

    /// What the present call has put so far.
    pub fn written(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Takes back what the present call has put.
    pub fn clear(&mut self) {
        self.bytes.truncate(self.start);
    }

    /// Forgets everything, for a new entry.
    pub(crate) fn empty(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Everything since `empty`, with what frames it.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts a result behind a header of `n` bytes.
    pub(crate) fn begin(&mut self, n: usize) {
        self.bytes.resize(self.bytes.len() + n, 0);
        self.start = self.bytes.len();
    }

    /// Writes the header of the present result.
    pub(crate) fn head(&mut self, header: &[u8]) {
        let at = self.start - header.len();
        self.bytes[at..self.start].copy_from_slice(header);
    }
}

#[cold]
fn flooded() -> ! {
    panic!("the results of the entry exceed 16 MiB")
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// Shows input in an error text, between double quotes: printable ASCII as it is, a quote and a
/// backslash behind a backslash, any other byte as `\xNN`. From the 65th byte on there are three
/// dots behind the closing quote instead.
pub fn quoted(input: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::from("\"");
    for &b in input.iter().take(QUOTE_BYTES_MAX) {
        match b {
            b'"' | b'\\' => text.extend(['\\', b as char]),
            b' '..=b'~' => text.push(b as char),
            _ => {
                let digit = |n: u8| DIGITS[n as usize & 15] as char;
                text.extend(['\\', 'x', digit(b >> 4), digit(b)]);
            }
        }
    }
    text.push('"');
    if input.len() > QUOTE_BYTES_MAX {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write;

    #[test]
    fn numbers() {
        let mut out = Output::default();
        out.put_decimal(i64::MIN);
        write!(out, " {} ", 0).unwrap();
        out.put_unsigned(u64::MAX);
        assert_eq!(out.written(), b"-9223372036854775808 0 18446744073709551615");
        out.clear();
        assert_eq!(out.written(), b"");
    }

    #[test]
    fn quotes() {
        let long = "a".repeat(QUOTE_BYTES_MAX);
        for (input, want) in [
            ("", "\"\""),
            ("put a", "\"put a\""),
            ("\"\\", "\"\\\"\\\\\""),
            ("\0\n\x7f~", "\"\\x00\\x0a\\x7f~\""),
            ("ü", "\"\\xc3\\xbc\""),
        ] {
            assert_eq!(quoted(input.as_bytes()), want);
        }
        assert_eq!(quoted(long.as_bytes()), format!("\"{}\"", long));
        assert_eq!(quoted((long.clone() + "b").as_bytes()), format!("\"{}\"...", long));
    }

    #[test]
    #[should_panic(expected = "exceed 16 MiB")]
    fn a_flood_panics() {
        let mut out = Output::default();
        loop {
            out.put(&[0; 1 << 20]);
        }
    }
}
