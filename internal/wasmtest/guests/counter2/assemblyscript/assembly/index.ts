import { Answer, Bytes, Decimal, Machine, Output, Reader, Writer, register } from "wraft";

export * from "wraft/abi";

const VERSION: u32 = 2;
const STATUS_UNLUCKY: i64 = 13;
const SNAPSHOT_BYTES_MAX: i32 = 32;

/** Version 2 of the counter in AssemblyScript, for tests of upgrades. What it does says ../../main.go. */
class Counter extends Machine {
  private value: i64 = 0;
  /** The version that wrote the state it was restored from. */
  private from: u32 = 0;

  apply(command: Bytes, answer: Answer): void {
    const adds = command.length >= 4 && command.slice(0, 4).is("add ");
    if (adds) {
      const number = Decimal.parse(command.slice(4));
      if (number) this.value += number.value;
      else {
        answer.fail().text("add wants a whole number");
        return;
      }
    } else if (command.is("incr")) this.value++;
    else if (!command.is("get")) {
      answer.fail().text("unknown command; use incr, add N or get");
      return;
    }
    this.show(answer);
  }

  query(question: Bytes, answer: Answer): void {
    this.show(answer);
  }

  private show(to: Output): void {
    to.text('{"value":').decimal(this.value).text(',"version":').decimal(VERSION).text(',"from":').decimal(this.from).text("}");
  }

  snapshot(to: Writer): void {
    to.decimal(this.value).text("\n");
  }

  restore(from: Reader, fromVersion: u32): void {
    if (fromVersion != 0 && fromVersion != VERSION) {
      from.fail().text("version ").decimal(fromVersion).text(" is not known here");
      return;
    }
    const number = Decimal.parse(from.upTo(SNAPSHOT_BYTES_MAX).trim());
    if (!number) from.fail().text("not a snapshot of a counter");
    else if (number.value == STATUS_UNLUCKY) from.fail().text("an unlucky number");
    else {
      this.value = number.value;
      this.from = fromVersion;
    }
  }

  version(): u32 {
    return VERSION;
  }
}

register(new Counter());
