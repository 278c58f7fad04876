import { Bytes } from "./bytes";
import { hostEmit, hostFuel, hostIndex, hostLog, hostNow, hostRandom } from "./imports";
import { Output } from "./output";

/** Has the machine asked for a collection? */
let isCollectionDue: bool = false;

/**
 * Collects garbage when the present call ends. It is for machines that are built
 * with the runtime "minimal", which collects after a snapshot and a restore only.
 */
export function collect(): void {
  isCollectionDue = true;
}

/** Collects garbage if that is due, or the runtime expects to be told. For the library only. */
export function collectGarbage(isExpected: bool): void {
  if (isCollectionDue || (isExpected && ASC_RUNTIME == RUNTIME_MINIMAL)) __collect();
  isCollectionDue = false;
}

/** What ASC_RUNTIME is for "minimal". */
const RUNTIME_MINIMAL: i32 = 1;

/** The severity of a log line. Error means that a human is needed. */
export enum Level { Debug = 0, Info = 1, Warn = 2, Error = 3 }

/** Used again and again for texts on their way to the host. */
const scratch = new Output();

/**
 * The time of the log in nanoseconds: it advances with the leader's clock, never
 * goes back, and stands still while a method runs. Its zero point is the start of
 * the log and not 1970, so use it for durations and expiry.
 */
export function now(): i64 {
  return hostNow();
}

/**
 * The position in the log of the entry being applied; in a query, of the last one
 * applied.
 */
export function index(): u64 {
  return <u64>hostIndex();
}

/** What the call may still spend before it is ended; docs/ABI.md says what things cost. */
export function fuel(): i64 {
  return hostFuel();
}

/**
 * Bytes that look like chance and are the same on every replica. They are not
 * secret: whoever knows the cluster can compute them.
 */
export function random(count: i32): StaticArray<u8> {
  const array = new StaticArray<u8>(count);
  hostRandom(changetype<usize>(array), count);
  return array;
}

/** A number that looks like chance and is the same on every replica. */
export function random64(): u64 {
  scratch.clear();
  const at = scratch.extend(8);
  hostRandom(at, 8);
  return load<u64>(at);
}

/** Writes a line to the log of each replica, within a budget per entry. */
export function log(level: Level, text: string): void {
  scratch.clear();
  scratch.text(text);
  hostLog(level, scratch.start, scratch.length);
}

/**
 * Hands an event to the machine's subscribers, at least once, in order. The bytes
 * are copied. Too many in one entry fail its commands.
 */
export function emit(event: Bytes): void {
  hostEmit(event.start, event.length);
}

/** Emits a text in UTF-8. */
export function emitText(text: string): void {
  scratch.clear();
  scratch.text(text);
  hostEmit(scratch.start, scratch.length);
}
