//! What [`machine!`](crate::machine) makes the exports of: the machine and its buffers.

use crate::{frame, Context, Error, Machine, Output, Reader, Writer};
use alloc::vec::Vec;
use core::cell::UnsafeCell;

/// The imports of the ABI. Pointers and lengths have 32 bits here.
pub(crate) mod host {
    #[link(wasm_import_module = "wraft")]
    extern "C" {
        pub fn now() -> i64;
        pub fn index() -> i64;
        pub fn fuel() -> i64;
        pub fn random(p: *mut u8, n: usize);
        pub fn log(level: i32, p: *const u8, n: usize);
        pub fn emit(p: *const u8, n: usize);
        pub fn set_error(p: *const u8, n: usize);
        pub fn snapshot_write(p: *const u8, n: usize) -> i32;
        pub fn restore_read(p: *mut u8, n: usize) -> i32;
    }
}

const INPUT_BYTES_MIN: usize = 4 << 10;

/// A module: one machine, and where the host writes and reads. The buffers are used again by every
/// call.
pub struct Module<M>(UnsafeCell<State<M>>);

struct State<M> {
    machine: Option<M>,
    input: Vec<u8>,
    output: Option<Output>,
}

// Invariant: the host makes one call at a time, and no call makes another.
unsafe impl<M> Sync for Module<M> {}

impl<M: Machine> Module<M> {
    pub const fn new() -> Self {
        Module(UnsafeCell::new(State { machine: None, input: Vec::new(), output: None }))
    }

    #[allow(clippy::mut_from_ref)]
    fn state(&self) -> &mut State<M> {
        unsafe { &mut *self.0.get() }
    }

    pub fn start(&self, machine: M) {
        let s = self.state();
        s.machine = Some(machine);
        s.output = Some(Output::default());
    }

    pub fn alloc(&self, n: u32) -> *mut u8 {
        let (input, n) = (&mut self.state().input, n as usize);
        if n > input.len() || input.is_empty() {
            let wanted = n.max(2 * input.len()).max(INPUT_BYTES_MIN);
            input.clear(); // what it held is no longer needed
            if input.try_reserve_exact(wanted).is_err() {
                return core::ptr::null_mut();
            }
            input.resize(wanted, 0);
        }
        input.as_mut_ptr()
    }

    pub fn apply(&self, n: u32) -> u64 {
        let s = self.state();
        let (machine, out) = started(&mut s.machine, &mut s.output);
        frame::apply(machine, &Context::new(), &s.input[..n as usize], out);
        packed(out.whole())
    }

    pub fn query(&self, n: u32) -> u64 {
        let s = self.state();
        let (machine, out) = started(&mut s.machine, &mut s.output);
        frame::query(machine, &Context::new(), &s.input[..n as usize], out);
        packed(out.whole())
    }

    pub fn snapshot(&self) -> i32 {
        let s = self.state();
        let (machine, _) = started(&mut s.machine, &mut s.output);
        let mut sink = |bytes: &[u8]| unsafe { host::snapshot_write(bytes.as_ptr(), bytes.len()) == 0 };
        let mut w = Writer::new(&mut sink);
        report(machine.snapshot(&mut w).and_then(|()| w.flush()))
    }

    pub fn restore(&self, from_version: u32) -> i32 {
        let s = self.state();
        let (machine, _) = started(&mut s.machine, &mut s.output);
        let mut source = |bytes: &mut [u8]| usize::try_from(unsafe { host::restore_read(bytes.as_mut_ptr(), bytes.len()) }).ok();
        report(machine.restore(&mut Reader::new(&mut source), from_version))
    }
}

fn started<'a, M>(machine: &'a mut Option<M>, output: &'a mut Option<Output>) -> (&'a mut M, &'a mut Output) {
    match (machine, output) {
        (Some(machine), Some(output)) => (machine, output),
        _ => panic!("a call before _initialize"),
    }
}

fn packed(answer: &[u8]) -> u64 {
    (answer.as_ptr() as u64) << 32 | answer.len() as u64
}

/// Tells the host why a stream failed, and returns its status.
fn report(result: Result<(), Error>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(e) => {
            say(&e.text);
            e.answered()
        }
    }
}

fn say(text: &str) {
    unsafe { host::set_error(text.as_ptr(), text.len()) }
}

/// Makes a panic's message the last words of the call that it ends.
#[cfg(feature = "std")]
pub fn speak_when_panicking() {
    std::panic::set_hook(std::boxed::Box::new(|info| {
        let payload = info.payload();
        let message = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<std::string::String>().map(|s| s.as_str()));
        let place = info.location().map(|l| std::format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
        say(&std::format!("panic: {}{}", message.unwrap_or("without a text"), place));
    }));
}

#[cfg(not(feature = "std"))]
pub fn speak_when_panicking() {}

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    say(&alloc::format!("{}", info));
    core::arch::wasm32::unreachable()
}

#[cfg(not(feature = "std"))]
#[global_allocator]
static HEAP: crate::heap::Global<crate::heap::Linear> = crate::heap::Global::new(crate::heap::Linear);
