//! Version 2 of the counter in Rust, for tests of upgrades. What it does says ../main.go.

use wraft::{Context, Error, Machine, Output, Reader, Writer};

const STATUS_UNKNOWN_VERSION: i32 = 3;
const STATUS_UNLUCKY: i32 = 13;

/// The machine.
#[derive(Default)]
pub struct Counter {
    value: i64,
    /// The version that wrote the state it was restored from.
    from: u32,
}

wraft::machine!(Counter);

impl Machine for Counter {
    const VERSION: u32 = 2;

    fn apply(&mut self, _: &Context, command: &[u8], out: &mut Output) -> Result<(), Error> {
        let n = match command {
            b"get" => 0,
            b"incr" => 1,
            _ if command.starts_with(b"add ") => parsed(&command[4..]).ok_or("add wants a whole number")?,
            _ => return Err("unknown command; use incr, add N or get".into()),
        };
        self.value = self.value.wrapping_add(n);
        self.show(out);
        Ok(())
    }

    fn query(&self, _: &Context, _: &[u8], out: &mut Output) -> Result<(), Error> {
        self.show(out);
        Ok(())
    }

    fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
        w.write(format!("{}\n", self.value).as_bytes())
    }

    fn restore(&mut self, r: &mut Reader, from_version: u32) -> Result<(), Error> {
        if from_version != 0 && from_version != Self::VERSION {
            return Err(Error::new(STATUS_UNKNOWN_VERSION, format!("version {} is not known here", from_version)));
        }
        let mut bytes = [0; 32];
        let n = r.read(&mut bytes)?;
        let text = bytes[..n].strip_suffix(b"\n").unwrap_or(&bytes[..n]);
        let value = parsed(text).ok_or("not a snapshot of a counter")?;
        if value == STATUS_UNLUCKY as i64 {
            return Err(Error::new(STATUS_UNLUCKY, "an unlucky number"));
        }
        self.value = value;
        self.from = from_version;
        Ok(())
    }
}

impl Counter {
    fn show(&self, out: &mut Output) {
        out.put(format!("{{\"value\":{},\"version\":{},\"from\":{}}}", self.value, Self::VERSION, self.from).as_bytes());
    }
}

fn parsed(b: &[u8]) -> Option<i64> {
    std::str::from_utf8(b).ok()?.parse().ok()
}
