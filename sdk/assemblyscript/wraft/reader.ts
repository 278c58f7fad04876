import { Bytes } from "./bytes";
import { hostRestoreRead } from "./imports";
import { Output } from "./output";

/** Bytes that are asked for at a time, and more if a piece is longer. */
const CHUNK_BYTES: i32 = 64 << 10;

/**
 * Where a state is read from. After its end, numbers are 0 and pieces empty, and
 * `cut` is set: a restore may read on and look once. Numbers are little-endian.
 */
export class Reader {
  /** Was more asked for than there is? */
  cut: bool = false;
  /** Has the restore failed? */
  failed: bool = false;
  /** Why it failed. */
  readonly why: Output = new Output();

  private buffer: StaticArray<u8> = new StaticArray<u8>(0);
  private from: i32 = 0;
  private to: i32 = 0;
  private ended: bool = false;
  private piece: Bytes = new Bytes();

  /**
   * Refuses the state: what is appended to the returned output is the reason. The
   * machine keeps its former state. The last call counts.
   */
  fail(): Output {
    this.failed = true;
    this.why.clear();
    return this.why;
  }

  u8(): u8 {
    const at = this.take(1);
    return at ? load<u8>(at) : 0;
  }

  u16(): u16 {
    const at = this.take(2);
    return at ? load<u16>(at) : 0;
  }

  u32(): u32 {
    const at = this.take(4);
    return at ? load<u32>(at) : 0;
  }

  u64(): u64 {
    const at = this.take(8);
    return at ? load<u64>(at) : 0;
  }

  /**
   * The next bytes, exactly so many. The view is valid until the next read. Memory
   * for them is taken at once: check a length that was read before asking.
   */
  bytes(count: i32): Bytes {
    const at = this.take(count);
    this.piece.set(at, at ? count : 0);
    return this.piece;
  }

  /** The next bytes, at most so many: fewer only at the end. */
  upTo(count: i32): Bytes {
    this.fill(count);
    return this.bytes(min(count, this.to - this.from));
  }

  /** Is nothing left? */
  atEnd(): bool {
    this.fill(1);
    return this.from == this.to;
  }

  /** Where the next bytes lie, 0 if there are too few. */
  private take(count: i32): usize {
    if (count > this.to - this.from) {
      this.fill(count);
      if (count > this.to - this.from) {
        this.cut = true;
        this.from = this.to;
        return 0;
      }
    }
    const at = changetype<usize>(this.buffer) + this.from;
    this.from += count;
    return at;
  }

  /** Reads until the buffer holds so many bytes or the stream ends. */
  private fill(count: i32): void {
    if (count < 0) throw new RangeError("more than 2 GiB in one piece");
    if (count <= this.to - this.from || this.ended) return;
    this.makeRoom(count);
    while (this.to < count && !this.ended) {
      const got = hostRestoreRead(changetype<usize>(this.buffer) + this.to, this.buffer.length - this.to);
      if (got < 0) this.fail().text("the host cannot read the snapshot");
      if (got <= 0) this.ended = true;
      else this.to += got;
    }
  }

  /** Moves what is left to the front of a buffer for so many bytes. */
  private makeRoom(count: i32): void {
    const left = this.to - this.from, old = this.buffer;
    if (count > old.length) this.buffer = new StaticArray<u8>(max(count, CHUNK_BYTES));
    memory.copy(changetype<usize>(this.buffer), changetype<usize>(old) + this.from, left);
    this.from = 0;
    this.to = left;
  }
}
