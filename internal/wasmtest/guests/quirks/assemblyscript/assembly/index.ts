// Commands that try out what sdk/assemblyscript gives a machine, and how calls end.
import { Answer, Bytes, Level, Machine, Output, Reader, Writer, emitText, fuel, index, log, now, random, register } from "wraft";

export * from "wraft/abi";

/** Calls itself until the stack ends. */
function deep(n: u32): u32 {
  return deep(n + 1) + n;
}

class Quirks extends Machine {
  private count: i64 = 0;
  private versionBefore: u32 = 0;
  private kept: Array<StaticArray<u8>> = [];
  private wide: i64 = i64.MAX_VALUE;

  apply(command: Bytes, answer: Answer): void {
    this.count++;
    this.run(command, answer);
  }

  query(question: Bytes, answer: Answer): void {
    this.run(question, answer);
  }

  private run(c: Bytes, answer: Answer): void {
    if (c.is("panic")) throw new Error("last words");
    if (c.is("assert")) assert(c.length == 0, "no command");
    if (c.is("deep")) answer.digits(deep(0));
    else if (c.is("loop")) while (true) this.wide++;
    else if (c.is("grow")) while (true) this.kept.push(new StaticArray<u8>(1 << 20).fill(1));
    else if (c.is("flood")) while (true) answer.text("many results ");
    else if (c.is("world")) this.world(answer);
    else if (c.is("arithmetic")) answer.text(this.wide + this.wide == -2 ? "wraps" : "fits");
    else if (c.is("before")) answer.digits(this.versionBefore);
    else if (c.is("count")) answer.decimal(this.count);
    else answer.fail(-7);
  }

  private world(answer: Output): void {
    const drawn = random(4);
    log(Level.Warn, "a line");
    emitText("event");
    answer.decimal(now()).text(" ").digits(index());
    answer.text(fuel() > 1000000 ? " fueled " : " scarce ").quote(new Bytes(changetype<usize>(drawn), 4));
  }

  snapshot(to: Writer): void {
    to.u32(this.versionBefore);
  }

  restore(from: Reader, fromVersion: u32): void {
    this.versionBefore = fromVersion;
    from.u32();
  }

  version(): u32 {
    return 3;
  }
}

register(new Quirks());
