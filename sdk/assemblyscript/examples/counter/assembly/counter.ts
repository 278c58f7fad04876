import { Answer, Bytes, Decimal, Machine, Output, Reader, Writer } from "wraft";

/** The sum would not fit 64 bits. Bytes that aren't a command have STATUS_FAILED. */
const STATUS_OVERFLOW: i32 = 2;

/** More bytes than any exported number takes. */
const SNAPSHOT_BYTES_MAX: i32 = 32;

/** A signed 64-bit number. */
export class Counter extends Machine {
  private value: i64 = 0;

  /** Understands "incr", "add N" and "get". */
  apply(command: Bytes, answer: Answer): void {
    const line = command.trim();
    const space = line.indexOf(0x20);
    const verb = space < 0 ? line : line.slice(0, space);
    const operand = space < 0 ? new Bytes() : line.slice(space + 1);
    if (verb.is("get") && operand.length == 0) this.show(answer);
    else if (verb.is("incr") && operand.length == 0) this.add(1, answer);
    else if (verb.is("add")) this.addText(operand, answer);
    else answer.fail().text("unknown command ").quote(command).text("; use incr, add N or get");
  }

  /** Understands "get"; an empty query means the same. */
  query(question: Bytes, answer: Answer): void {
    const verb = question.trim();
    if (verb.length == 0 || verb.is("get")) this.show(answer);
    else answer.fail().text("unknown query ").quote(question).text("; use get");
  }

  private addText(operand: Bytes, answer: Answer): void {
    const number = Decimal.parse(operand.trim());
    if (number) this.add(number.value, answer);
    else answer.fail().text("add wants a whole number, got ").quote(operand);
  }

  private add(n: i64, answer: Answer): void {
    if ((n > 0 && this.value > i64.MAX_VALUE - n) || (n < 0 && this.value < i64.MIN_VALUE - n)) {
      answer.fail(STATUS_OVERFLOW).decimal(this.value).text(" + ").decimal(n).text(" does not fit 64 bits");
      return;
    }
    this.value += n;
    this.show(answer);
  }

  private show(to: Output): void {
    to.text('{"value":').decimal(this.value).text("}");
  }

  /** Writes the number in decimal, so that an export can be read by eye. */
  snapshot(to: Writer): void {
    to.decimal(this.value).text("\n");
  }

  /** Reads what snapshot wrote. */
  restore(from: Reader, fromVersion: u32): void {
    const all = from.upTo(SNAPSHOT_BYTES_MAX);
    const number = Decimal.parse(all.trim());
    if (number) this.value = number.value;
    else from.fail().text("not a snapshot of a counter: ").quote(all);
  }
}
