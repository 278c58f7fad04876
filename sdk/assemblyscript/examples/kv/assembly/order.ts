import { Bytes } from "wraft";
import { Pair } from "./pair";
import { Table } from "./table";

/** Bytes of an address in a list. */
const WORD: usize = sizeof<usize>();

/** All pairs in the order of their keys, listed when they are asked for. */
export class Order {
  private list: usize = 0;
  private isFresh: bool = false;
  count: u32 = 0;

  /** Says that a key came or went. */
  forget(): void {
    this.isFresh = false;
  }

  /** Brings the list up to date. */
  refresh(table: Table): void {
    if (this.isFresh) return;
    if (this.list) heap.free(this.list);
    this.count = table.count;
    this.list = heap.alloc(WORD * this.count);
    table.list(this.list);
    this.list = sorted(this.list, this.count);
    this.isFresh = true;
  }

  @inline
  at(k: u32): Pair {
    return changetype<Pair>(load<usize>(this.list + WORD * k));
  }

  /** The index of the first pair whose key isn't before the given one. */
  search(key: Bytes): u32 {
    let from: u32 = 0, to = this.count;
    while (from < to) {
      const middle = from + ((to - from) >> 1);
      if (this.at(middle).compareKey(key.start, key.length) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/**
 * Sorts a list of pairs by merging runs that double in length. Two lists take
 * turns; the one that is left over is freed.
 */
function sorted(list: usize, count: u32): usize {
  let from = list, to = heap.alloc(WORD * count);
  for (let run: u32 = 1; run < count; run *= 2) {
    for (let start: u32 = 0; start < count; start += 2 * run) {
      merge(from, to, start, min(start + run, count), min(start + 2 * run, count));
    }
    const swap = from;
    from = to;
    to = swap;
  }
  heap.free(to);
  return from;
}

/** Merges the runs [a, b) and [b, c) of one list into the other. */
function merge(from: usize, to: usize, a: u32, b: u32, c: u32): void {
  let left = a, right = b;
  for (let k = a; k < c; k++) {
    const isLeft = right == c || (left < b && comes(load<usize>(from + WORD * left), load<usize>(from + WORD * right)));
    store<usize>(to + WORD * k, load<usize>(from + WORD * (isLeft ? left++ : right++)));
  }
}

/** Does the first pair come before the second? */
function comes(first: usize, second: usize): bool {
  const other = changetype<Pair>(second);
  return changetype<Pair>(first).compareKey(other.key, other.keyLength) < 0;
}
