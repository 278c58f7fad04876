//! Replicated state machines in Rust, for wraft.
//!
//! Implement [`Machine`], name the type in [`machine!`], and build for `wasm32-unknown-unknown`:
//!
//! ```
//! use wraft::{Context, Error, Machine, Output, Reader, Writer};
//!
//! #[derive(Default)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! impl Machine for Counter {
//!     fn apply(&mut self, _: &Context, _command: &[u8], out: &mut Output) -> Result<(), Error> {
//!         self.count += 1;
//!         out.put_unsigned(self.count);
//!         Ok(())
//!     }
//!     fn query(&self, _: &Context, _query: &[u8], out: &mut Output) -> Result<(), Error> {
//!         out.put_unsigned(self.count);
//!         Ok(())
//!     }
//!     fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
//!         w.write_u64(self.count)
//!     }
//!     fn restore(&mut self, r: &mut Reader, _from_version: u32) -> Result<(), Error> {
//!         self.count = r.read_u64()?;
//!         Ok(())
//!     }
//! }
//!
//! wraft::machine!(Counter);
//!
//! # fn main() {
//! let mut host = wraft::Fake::new();
//! assert_eq!(host.apply(&mut Counter::default(), b"incr").unwrap(), b"1");
//! # }
//! ```
//!
//! It is not a client and not a host. Every replica runs the same commands in the same order, and
//! the host makes sure that they compute the same: there is no clock but [`Context::now`], no
//! chance but [`Context::random`], no file, no network, no thread.
//!
//! The mental model: a machine is a value, and a command is a function from that value to the
//! next. A command that panics is undone as if it had never been applied; one that returns an
//! error is not, so check before changing.
//!
//! Concurrency: the host makes one call at a time.
//!
//! In a native build there is no host at all: a [`Fake`] stands in for it, and a machine is tested
//! as any other type. Without the feature `std` the crate is `no_std` and brings, in WebAssembly, a
//! panic handler and an allocator.

#![cfg_attr(not(test), no_std)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

mod context;
mod error;
mod fake;
mod frame;
#[cfg(any(test, all(target_arch = "wasm32", not(feature = "std"))))]
mod heap;
mod machine;
mod output;
mod stream;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;

pub use context::{Context, Level};
pub use error::{Error, STATUS_FAILED};
pub use fake::Fake;
pub use machine::Machine;
pub use output::{quoted, Output, OUTPUT_BYTES_MAX, QUOTE_BYTES_MAX};
pub use stream::{Reader, Writer};
