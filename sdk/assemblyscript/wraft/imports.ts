// The imports of ABI v1. Pointers are offsets in linear memory.

// @ts-ignore: decorator
@external("wraft", "now")
export declare function hostNow(): i64;

// @ts-ignore: decorator
@external("wraft", "index")
export declare function hostIndex(): i64;

// @ts-ignore: decorator
@external("wraft", "fuel")
export declare function hostFuel(): i64;

// @ts-ignore: decorator
@external("wraft", "random")
export declare function hostRandom(at: usize, length: u32): void;

// @ts-ignore: decorator
@external("wraft", "log")
export declare function hostLog(level: i32, at: usize, length: u32): void;

// @ts-ignore: decorator
@external("wraft", "emit")
export declare function hostEmit(at: usize, length: u32): void;

// @ts-ignore: decorator
@external("wraft", "set_error")
export declare function hostSetError(at: usize, length: u32): void;

// @ts-ignore: decorator
@external("wraft", "snapshot_write")
export declare function hostSnapshotWrite(at: usize, length: u32): i32;

// @ts-ignore: decorator
@external("wraft", "restore_read")
export declare function hostRestoreRead(at: usize, length: u32): i32;
