// A host for unit tests: it runs a compiled machine in Node as a replica does.
//
//   const stub = await Stub.load("module.wasm");
//   stub.apply("incr").text;      // '{"value":1}'
//
// It has no fuel, no limits, and does not undo what a query changes. Everything
// else is as docs/ABI.md says: a command that throws is undone, commands of an
// entry that traps are applied one by one.

import { readFile } from "node:fs/promises";

const COUNT_BYTES = 4, LENGTH_BYTES = 4, RESULT_HEADER_BYTES = 8;
const STATUS_TRAP = -1;
const PAGE_BYTES = 65536;

/** Bytes of texts, as they are of anything else. */
function bytesOf(data) {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

/** What a command or a query gave. */
export class Result {
  constructor(status, data) {
    /** 0 for success, a positive number of the machine's, -1 for a trap. */
    this.status = status;
    this.data = data;
  }

  get text() {
    return new TextDecoder().decode(this.data);
  }
}

/** A call that ended in a trap. */
class Trap extends Error {}

/** The ground of a call that the host refused, as the guest named it. */
export class Refused extends Error {}

/** One instance of a module, with what it asks of its host. */
class Guest {
  constructor(module, moment, sinks) {
    Object.assign(this, { moment, sinks, words: "", sink: null, source: null, chance: 0n });
    const instance = new WebAssembly.Instance(module, { env: { abort: (text) => this.abort(text) }, wraft: this.imports() });
    this.exports = instance.exports;
    this.call("_initialize");
  }

  bytes(at, length) {
    return new Uint8Array(this.exports.memory.buffer, at >>> 0, length >>> 0);
  }

  text(at, length) {
    return new TextDecoder().decode(this.bytes(at, length));
  }

  imports() {
    return {
      now: () => this.moment.time,
      index: () => this.moment.index,
      fuel: () => 1n << 40n,
      random: (at, length) => this.random(this.bytes(at, length)),
      log: (level, at, length) => this.sinks.log(level, this.text(at, length)),
      emit: (at, length) => this.sinks.emit(this.bytes(at, length).slice()),
      set_error: (at, length) => { this.words = this.text(at, length); },
      snapshot_write: (at, length) => this.sink === null ? -1 : this.sink(this.bytes(at, length).slice()),
      restore_read: (at, length) => this.source === null ? -1 : this.source(this.bytes(at, length)),
    };
  }

  /** Throws as AssemblyScript's abort does, with its message, which is UTF-16. */
  abort(message) {
    if (!message) throw new Trap("abort");
    const length = new Uint32Array(this.exports.memory.buffer, (message >>> 0) - 4, 1)[0];
    throw new Trap("abort: " + new TextDecoder("utf-16le").decode(this.bytes(message, length)));
  }

  /** The same bytes for the same seed, index and place in the call. */
  random(into) {
    for (let k = 0; k < into.length; k++) {
      this.chance = (this.chance * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
      into[k] = Number(this.chance >> 56n);
    }
  }

  /** Calls an export; what traps is a Trap with the guest's last words. */
  call(name, ...args) {
    this.words = "";
    this.chance = this.moment.seed * 0x9e3779b97f4a7c15n + this.moment.index;
    try {
      return this.exports[name]?.(...args);
    } catch (error) {
      if (!(error instanceof Trap) && !(error instanceof WebAssembly.RuntimeError)) throw error;
      throw new Trap(error.message + (this.words ? ": " + this.words : ""));
    }
  }

  /** Hands bytes to an export and returns a copy of its answer. */
  exchange(name, input) {
    const at = this.call("wraft_alloc", input.length);
    if (at === 0) throw new Trap(`the module refused a buffer of ${input.length} bytes`);
    this.bytes(at, input.length).set(input);
    const place = BigInt.asUintN(64, this.call(name, at, input.length));
    return this.bytes(Number(place >> 32n), Number(place & 0xffffffffn)).slice();
  }
}

/** A machine in a replica of its own. */
export class Stub {
  /**
   * Loads a compiled module. Options: `time` and `index` are those of the first
   * entry (ns, default 1), and `seed` picks the random bytes. All are numbers or
   * bigints.
   */
  static async load(file, options = {}) {
    return new Stub(await WebAssembly.compile(await readFile(file)), options);
  }

  constructor(module, { time = 1, index = 1, seed = 0 } = {}) {
    this.module = module;
    /** Time and index of the next call; set them as you like. */
    this.moment = { time: BigInt(time), index: BigInt(index), seed: BigInt(seed) };
    /** What the machine logged and emitted so far. */
    this.logs = [];
    this.events = [];
    this.born = { ...this.moment };
    this.history = [];
    this.guest = this.rebuilt();
  }

  get memoryBytes() {
    return this.guest.exports.memory.buffer.byteLength;
  }

  get memoryPages() {
    return this.memoryBytes / PAGE_BYTES;
  }

  get version() {
    return this.guest.call("wraft_version") ?? 0;
  }

  /** A machine with the calls that stood so far, and nothing logged twice. */
  rebuilt() {
    const guest = new Guest(this.module, { ...this.born }, { log() {}, emit() {} });
    for (const step of this.history) step(guest);
    return guest;
  }

  /** Applies one command in an entry of its own. */
  apply(command) {
    return this.applyAll([command])[0];
  }

  /** Applies an entry of several commands. */
  applyAll(commands) {
    const list = commands.map(bytesOf);
    try {
      return this.entry(list);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.guest = this.rebuilt();
      if (list.length === 1) return [new Result(STATUS_TRAP, bytesOf(error.message))];
      return list.map((command) => this.applyAll([command])[0]);
    }
  }

  entry(list) {
    const moment = { ...this.moment }, input = framed(list);
    const events = this.listen(moment);
    const results = parsed(this.guest.exchange("wraft_apply", input), list.length);
    this.events.push(...events);
    this.history.push((guest) => {
      guest.moment = moment;
      guest.exchange("wraft_apply", input);
    });
    return results;
  }

  /** Directs what the guest says to this stub; the events wait for the call's end. */
  listen(moment) {
    const events = [];
    this.guest.moment = moment;
    this.guest.sinks = { log: (level, text) => this.logs.push({ level, text }), emit: (data) => events.push(data) };
    return events;
  }

  query(question) {
    this.listen({ ...this.moment });
    try {
      const answer = this.guest.exchange("wraft_query", bytesOf(question));
      return parsed(answer, 1)[0];
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.guest = this.rebuilt();
      return new Result(STATUS_TRAP, bytesOf(error.message));
    }
  }

  /** The exported state. Throws Refused when the machine doesn't give it. */
  snapshot() {
    const pieces = [];
    this.listen({ ...this.moment });
    this.guest.sink = (piece) => (pieces.push(piece), 0);
    try {
      this.stream("wraft_snapshot");
    } finally {
      this.guest.sink = null;
    }
    return Uint8Array.from(Buffer.concat(pieces));
  }

  /** Replaces the state by an exported one. Throws Refused, and the state stays. */
  restore(state, fromVersion = 0) {
    const moment = { ...this.moment }, bytes = bytesOf(state);
    const step = (guest) => {
      let left = bytes;
      guest.moment = moment;
      guest.source = (into) => {
        const piece = left.subarray(0, into.length);
        into.set(piece);
        left = left.subarray(piece.length);
        return piece.length;
      };
      const status = guest.call("wraft_restore", fromVersion);
      guest.source = null;
      if (status !== 0) throw new Trap(guest.words || `status ${status}`);
    };
    this.listen(moment);
    try {
      step(this.guest);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.guest = this.rebuilt();
      throw new Refused(error.message);
    }
    this.history.push(step);
  }

  stream(name) {
    let status;
    try {
      status = this.guest.call(name);
    } catch (error) {
      if (!(error instanceof Trap)) throw error;
      this.guest = this.rebuilt();
      throw new Refused(error.message);
    }
    if (status !== 0) throw new Refused(this.guest.words || `status ${status}`);
  }
}

/** An entry as the ABI frames it. */
function framed(commands) {
  const size = commands.reduce((sum, c) => sum + LENGTH_BYTES + c.length, COUNT_BYTES);
  const out = new Uint8Array(size), view = new DataView(out.buffer);
  view.setUint32(0, commands.length, true);
  let at = COUNT_BYTES;
  for (const command of commands) {
    view.setUint32(at, command.length, true);
    out.set(command, at + LENGTH_BYTES);
    at += LENGTH_BYTES + command.length;
  }
  return out;
}

/** The results of an answer, which must hold exactly so many. */
function parsed(answer, count) {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length), results = [];
  let at = 0;
  while (results.length < count) {
    const status = view.getInt32(at, true), size = view.getUint32(at + 4, true);
    at += RESULT_HEADER_BYTES;
    if (status < 0 || at + size > answer.length) throw new Error("the answer is not framed as the ABI says");
    results.push(new Result(status, answer.slice(at, at + size)));
    at += size;
  }
  if (at !== answer.length) throw new Error("bytes follow the last result");
  return results;
}
