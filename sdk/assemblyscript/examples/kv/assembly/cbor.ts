import { Bytes, Output } from "wraft";

// Major types of CBOR (RFC 8949 §3.1) and the simple values in use.
const MAJOR_UINT: u8 = 0;
const MAJOR_BYTES: u8 = 2;
const MAJOR_TEXT: u8 = 3;
const MAJOR_ARRAY: u8 = 4;

const SIMPLE_FALSE: u8 = 0xf4;
const SIMPLE_TRUE: u8 = 0xf5;
const SIMPLE_NULL: u8 = 0xf6;

/** Bytes or null. It is used again by each command. */
export class Operand extends Bytes {
  isNull: bool = true;

  /** Makes the operand null. */
  clear(): void {
    this.set(0, 0);
    this.isNull = true;
  }
}

/**
 * Decodes the few shapes that commands have; indefinite lengths are refused. After
 * a failure it keeps failing.
 */
export class Decoder {
  private at: usize = 0;
  private end: usize = 0;
  failed: bool = false;

  /** Starts with the bytes of a command. */
  begin(input: Bytes): void {
    this.at = input.start;
    this.end = input.start + input.length;
    this.failed = false;
  }

  /** Has everything been read, without a failure? */
  isDone(): bool {
    return !this.failed && this.at == this.end;
  }

  /** Expects an array of so many items. */
  array(count: u64): void {
    if (this.head(MAJOR_ARRAY) != count) this.failed = true;
  }

  text(into: Bytes): void {
    this.take(this.head(MAJOR_TEXT), into);
  }

  bytesOrNull(into: Operand): void {
    into.clear();
    if (!this.failed && this.at < this.end && load<u8>(this.at) == SIMPLE_NULL) {
      this.at++;
      return;
    }
    into.isNull = !this.take(this.head(MAJOR_BYTES), into);
  }

  /** Reads an item's head of the given major type and returns its argument. */
  @inline
  private head(major: u8): u64 {
    const at = this.at;
    if (this.failed || at == this.end) return this.fail();
    const first = <u32>load<u8>(at) - (<u32>major << 5);
    if (first >= 24) return this.longHead(first);
    this.at = at + 1;
    return first;
  }

  /** Reads a head whose argument follows it; info is its first byte without the major type. */
  private longHead(info: u32): u64 {
    if (info < 24 || info > 27) return this.fail();
    const size: usize = 1 << (info - 24);
    if (this.end - this.at < 1 + size) return this.fail();
    let argument: u64 = 0;
    for (let k: usize = 1; k <= size; k++) argument = (argument << 8) | load<u8>(this.at + k);
    this.at += 1 + size;
    return argument;
  }

  /** Makes the view one of the next bytes, as many as it should be. */
  private take(count: u64, into: Bytes): bool {
    if (this.failed || count > <u64>(this.end - this.at)) {
      this.fail();
      return false;
    }
    into.set(this.at, <i32>count);
    this.at += <usize>count;
    return true;
  }

  private fail(): u64 {
    this.failed = true;
    return 0;
  }
}

/** Appends an item's head in its shortest form. */
function putHead(to: Output, major: u8, argument: u32): void {
  major <<= 5;
  if (argument < 24) to.u8(major | <u8>argument);
  else if (argument <= 0xff) to.u8(major | 24).u8(<u8>argument);
  else if (argument <= 0xffff) to.u8(major | 25).u16(bswap<u16>(<u16>argument));
  else to.u8(major | 26).u32(bswap<u32>(argument));
}

export function putUint(to: Output, value: u32): void {
  putHead(to, MAJOR_UINT, value);
}

export function putArray(to: Output, count: u32): void {
  putHead(to, MAJOR_ARRAY, count);
}

/** Appends the bytes at an address. */
export function putBytes(to: Output, at: usize, count: u32): void {
  putHead(to, MAJOR_BYTES, count);
  to.raw(at, count);
}

export function putBool(to: Output, value: bool): void {
  to.u8(value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

export function putNull(to: Output): void {
  to.u8(SIMPLE_NULL);
}
