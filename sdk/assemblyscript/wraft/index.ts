// wraft turns a class into a replicated state machine. See README.md.

export { Answer, STATUS_FAILED } from "./answer";
export { Bytes, sameBytes } from "./bytes";
export { Decimal } from "./decimal";
export { Level, collect, emit, emitText, fuel, index, log, now, random, random64 } from "./host";
export { Machine, register } from "./machine";
export { Output, QUOTE_BYTES_MAX } from "./output";
export { Reader } from "./reader";
export { Writer } from "./writer";
