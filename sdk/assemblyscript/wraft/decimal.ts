import { Bytes } from "./bytes";

/** What i64.MIN_VALUE is without its sign: the largest magnitude of all. */
const MAGNITUDE_MAX: u64 = 1 << 63;

/** A number of 64 bits that was read from text. */
export class Decimal {
  constructor(public readonly value: i64) {}

  /** Reads digits behind an optional sign; null for anything else, or if they don't fit. */
  static parse(text: Bytes): Decimal | null {
    const negative = text.length > 0 && text[0] == 0x2d;
    const signed = negative || (text.length > 0 && text[0] == 0x2b);
    if (text.length == <i32>signed) return null;
    let magnitude: u64 = 0;
    for (let k = <i32>signed; k < text.length; k++) {
      const digit = <u64>text[k] - 0x30;
      if (digit > 9 || magnitude > (MAGNITUDE_MAX - digit) / 10) return null;
      magnitude = magnitude * 10 + digit;
    }
    if (!negative && magnitude == MAGNITUDE_MAX) return null;
    return new Decimal(negative ? 0 - <i64>magnitude : <i64>magnitude);
  }
}
