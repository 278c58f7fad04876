import { Answer, Bytes, Decimal, Machine, Output, Reader, Writer } from "wraft";

/** The machine {{.Name}}: a number. */
export class Counter extends Machine {
  private value: i64 = 0;

  /** Understands "incr", "add N" and "get". */
  apply(command: Bytes, answer: Answer): void {
    if (command.is("incr")) this.value++;
    else if (command.startsWith("add ")) {
      const number = Decimal.parse(command.slice(4));
      if (!number) {
        answer.fail().text("add wants a whole number, got ").quote(command.slice(4));
        return;
      }
      this.value += number.value;
    } else if (!command.is("get")) {
      answer.fail().text("unknown command ").quote(command).text("; use incr, add N or get");
      return;
    }
    this.show(answer);
  }

  /** Tells the number, whatever is asked. */
  query(question: Bytes, answer: Answer): void {
    this.show(answer);
  }

  private show(to: Output): void {
    to.text('{"value":').decimal(this.value).text("}");
  }

  /** Writes the whole state, equal states as equal bytes. */
  snapshot(to: Writer): void {
    to.u64(<u64>this.value);
  }

  /** Reads what snapshot wrote. */
  restore(from: Reader, fromVersion: u32): void {
    this.value = <i64>from.u64();
    if (!from.atEnd()) from.fail().text("bytes follow the number");
  }

  /** Count it up when snapshot writes something else, and read the older form in restore. */
  version(): u32 {
    return 1;
  }
}
