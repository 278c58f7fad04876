//! A signed 64-bit number, the smallest useful machine. The README of the Go example has its
//! commands.

use wraft::{quoted, Context, Error, Machine, Output, Reader, Writer};

/// Status of a sum that doesn't fit, besides [`wraft::STATUS_FAILED`] for what isn't understood.
pub const STATUS_OVERFLOW: i32 = 2;

/// The machine.
#[derive(Default)]
pub struct Counter {
    value: i64,
}

wraft::machine!(Counter);

impl Machine for Counter {
    /// Understands `incr`, `add N` and `get`.
    fn apply(&mut self, _: &Context, command: &[u8], out: &mut Output) -> Result<(), Error> {
        let text = trimmed(command);
        let space = text.iter().position(|&b| b == b' ').unwrap_or(text.len());
        let (verb, operand) = (&text[..space], text.get(space + 1..).unwrap_or(b""));
        match verb {
            b"get" if operand.is_empty() => {}
            b"incr" if operand.is_empty() => self.add(1)?,
            b"add" => {
                let n = parsed(operand).ok_or_else(|| format!("add wants a whole number, got {}", quoted(operand)))?;
                self.add(n)?
            }
            _ => return Err(format!("unknown command {}; use incr, add N or get", quoted(command)).into()),
        }
        self.show(out);
        Ok(())
    }

    /// Understands `get`; an empty query means the same.
    fn query(&self, _: &Context, query: &[u8], out: &mut Output) -> Result<(), Error> {
        match trimmed(query) {
            b"" | b"get" => self.show(out),
            _ => return Err(format!("unknown query {}; use get", quoted(query)).into()),
        }
        Ok(())
    }

    /// Writes the number in decimal, so that an export can be read by eye.
    fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
        w.write(format!("{}\n", self.value).as_bytes())
    }

    fn restore(&mut self, r: &mut Reader, _from_version: u32) -> Result<(), Error> {
        let mut bytes = [0; 32]; // more than any number takes
        let n = r.read(&mut bytes)?;
        let text = &bytes[..n];
        self.value = parsed(text).ok_or_else(|| format!("not a snapshot of a counter: {}", quoted(text)))?;
        Ok(())
    }
}

impl Counter {
    fn add(&mut self, n: i64) -> Result<(), Error> {
        self.value = self
            .value
            .checked_add(n)
            .ok_or_else(|| Error::new(STATUS_OVERFLOW, format!("{} + {} does not fit 64 bits", self.value, n)))?;
        Ok(())
    }

    fn show(&self, out: &mut Output) {
        out.put(b"{\"value\":");
        out.put_decimal(self.value);
        out.put_byte(b'}');
    }
}

/// Cuts white space of ASCII off.
fn trimmed(mut b: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    while let [first, rest @ ..] = b {
        if !blank(first) {
            break;
        }
        b = rest;
    }
    while let [rest @ .., last] = b {
        if !blank(last) {
            break;
        }
        b = rest;
    }
    b
}

/// Reads a number in decimal, with or without a sign.
fn parsed(b: &[u8]) -> Option<i64> {
    std::str::from_utf8(trimmed(b)).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wraft::Fake;

    fn apply(c: &mut Counter, command: &str) -> String {
        match Fake::new().apply(c, command.as_bytes()) {
            Ok(result) => String::from_utf8(result).unwrap(),
            Err(e) => format!("{} {}", e.status, e.text),
        }
    }

    #[test]
    fn commands() {
        let mut c = Counter::default();
        for (command, want) in [
            ("incr", "{\"value\":1}"),
            ("add 41", "{\"value\":42}"),
            (" add   -2\n", "{\"value\":40}"),
            ("add +0", "{\"value\":40}"),
            ("get", "{\"value\":40}"),
            ("", "1 unknown command \"\"; use incr, add N or get"),
            ("incr 2", "1 unknown command \"incr 2\"; use incr, add N or get"),
            ("incr\u{a0}", "1 unknown command \"incr\\xc2\\xa0\"; use incr, add N or get"),
            ("add", "1 add wants a whole number, got \"\""),
            ("add 1_0", "1 add wants a whole number, got \"1_0\""),
            ("add 9223372036854775808", "1 add wants a whole number, got \"9223372036854775808\""),
        ] {
            assert_eq!(apply(&mut c, command), want, "{}", command);
        }
        let mut host = Fake::new();
        assert_eq!(host.query(&c, b" get ").unwrap(), b"{\"value\":40}");
        assert_eq!(host.query(&c, b"incr").unwrap_err().text, "unknown query \"incr\"; use get");
    }

    #[test]
    fn overflow_changes_nothing() {
        let mut c = Counter { value: i64::MAX };
        assert_eq!(apply(&mut c, "incr"), "2 9223372036854775807 + 1 does not fit 64 bits");
        assert_eq!(c.value, i64::MAX);
    }

    #[test]
    fn snapshots() {
        let mut host = Fake::new();
        for value in [0, 42, i64::MAX, i64::MIN] {
            let taken = host.snapshot(&Counter { value }).unwrap();
            assert_eq!(taken, format!("{}\n", value).into_bytes());
            let mut c = Counter::default();
            host.restore(&mut c, &taken, 0).unwrap();
            assert_eq!(c.value, value);
        }
        let refused = host.restore(&mut Counter::default(), b"no number", 0).unwrap_err();
        assert_eq!(refused.text, "not a snapshot of a counter: \"no number\"");
    }
}
