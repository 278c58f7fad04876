import { Answer, Bytes, Machine, Reader, Writer, sameBytes } from "wraft";
import { putArray, putBool, putBytes, putNull, putUint } from "./cbor";
import { Command, STATUS_TOO_LARGE, VALUE_BYTES_MAX } from "./command";
import { Order } from "./order";
import { Pair } from "./pair";
import { readSnapshot, writeSnapshot } from "./snapshot";
import { Table } from "./table";

// Bounds of one page of a scan.
const SCAN_ITEMS_MAX: u32 = 256;
const SCAN_BYTES_MAX: u32 = 256 << 10;

/** Maps keys to values. */
export class Store extends Machine {
  private readonly table: Table = new Table();
  private readonly order: Order = new Order();
  private readonly command: Command = new Command();

  /** Executes put, append, cas, delete, and the queries too. */
  apply(input: Bytes, answer: Answer): void {
    const command = this.command;
    if (!command.parse(input, answer)) return;
    const operation = command.operation;
    if (operation.is("put")) {
      this.put(command.key, command.value);
      putNull(answer);
    } else if (operation.is("append")) this.append(answer);
    else if (operation.is("cas")) putBool(answer, this.compareAndSet());
    else if (operation.is("delete")) putBool(answer, this.remove(command.key));
    else if (!this.read(answer)) command.unknown("put, append, cas, delete, get or scan", answer);
  }

  /** Executes get and scan. */
  query(input: Bytes, answer: Answer): void {
    if (!this.command.parse(input, answer)) return;
    if (!this.read(answer)) this.command.unknown("get or scan", answer);
  }

  snapshot(to: Writer): void {
    this.order.refresh(this.table);
    writeSnapshot(this.order, to);
  }

  restore(from: Reader, fromVersion: u32): void {
    this.table.clear();
    this.order.forget();
    readSnapshot(this, from);
  }

  /** Executes get or scan; false for any other operation. */
  private read(answer: Answer): bool {
    if (this.command.operation.is("get")) this.get(answer);
    else if (this.command.operation.is("scan")) this.scan(answer);
    else return false;
    return true;
  }

  private get(answer: Answer): void {
    const pair = this.find(this.command.key);
    if (pair) putBytes(answer, pair.value, pair.valueLength);
    else putNull(answer);
  }

  private find(key: Bytes): Pair | null {
    return this.table.find(this.table.hash(key), key);
  }

  /** The pair of a key, new if need be. */
  private at(key: Bytes): Pair {
    const hash = this.table.hash(key);
    const known = this.table.find(hash, key);
    if (known) return known;
    const pair = Pair.make(hash, key.start, key.length);
    this.table.add(pair);
    this.order.forget();
    return pair;
  }

  /**
   * Stores a copy of the value. A null value is stored as an empty one, so that
   * null always means "no such key".
   */
  put(key: Bytes, value: Bytes): void {
    this.at(key).setValue(value.start, value.length);
  }

  private append(answer: Answer): void {
    const value = this.command.value;
    const pair = this.at(this.command.key);
    if (pair.valueLength + value.length > VALUE_BYTES_MAX) {
      answer.fail(STATUS_TOO_LARGE).text("the value would exceed its limit");
      return;
    }
    pair.append(value.start, value.length);
    putUint(answer, pair.valueLength);
  }

  /**
   * Sets the value if the present one is the expected one; null stands for "no
   * such key" on both sides.
   */
  private compareAndSet(): bool {
    const command = this.command, expected = command.expected;
    const pair = this.find(command.key);
    if (pair == null) {
      if (!expected.isNull) return false;
      if (!command.value.isNull) this.put(command.key, command.value);
      return true;
    }
    if (expected.isNull || pair.valueLength != expected.length) return false;
    if (!sameBytes(pair.value, expected.start, expected.length)) return false;
    if (command.value.isNull) this.drop(pair);
    else pair.setValue(command.value.start, command.value.length);
    return true;
  }

  private remove(key: Bytes): bool {
    const pair = this.find(key);
    if (pair == null) return false;
    this.drop(pair);
    return true;
  }

  private drop(pair: Pair): void {
    this.table.remove(pair);
    this.order.forget();
    pair.free();
  }

  /**
   * Lists pairs with a prefix in order, those after the given key if the command
   * has a value, as [more, [[key, value], ...]].
   */
  private scan(answer: Answer): void {
    const order = this.order;
    order.refresh(this.table);
    const start = this.firstOfPage();
    const end = this.endOfPage(start);
    putArray(answer, 2);
    putBool(answer, end < order.count && this.hasPrefix(order.at(end)));
    putArray(answer, end - start);
    for (let k = start; k < end; k++) {
      const pair = order.at(k);
      putArray(answer, 2);
      putBytes(answer, pair.key, pair.keyLength);
      putBytes(answer, pair.value, pair.valueLength);
    }
  }

  private firstOfPage(): u32 {
    const order = this.order, after = this.command.value;
    const start = order.search(this.command.key);
    if (after.isNull) return start;
    let next = order.search(after);
    if (next < order.count && order.at(next).compareKey(after.start, after.length) == 0) next++;
    return max(start, next);
  }

  /** The index behind the last pair of a page: there is one pair in it if any fits the prefix. */
  private endOfPage(start: u32): u32 {
    const order = this.order;
    let bytes: u32 = 0, k = start;
    for (; k < order.count && k - start < SCAN_ITEMS_MAX; k++) {
      const pair = order.at(k);
      if (!this.hasPrefix(pair)) break;
      bytes += pair.keyLength + pair.valueLength;
      if (bytes > SCAN_BYTES_MAX && k > start) break;
    }
    return k;
  }

  private hasPrefix(pair: Pair): bool {
    const prefix = this.command.key;
    return pair.keyLength >= prefix.length && sameBytes(pair.key, prefix.start, prefix.length);
  }
}
