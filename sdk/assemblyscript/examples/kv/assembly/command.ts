import { Answer, Bytes } from "wraft";
import { Decoder, Operand } from "./cbor";

// Statuses of this machine, besides STATUS_FAILED for bytes that aren't a command.

/** No such operation. */
export const STATUS_UNKNOWN: i32 = 2;
/** A key or value over its limit. */
export const STATUS_TOO_LARGE: i32 = 3;

// Limits of keys and values in bytes.
export const KEY_BYTES_MAX: i32 = 1 << 10;
export const VALUE_BYTES_MAX: i32 = 1 << 20;

/** The length of the array that a command is. */
const COMMAND_ITEMS: u64 = 4;

/**
 * [operation, key, value, expected]; README.md says what each operation makes of
 * them. All are views of the input, and there is one command at a time.
 */
export class Command {
  readonly operation: Bytes = new Bytes();
  readonly key: Operand = new Operand();
  readonly value: Operand = new Operand();
  readonly expected: Operand = new Operand();
  private readonly decoder: Decoder = new Decoder();

  /** Decodes and checks a command. False: the answer says why. */
  parse(input: Bytes, answer: Answer): bool {
    const decoder = this.decoder;
    decoder.begin(input);
    decoder.array(COMMAND_ITEMS);
    decoder.text(this.operation);
    decoder.bytesOrNull(this.key);
    decoder.bytesOrNull(this.value);
    decoder.bytesOrNull(this.expected);
    if (!decoder.isDone()) {
      answer.fail().text("not a command [operation, key, value, expected]; README.md has the encoding");
      return false;
    }
    return this.fits("key", this.key.length, KEY_BYTES_MAX, answer) &&
      this.fits("value", max(this.value.length, this.expected.length), VALUE_BYTES_MAX, answer);
  }

  private fits(what: string, length: i32, limit: i32, answer: Answer): bool {
    if (length <= limit) return true;
    answer.fail(STATUS_TOO_LARGE).text("the ").text(what).text(" has ").decimal(length)
      .text(" bytes, at most ").decimal(limit).text(" are allowed");
    return false;
  }

  /** Answers that there is no such operation. */
  unknown(list: string, answer: Answer): void {
    answer.fail(STATUS_UNKNOWN).text("unknown operation ").quote(this.operation).text("; use ").text(list);
  }
}
