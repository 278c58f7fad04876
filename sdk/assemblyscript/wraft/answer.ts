import { Output } from "./output";

/** The status of an error without a number of its own. */
export const STATUS_FAILED: i32 = 1;

/** Bytes of a result's status and length before its data. */
const HEADER_BYTES: i32 = 8;

/**
 * What a client gets for a command or a query. It starts empty with status 0;
 * whatever is appended to it is the result.
 */
export class Answer extends Output {
  private status: i32 = 0;
  /** Where the header of the present result lies, from the start. */
  private header: i32 = 0;

  /**
   * Turns the answer into a failure: forgets what it held, and what is appended
   * from here on is the error's text. The status must be positive, 1 is
   * STATUS_FAILED and the others are the author's; any other number counts as 1.
   * What the machine changed stays changed: check first, then change. To undo a
   * command, throw an Error instead.
   */
  fail(status: i32 = STATUS_FAILED): Answer {
    this.clear();
    this.status = status > 0 ? status : STATUS_FAILED;
    return this;
  }

  /** Forgets what was appended to the present result. */
  clear(): void {
    this.length = this.header + HEADER_BYTES;
  }

  /** Starts the first result of a call. For the library only. */
  reset(): void {
    this.length = 0;
  }

  /** Starts the next result. For the library only. */
  @inline
  begin(): void {
    this.header = this.length;
    this.status = 0;
    this.extend(HEADER_BYTES);
  }

  /** Ends a result. For the library only. */
  @inline
  end(): void {
    const header = this.start + this.header;
    store<i32>(header, this.status);
    store<u32>(header, this.length - this.header - HEADER_BYTES, 4);
  }
}
