import { Answer, Bytes, Level, Machine, Output, Reader, Writer, register } from "wraft";
import * as wraft from "wraft";

export * from "wraft/abi";

/** Bytes of the pieces in which restore reads a state. */
const PIECE_BYTES: i32 = 100000;

/** Does what its commands say, to show what the library makes of it. */
class Guest extends Machine {
  private state: Output = new Output();
  private kept: string[] = [];

  apply(command: Bytes, answer: Answer): void {
    const space = command.indexOf(0x20);
    const verb = space < 0 ? command.text() : command.slice(0, space).text();
    const rest = space < 0 ? new Bytes() : command.slice(space + 1);
    if (verb == "echo") answer.bytes(rest);
    else if (verb == "fail") this.fail(I32.parseInt(rest.text()), answer);
    else if (verb == "throw") this.fall(rest);
    else if (verb == "index") answer.u8(rest[rest.length]);
    else if (verb == "add") this.state.bytes(rest);
    else if (verb == "fill") this.fill(I32.parseInt(rest.text()));
    else if (verb == "litter") this.litter(I32.parseInt(rest.text()), answer);
    else if (verb == "dive") answer.decimal(this.dive([rest.length]));
    else if (verb == "say") this.say(rest);
    else if (verb == "world") this.world(answer);
    else if (verb == "number") answer.decimal(I64.parseInt(rest.text())).text(" ").digits(U64.parseInt(rest.text()));
    else if (verb == "quote") answer.quote(rest);
    else answer.fail().text("unknown");
  }

  query(question: Bytes, answer: Answer): void {
    answer.bytes(question).u8(0x20).decimal(this.state.length);
  }

  snapshot(to: Writer): void {
    to.u64(this.state.length);
    to.bytes(this.state.view());
  }

  restore(from: Reader, fromVersion: u32): void {
    if (fromVersion > this.version()) {
      from.fail().text("version ").digits(fromVersion).text(" is too new");
      return;
    }
    this.state.clear();
    for (let left = <i32>from.u64(); left > 0; left -= PIECE_BYTES) {
      this.state.bytes(from.bytes(min(left, PIECE_BYTES)));
    }
    if (!from.atEnd()) throw new Error("bytes follow");
  }

  version(): u32 {
    return 3;
  }

  private fail(status: i32, answer: Answer): void {
    answer.text("dropped");
    answer.fail(status).text("told");
  }

  /** Changes the state and throws. */
  private fall(why: Bytes): void {
    this.state.text("half");
    throw new Error(why.text());
  }

  private fill(count: i32): void {
    for (let k = 0; k < count; k++) this.state.u8(<u8>k);
  }

  /** Makes garbage, and replaces one string of those it keeps. */
  private litter(n: i32, answer: Answer): void {
    const line = ["number", n.toString(), "of", "many"].join(" ");
    if (this.kept.length < 100) this.kept.push(line);
    else this.kept[n % 100] = line;
    answer.text(line);
  }

  /** Recurses without end, with objects that the collector has to see. */
  private dive(numbers: i32[]): i32 {
    return numbers[0] + this.dive([numbers[0] + 1]) + numbers.length;
  }

  private say(words: Bytes): void {
    wraft.log(Level.Warn, words.text());
    wraft.emit(words);
    wraft.emitText("\u00fc");
  }

  private world(answer: Answer): void {
    answer.decimal(wraft.now()).text(" ").digits(wraft.index()).text(" ").text(wraft.fuel() > 0 ? "fuel" : "none");
    answer.array(wraft.random(4)).u64(wraft.random64());
  }
}

register(new Guest());
