import { Bytes, random64, sameBytes } from "wraft";
import { Pair } from "./pair";

/** Slots of the smallest table; always a power of two. */
const SLOTS_MIN: u32 = 16;
/** Bytes of a slot: a hash and the address of a pair, 0 for none. */
const SLOT_BYTES: usize = 8;
const PAIR_OFFSET: usize = 4;

/** An odd number whose bits look like chance: a product's upper half depends on all bits. */
const MIX: u64 = 0x9e3779b97f4a7c15;

/**
 * Finds pairs by their keys: a hash table with open addressing, linear probing,
 * and no marks of deleted pairs, at most three quarters full.
 */
export class Table {
  /** How many pairs there are. */
  count: u32 = 0;
  private slots: usize = 0;
  private mask: u32 = 0;
  /** Makes it hard to choose keys that collide. Exports don't show it. */
  private readonly seed: u64 = random64();

  constructor() {
    this.allocate(SLOTS_MIN);
  }

  hash(key: Bytes): u32 {
    let at = key.start, left = key.length;
    let mixed = this.seed ^ <u64>left;
    for (; left >= 8; left -= 8, at += 8) mixed = mix(mixed ^ load<u64>(at));
    return <u32>(mix(mix(mixed ^ tail(at, left))) >> 32);
  }

  /** The pair of a key, null if there is none. */
  find(hash: u32, key: Bytes): Pair | null {
    let k = hash & this.mask;
    for (let address = this.at(k); address; address = this.at(k)) {
      if (load<u32>(this.slot(k)) == hash) {
        const pair = changetype<Pair>(address);
        if (pair.keyLength == key.length && sameBytes(pair.key, key.start, key.length)) return pair;
      }
      k = (k + 1) & this.mask;
    }
    return null;
  }

  /** Adds a pair whose key isn't there. */
  add(pair: Pair): void {
    if (4 * (<u64>this.count + 1) > 3 * (<u64>this.mask + 1)) this.resize(2 * (this.mask + 1));
    this.place(pair.hash, changetype<usize>(pair));
    this.count++;
  }

  /** Removes a pair that is there, and moves those behind it up. */
  remove(pair: Pair): void {
    let hole = pair.hash & this.mask;
    while (this.at(hole) != changetype<usize>(pair)) hole = (hole + 1) & this.mask;
    for (let k = (hole + 1) & this.mask; this.at(k); k = (k + 1) & this.mask) {
      const slot = this.slot(k);
      // Why: a pair may move into the hole unless it would lie before its home.
      if (((k - load<u32>(slot)) & this.mask) < ((k - hole) & this.mask)) continue;
      store<u64>(this.slot(hole), load<u64>(slot));
      hole = k;
    }
    store<u64>(this.slot(hole), 0);
    this.count--;
  }

  /** Writes the addresses of all pairs to a place, in no order. */
  list(to: usize): void {
    for (let k: u32 = 0; k <= this.mask; k++) {
      const address = this.at(k);
      if (!address) continue;
      store<usize>(to, address);
      to += sizeof<usize>();
    }
  }

  /** Frees all pairs and starts afresh. */
  clear(): void {
    for (let k: u32 = 0; k <= this.mask; k++) {
      const address = this.at(k);
      if (address) changetype<Pair>(address).free();
    }
    heap.free(this.slots);
    this.count = 0;
    this.allocate(SLOTS_MIN);
  }

  @inline
  private slot(k: u32): usize {
    return this.slots + SLOT_BYTES * k;
  }

  /** The address of the pair in a slot, 0 for none. */
  @inline
  private at(k: u32): usize {
    return load<usize>(this.slot(k), PAIR_OFFSET);
  }

  private allocate(slots: u32): void {
    this.slots = heap.alloc(SLOT_BYTES * slots);
    this.mask = slots - 1;
    memory.fill(this.slots, 0, SLOT_BYTES * slots);
  }

  private place(hash: u32, address: usize): void {
    let k = hash & this.mask;
    while (this.at(k)) k = (k + 1) & this.mask;
    store<u32>(this.slot(k), hash);
    store<usize>(this.slot(k), address, PAIR_OFFSET);
  }

  private resize(slots: u32): void {
    const old = this.slots, count = this.mask + 1;
    this.allocate(slots);
    for (let k: u32 = 0; k < count; k++) {
      const slot = old + SLOT_BYTES * k;
      const address = load<usize>(slot, PAIR_OFFSET);
      if (address) this.place(load<u32>(slot), address);
    }
    heap.free(old);
  }
}

/** The last bytes of a key, fewer than 8, as a number; the first may count twice. */
function tail(at: usize, count: u32): u64 {
  if (count >= 4) return load<u32>(at) | (<u64>load<u32>(at + count - 4) << 32);
  let bits: u64 = 0;
  for (; count > 0; count--, at++) bits = (bits << 8) | load<u8>(at);
  return bits;
}

// @ts-ignore: decorator
@inline
function mix(bits: u64): u64 {
  return (bits ^ (bits >> 32)) * MIX;
}
