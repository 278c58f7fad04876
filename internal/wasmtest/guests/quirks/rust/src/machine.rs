use alloc::{format, vec, vec::Vec};
use wraft::{quoted, Context, Error, Level, Machine, Output, Reader, Writer};

#[derive(Default)]
struct Quirks {
    count: u32,
    version_before: u32,
}

wraft::machine!(Quirks);

/// Returns a value that the optimiser knows nothing of.
fn opaque<T: Copy>(value: T) -> T {
    unsafe { core::ptr::read_volatile(&value) }
}

/// Calls itself until the stack ends.
fn deep(n: u32) -> u32 {
    let frame = opaque([n as u8; 64]);
    u32::from(frame[0]) + deep(n + 1) + u32::from(frame[63])
}

impl Quirks {
    fn run(&self, ctx: &Context, c: &[u8], out: &mut Output) -> Result<(), Error> {
        match c {
            b"panic" => panic!("last words"),
            b"assert" => assert!(c.is_empty()),
            b"deep" => out.put_unsigned(deep(0).into()),
            b"loop" => loop {
                opaque(0);
            },
            b"grow" => {
                let mut kept: Vec<Vec<u8>> = Vec::new();
                loop {
                    kept.push(vec![1; 1 << 20]);
                }
            }
            b"flood" => loop {
                out.put(b"many results ");
            },
            b"world" => {
                let mut drawn = [0; 4];
                ctx.random(&mut drawn);
                ctx.log(Level::Warn, "a line");
                ctx.emit(b"event");
                let fuel = if ctx.fuel() > 1_000_000 { "fueled" } else { "scarce" };
                out.put(format!("{} {} {} {}", ctx.now().as_nanos(), ctx.index(), fuel, quoted(&drawn)).as_bytes());
            }
            b"arithmetic" => out.put(if i64::MAX.checked_mul(opaque(2)).is_none() { b"over" } else { b"fits" }),
            b"count" => out.put_unsigned(self.count.into()),
            b"before" => out.put_unsigned(self.version_before.into()),
            _ => return Err(Error::new(-7, "")),
        }
        Ok(())
    }
}

impl Machine for Quirks {
    const VERSION: u32 = 3;

    fn apply(&mut self, ctx: &Context, command: &[u8], out: &mut Output) -> Result<(), Error> {
        self.count += 1;
        self.run(ctx, command, out)
    }

    fn query(&self, ctx: &Context, query: &[u8], out: &mut Output) -> Result<(), Error> {
        self.run(ctx, query, out)
    }

    fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
        w.write_u32(self.version_before)
    }

    fn restore(&mut self, r: &mut Reader, from_version: u32) -> Result<(), Error> {
        self.version_before = from_version;
        r.read_u32().map(|_| ()).map_err(|_| Error::new(4, "cut off"))
    }
}
