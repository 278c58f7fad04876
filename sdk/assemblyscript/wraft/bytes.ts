/**
 * A view of bytes that someone else owns: a command, a query, or a part of a
 * snapshot. It is valid during the call it was given to only, since the memory
 * behind it is used again. `copy` and `text` make something that stays.
 */
export class Bytes {
  constructor(
    /** Where the first byte lies, for `load` and `memory.copy`. */
    public start: usize = 0,
    /** How many there are. */
    public length: i32 = 0,
  ) {}

  /** Points the view to other bytes, which saves making a new one. */
  @inline
  set(start: usize, length: i32): void {
    this.start = start;
    this.length = length;
  }

  /** The byte at an index. Traps outside of the view. */
  @operator("[]")
  at(index: i32): u8 {
    if (<u32>index >= <u32>this.length) throw new RangeError("index out of range");
    return load<u8>(this.start + index);
  }

  /** A view of the bytes from one index to before another. Traps outside. */
  slice(from: i32, to: i32 = this.length): Bytes {
    if (from < 0 || to < from || to > this.length) throw new RangeError("slice out of range");
    return new Bytes(this.start + from, to - from);
  }

  /** A view without the white space of ASCII at both ends. */
  trim(): Bytes {
    let from = 0, to = this.length;
    while (from < to && isSpace(load<u8>(this.start + from))) from++;
    while (to > from && isSpace(load<u8>(this.start + to - 1))) to--;
    return new Bytes(this.start + from, to - from);
  }

  /** The index of the first such byte, -1 if there is none. */
  indexOf(byte: u8): i32 {
    for (let k = 0; k < this.length; k++) {
      if (load<u8>(this.start + k) == byte) return k;
    }
    return -1;
  }

  /** Are these the bytes of a text in ASCII? */
  is(text: string): bool {
    return this.length == text.length && this.startsWith(text);
  }

  /** Do they start with a text in ASCII? */
  startsWith(text: string): bool {
    const units = text.length;
    if (this.length < units) return false;
    let at = this.start, unit = changetype<usize>(text);
    for (const end = at + units; at < end; at++, unit += 2) {
      if (load<u8>(at) != load<u16>(unit)) return false;
    }
    return true;
  }

  /** Are these the same bytes? */
  equals(other: Bytes): bool {
    return this.length == other.length && sameBytes(this.start, other.start, this.length);
  }

  /** Orders byte by byte; below zero if these come first. */
  compare(other: Bytes): i32 {
    const common = memory.compare(this.start, other.start, min(this.length, other.length));
    return common != 0 ? common : this.length - other.length;
  }

  /** The text that these bytes are in UTF-8. */
  text(): string {
    return String.UTF8.decodeUnsafe(this.start, this.length);
  }

  /** A copy that stays. */
  copy(): StaticArray<u8> {
    const array = new StaticArray<u8>(this.length);
    memory.copy(changetype<usize>(array), this.start, this.length);
    return array;
  }
}

/** Are so many bytes the same in two places? Words at a time, the last one overlapping. */
export function sameBytes(a: usize, b: usize, count: u32): bool {
  if (count < 8) {
    if (count < 4) {
      for (const end = a + count; a < end; a++, b++) {
        if (load<u8>(a) != load<u8>(b)) return false;
      }
      return true;
    }
    return load<u32>(a) == load<u32>(b) && load<u32>(a + count - 4) == load<u32>(b + count - 4);
  }
  const last = a + count - 8;
  const ofLast = load<u64>(b + count - 8);
  for (; a < last; a += 8, b += 8) {
    if (load<u64>(a) != load<u64>(b)) return false;
  }
  return load<u64>(last) == ofLast;
}

/** Space, tab, newline, vertical tab, form feed, return. */
// @ts-ignore: decorator
@inline
function isSpace(byte: u8): bool {
  return byte == 0x20 || byte - 9 < 5;
}
