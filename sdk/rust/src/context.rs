use core::time::Duration;

/// The severity of a log line. [`Level::Error`] means that a human is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs)]
pub enum Level {
    Debug = 0,
    Info = 1,
    Warn = 2,
    Error = 3,
}

/// What a machine may know of the world while a method runs. It is the same on every replica.
pub struct Context<'a> {
    #[cfg(target_arch = "wasm32")]
    pub(crate) host: core::marker::PhantomData<&'a ()>,
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) host: core::cell::RefCell<&'a mut crate::Fake>,
}

#[cfg(target_arch = "wasm32")]
use crate::guest::host;

#[cfg(target_arch = "wasm32")]
impl Context<'_> {
    pub(crate) const fn new() -> Self {
        Context { host: core::marker::PhantomData }
    }

    /// The time of the log: it advances with the leader's clock, never goes back, and stands still
    /// during a call. Its zero point is the start of the log, so use it for durations and expiry.
    #[inline]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(unsafe { host::now() } as u64)
    }

    /// The log position of the entry being applied; in a query, of the last one applied.
    #[inline]
    pub fn index(&self) -> u64 {
        unsafe { host::index() as u64 }
    }

    /// What the call may still spend.
    #[inline]
    pub fn fuel(&self) -> i64 {
        unsafe { host::fuel() }
    }

    /// Fills `bytes` with bytes that are the same on every replica. They are not secret.
    pub fn random(&self, bytes: &mut [u8]) {
        unsafe { host::random(bytes.as_mut_ptr(), bytes.len()) }
    }

    /// Writes a line to the log of each replica, within a budget per entry.
    pub fn log(&self, level: Level, text: &str) {
        unsafe { host::log(level as i32, text.as_ptr(), text.len()) }
    }

    /// Hands an event to the machine's subscribers, at least once, in order. Too many bytes in one
    /// entry fail its commands.
    pub fn emit(&self, data: &[u8]) {
        unsafe { host::emit(data.as_ptr(), data.len()) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Context<'_> {
    /// The time of the log: it advances with the leader's clock, never goes back, and stands still
    /// during a call. Its zero point is the start of the log, so use it for durations and expiry.
    pub fn now(&self) -> Duration {
        self.host.borrow().now
    }

    /// The log position of the entry being applied; in a query, of the last one applied.
    pub fn index(&self) -> u64 {
        self.host.borrow().index
    }

    /// What the call may still spend.
    pub fn fuel(&self) -> i64 {
        self.host.borrow().fuel
    }

    /// Fills `bytes` with bytes that are the same on every replica. They are not secret.
    pub fn random(&self, bytes: &mut [u8]) {
        self.host.borrow_mut().draw(bytes)
    }

    /// Writes a line to the log of each replica, within a budget per entry.
    pub fn log(&self, level: Level, text: &str) {
        self.host.borrow_mut().logs.push((level, text.into()))
    }

    /// Hands an event to the machine's subscribers, at least once, in order. Too many bytes in one
    /// entry fail its commands.
    pub fn emit(&self, data: &[u8]) {
        self.host.borrow_mut().events.push(data.into())
    }
}
