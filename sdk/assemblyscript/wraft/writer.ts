import { hostSnapshotWrite } from "./imports";
import { Output } from "./output";

/** Bytes that are collected before the host gets them. */
const CHUNK_BYTES: i32 = 64 << 10;

/**
 * Where a snapshot is written to. It hands what was appended to the host in
 * pieces; when the host refuses, the rest is dropped and the snapshot fails.
 */
export class Writer extends Output {
  /** Has the host refused? There is no use in going on then. */
  failed: bool = false;

  protected grow(count: i32): void {
    this.flush();
    if (count <= this.room) return;
    super.grow(max(count, CHUNK_BYTES));
  }

  /** Hands all that is left to the host. For the library only. */
  flush(): void {
    if (this.length > 0 && !this.failed) {
      this.failed = hostSnapshotWrite(this.start, this.length) != 0;
    }
    this.length = 0;
  }

  /** Makes the writer ready for the next snapshot. For the library only. */
  reset(): void {
    this.length = 0;
    this.failed = false;
  }
}
