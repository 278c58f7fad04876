import { Bytes } from "./bytes";

/** How many bytes `quote` shows. */
export const QUOTE_BYTES_MAX: i32 = 64;

/** Bytes that an output has room for, at least, once it holds any. */
const ROOM_BYTES_MIN: u32 = 256;

/** Bytes per UTF-16 unit, at most, when a string becomes UTF-8. */
const UTF8_BYTES_MAX: i32 = 3;

/**
 * A row of bytes that grows at its end. Every method returns the output, so that
 * calls can be chained. Numbers are little-endian.
 */
export class Output {
  /** Where the bytes lie. They move when the output grows. */
  start: usize = 0;
  /** How many there are. */
  length: i32 = 0;
  /** How many there is room for. */
  protected room: i32 = 0;
  /** The memory at start, which the collector may take when the output goes. */
  private hold: StaticArray<u8> = new StaticArray<u8>(0);

  /** Forgets all bytes and keeps the room. */
  clear(): void {
    this.length = 0;
  }

  /**
   * Makes room for bytes that the caller writes at the address returned. They
   * count as written at once.
   */
  @inline
  extend(count: i32): usize {
    if (count > this.room - this.length) this.grow(count);
    const at = this.start + this.length;
    this.length += count;
    return at;
  }

  /** Makes room for so many bytes more: twice what was there, at least. */
  protected grow(count: i32): void {
    if (count < 0 || this.length + count < 0) throw new RangeError("more than 2 GiB of output");
    const room = max(<u32>this.length + count, max(2 * <u32>this.room, ROOM_BYTES_MIN));
    const larger = new StaticArray<u8>(room);
    memory.copy(changetype<usize>(larger), this.start, this.length);
    this.hold = larger;
    this.start = changetype<usize>(larger);
    this.room = room;
  }

  /** Appends bytes that lie at an address. */
  @inline
  raw(at: usize, count: i32): Output {
    memory.copy(this.extend(count), at, count);
    return this;
  }

  bytes(view: Bytes): Output {
    return this.raw(view.start, view.length);
  }

  array(array: StaticArray<u8>): Output {
    return this.raw(changetype<usize>(array), array.length);
  }

  /** Appends a string in UTF-8. */
  text(text: string): Output {
    const at = this.extend(UTF8_BYTES_MAX * text.length);
    const written = <i32>String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at);
    this.length -= UTF8_BYTES_MAX * text.length - written;
    return this;
  }

  @inline
  u8(value: u8): Output {
    store<u8>(this.extend(1), value);
    return this;
  }

  u16(value: u16): Output {
    store<u16>(this.extend(2), value);
    return this;
  }

  u32(value: u32): Output {
    store<u32>(this.extend(4), value);
    return this;
  }

  u64(value: u64): Output {
    store<u64>(this.extend(8), value);
    return this;
  }

  /** Appends a number in decimal. */
  decimal(value: i64): Output {
    if (value < 0) this.u8(0x2d);
    return this.digits(value < 0 ? 0 - <u64>value : <u64>value);
  }

  /** Appends a number without a sign in decimal. */
  digits(value: u64): Output {
    let count = 1;
    for (let rest = value; rest >= 10; rest /= 10) count++;
    const at = this.extend(count);
    for (let k = count - 1; k >= 0; k--) {
      store<u8>(at + k, 0x30 + <u8>(value % 10));
      value /= 10;
    }
    return this;
  }

  /**
   * Shows input in an error text, between double quotes: printable ASCII as it
   * is, a quote and a backslash behind a backslash, any other byte as \xNN. From
   * the 65th byte on there are three dots behind the closing quote instead.
   * Machines in other languages give the same texts.
   */
  quote(view: Bytes): Output {
    this.u8(0x22);
    for (let k = 0, n = min(view.length, QUOTE_BYTES_MAX); k < n; k++) {
      const byte = load<u8>(view.start + k);
      if (byte == 0x22 || byte == 0x5c) this.u8(0x5c).u8(byte);
      else if (byte >= 0x20 && byte <= 0x7e) this.u8(byte);
      else this.u8(0x5c).u8(0x78).u8(hexDigit(byte >> 4)).u8(hexDigit(byte & 15));
    }
    this.u8(0x22);
    return view.length > QUOTE_BYTES_MAX ? this.text("...") : this;
  }

  /** A view of what was written, valid until the output grows. */
  view(): Bytes {
    return new Bytes(this.start, this.length);
  }
}

function hexDigit(value: u8): u8 {
  return value < 10 ? 0x30 + value : 0x61 + value - 10;
}
