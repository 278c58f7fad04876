import { Answer } from "./answer";
import { Bytes } from "./bytes";
import { Reader } from "./reader";
import { Writer } from "./writer";

/**
 * A replicated state machine. Methods must depend on nothing but the machine,
 * their arguments, and the functions of this library.
 *
 * A method that throws (or traps in any other way) is undone: the machine is as it
 * was before the call, and the client gets status -1 with the error's message.
 */
export abstract class Machine {
  /**
   * Executes one command. The command is valid during the call only; copy what has
   * to stay. What is appended to the answer is the result; `answer.fail(status)`
   * makes it an error, and changes made before that stay.
   */
  abstract apply(command: Bytes, answer: Answer): void;

  /** Answers without changing the machine. The arguments behave as in `apply`. */
  abstract query(question: Bytes, answer: Answer): void;

  /** Writes the whole state, equal states as equal bytes: sort what comes from a Map. */
  abstract snapshot(to: Writer): void;

  /**
   * Replaces the whole state by one that `snapshot` wrote. `fromVersion` is the
   * `version` of the machine that wrote it; a rollback hands an older module the
   * state of a newer one. After `from.fail()` the machine keeps its former state,
   * whatever the method had already changed.
   */
  abstract restore(from: Reader, fromVersion: u32): void;

  /**
   * The number of the machine's version: a constant from 1 upwards, 0 for one that
   * isn't numbered. An upgrade tells it to `restore` of the next version.
   */
  version(): u32 {
    return 0;
  }
}

/** The one machine of this module. */
let registered: Machine | null = null;

/** Makes a machine the module's. Call it once, at the top level of the entry file. */
export function register(machine: Machine): void {
  if (registered) throw new Error("register was called twice");
  registered = machine;
}

/** The registered machine. For the library only. */
export function machine(): Machine {
  if (!registered) throw new Error("the module registers no machine");
  return registered!;
}
