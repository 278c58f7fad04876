import { Bytes, Output, Reader, Writer } from "wraft";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "./command";
import { Order } from "./order";
import { Store } from "./store";

/** Starts an export and names its version. */
const MAGIC = "wraft-kv 1\n";

/**
 * Writes the pairs in the order of their keys, each as two length-prefixed strings
 * (u32 little-endian), after their number (u64).
 */
export function writeSnapshot(order: Order, to: Writer): void {
  to.text(MAGIC).u64(order.count);
  for (let k: u32 = 0; k < order.count; k++) {
    const pair = order.at(k);
    to.u32(pair.keyLength).raw(pair.key, pair.keyLength);
    to.u32(pair.valueLength).raw(pair.value, pair.valueLength);
  }
}

/** Reads what writeSnapshot wrote and nothing else into an empty store. */
export function readSnapshot(store: Store, from: Reader): void {
  const isOurs = from.bytes(MAGIC.length).is(MAGIC);
  const count = from.u64();
  if (!isOurs || from.cut) {
    from.fail().text("not a snapshot of a key-value store");
    return;
  }
  let last = new StaticArray<u8>(0);
  for (let n: u64 = 0; n < count; n++) {
    const place = new Place(n, count);
    const key = readString(from, "key ", place, KEY_BYTES_MAX);
    if (!key) return;
    const kept = key.copy();
    const value = readString(from, "value ", place, VALUE_BYTES_MAX);
    if (!value) return;
    key.set(changetype<usize>(kept), kept.length);
    if (n > 0 && key.compare(new Bytes(changetype<usize>(last), last.length)) <= 0) {
      place.name(from.fail(), "key ").text(" is out of order");
      return;
    }
    store.put(key, value);
    last = kept;
  }
  if (!from.atEnd()) from.fail().text("bytes follow the last value");
}

/** Where in a snapshot something is wrong. */
class Place {
  constructor(private readonly n: u64, private readonly count: u64) {}

  name(to: Output, what: string): Output {
    return to.text(what).digits(this.n).text(" of ").digits(this.count);
  }
}

/** The next length-prefixed string; null after a failure, which says where. */
function readString(from: Reader, what: string, place: Place, limit: u32): Bytes | null {
  const length = from.u32();
  if (length > limit) {
    place.name(from.fail(), what).text(": ").digits(length).text(" bytes, at most ").digits(limit).text(" are allowed");
    return null;
  }
  const view = from.bytes(length);
  if (!from.cut) return new Bytes(view.start, view.length);
  place.name(from.fail(), what).text(": the snapshot is cut off");
  return null;
}
