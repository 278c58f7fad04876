//! The same commands as in ../rust, without the standard library. A compiler older than 1.68 has
//! a default for allocations that fail only behind this feature.
#![no_std]
#![allow(stable_features)]
#![feature(default_alloc_error_handler)]

extern crate alloc;

include!("../../rust/src/machine.rs");
