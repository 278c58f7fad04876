// What the host calls. The entry file of a module re-exports it:
//
//   export * from "wraft/abi";

import { Answer } from "./answer";
import { Bytes } from "./bytes";
import { collectGarbage } from "./host";
import { hostSetError } from "./imports";
import { machine } from "./machine";
import { Output } from "./output";
import { Reader } from "./reader";
import { Writer } from "./writer";

/** Bytes that the first input buffer has room for, at least. */
const INPUT_BYTES_MIN: u32 = 4 << 10;

/** Where the host writes commands; used again by every call. */
let input: usize = 0;
let inputRoom: u32 = 0;

const command = new Bytes();
const answer = new Answer();
const writer = new Writer();

export function wraft_abi_v1(): void {}

export function wraft_alloc(length: u32): usize {
  if (length > inputRoom || input == 0) {
    if (input) heap.free(input);
    inputRoom = max(length, max(2 * inputRoom, INPUT_BYTES_MIN));
    input = heap.alloc(inputRoom);
  }
  return input;
}

export function wraft_apply(start: usize, length: u32): u64 {
  const target = machine();
  let at = start + 4;
  answer.reset();
  for (let left = load<u32>(start); left > 0; left--) {
    const size = load<i32>(at);
    command.set(at + 4, size);
    at += 4 + <usize>size;
    answer.begin();
    target.apply(command, answer);
    answer.end();
  }
  if (at != start + length) throw new Error("the entry is not framed as the ABI says");
  collectGarbage(false);
  return place(answer);
}

export function wraft_query(start: usize, length: u32): u64 {
  command.set(start, length);
  answer.reset();
  answer.begin();
  machine().query(command, answer);
  answer.end();
  return place(answer);
}

export function wraft_snapshot(): i32 {
  writer.reset();
  machine().snapshot(writer);
  writer.flush();
  collectGarbage(true);
  return writer.failed ? report(new Output().text("the host refuses more of the snapshot")) : 0;
}

export function wraft_restore(fromVersion: u32): i32 {
  const status = restoreFrom(new Reader(), fromVersion);
  collectGarbage(true);
  return status;
}

export function wraft_version(): u32 {
  return machine().version();
}

function restoreFrom(reader: Reader, fromVersion: u32): i32 {
  machine().restore(reader, fromVersion);
  if (reader.cut && !reader.failed) reader.fail().text("the snapshot is cut off");
  return reader.failed ? report(reader.why) : 0;
}

/** Tells the host why a stream failed and returns the status. */
function report(why: Output): i32 {
  hostSetError(why.start, why.length);
  return 1;
}

/** Packs where an answer lies. */
function place(output: Output): u64 {
  return (<u64>output.start << 32) | output.length;
}
