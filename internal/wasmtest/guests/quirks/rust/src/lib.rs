//! Commands that try out what sdk/rust gives a machine, and how calls end.

extern crate alloc;

include!("machine.rs");
