//! What the library makes of entries, failures, snapshots and the world, through a Fake.

use std::time::Duration;
use wraft::{Context, Error, Fake, Level, Machine, Output, Reader, Writer};

/// Does what its command says.
#[derive(Default)]
struct Echo {
    state: Vec<u8>,
}

impl Machine for Echo {
    const VERSION: u32 = 2;

    fn apply(&mut self, ctx: &Context, command: &[u8], out: &mut Output) -> Result<(), Error> {
        let text = std::str::from_utf8(command).unwrap();
        out.put(command);
        match text.split_once(' ') {
            Some(("fail", status)) => return Err(Error::new(status.parse().unwrap(), "told")),
            Some(("panic", text)) => panic!("{}", text),
            _ => {}
        }
        if text == "world" {
            let mut b = [0; 4];
            ctx.random(&mut b);
            ctx.log(Level::Warn, "line");
            ctx.emit(&b);
            out.clear();
            out.put_unsigned(ctx.now().as_nanos() as u64 + ctx.index() + ctx.fuel() as u64);
        }
        Ok(())
    }

    fn query(&self, _: &Context, query: &[u8], out: &mut Output) -> Result<(), Error> {
        out.put(query);
        Ok(())
    }

    fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
        w.write_u32(self.state.len() as u32)?;
        w.write_u64(7)?;
        w.write(&self.state)
    }

    fn restore(&mut self, r: &mut Reader, from_version: u32) -> Result<(), Error> {
        if from_version > Self::VERSION {
            return Err("unknown version".into());
        }
        let n = r.read_u32()?;
        assert_eq!(r.read_u64()?, 7);
        self.state = r.read_vec(n as usize)?;
        if r.read(&mut [0])? > 0 {
            return Err("too much".into());
        }
        Ok(())
    }
}

wraft::machine!(Echo);

#[test]
fn entries() {
    let results = Fake::new().apply_entry(&mut Echo::default(), &[b"hello", b"", b"fail 7", b"fail -3", b"fail 0", b"after"]);
    let told = |status| Err(Error::new(status, "told"));
    assert_eq!(results, [Ok(b"hello".to_vec()), Ok(vec![]), told(7), told(1), told(1), Ok(b"after".to_vec())]);
    assert_eq!(Fake::new().apply_entry(&mut Echo::default(), &[]), []);
    assert_eq!(Fake::new().query(&Echo::default(), b"q").unwrap(), b"q");
}

#[test]
#[should_panic(expected = "last words")]
fn a_panic_is_a_panic() {
    let _ = Fake::new().apply(&mut Echo::default(), b"panic last words");
}

#[test]
fn world() {
    let mut host = Fake { now: Duration::from_secs(1), index: 9, fuel: 100, seed: 1, ..Fake::new() };
    assert_eq!(host.apply(&mut Echo::default(), b"world").unwrap(), b"1000000109");
    host.apply(&mut Echo::default(), b"world").unwrap();
    assert_eq!(host.logs, [(Level::Warn, "line".to_string()), (Level::Warn, "line".to_string())]);
    assert_eq!(host.events.len(), 2);
    assert_ne!(host.events[0], host.events[1]);
    let mut again = Fake { seed: 1, ..Fake::new() };
    again.apply(&mut Echo::default(), b"world").unwrap();
    assert_eq!(again.events[0], host.events[0]);
}

#[test]
fn snapshots() {
    let mut host = Fake::new();
    let state: Vec<u8> = (0..300_000u32).map(|n| (n * 7 >> 3) as u8).collect(); // several buffers of the stream
    let kept = host.snapshot(&Echo { state: state.clone() }).unwrap();
    let mut other = Echo::default();
    host.restore(&mut other, &kept, 1).unwrap();
    assert!(other.state == state);
    let mut says = |host: &mut Fake, bytes: &[u8], version| host.restore(&mut other, bytes, version).unwrap_err().text;
    assert_eq!(says(&mut host, &kept, 3), "unknown version");
    assert_eq!(says(&mut host, &kept[..kept.len() - 1], 0), "the snapshot is cut off");
    assert_eq!(says(&mut host, &[], 0), "the snapshot is cut off");
    assert_eq!(says(&mut host, &[&kept[..], &[0]].concat(), 0), "too much");
    host.stream_bytes_max = 100 << 10;
    assert_eq!(says(&mut host, &kept, 0), "the host cannot read the snapshot");
    assert_eq!(host.snapshot(&Echo { state }).unwrap_err().text, "the host refuses more of the snapshot");
}
