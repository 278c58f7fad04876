import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Stub } from "../../../wraft/stub.mjs";

const module = process.env.WRAFT_MODULE ?? new URL("../build/module.wasm", import.meta.url);
const I64_MAX = "9223372036854775807", I64_MIN = "-9223372036854775808";

test("commands", async () => {
  const stub = await Stub.load(module);
  for (const [command, status, want] of [
    ["incr", 0, '{"value":1}'],
    ["add 41", 0, '{"value":42}'],
    [" add   -2\n", 0, '{"value":40}'],
    ["add +0", 0, '{"value":40}'],
    ["get", 0, '{"value":40}'],
    ["", 1, 'unknown command ""; use incr, add N or get'],
    ["decr", 1, 'unknown command "decr"; use incr, add N or get'],
    ["incr 2", 1, 'unknown command "incr 2"; use incr, add N or get'],
    ["add two", 1, 'add wants a whole number, got "two"'],
    ["add", 1, 'add wants a whole number, got ""'],
    ["add -", 1, 'add wants a whole number, got "-"'],
    ["add 9223372036854775808", 1, 'add wants a whole number, got "9223372036854775808"'],
    ["add \0\u00fc", 1, String.raw`add wants a whole number, got "\x00\xc3\xbc"`],
    ["x".repeat(65), 1, `unknown command "${"x".repeat(64)}"...; use incr, add N or get`],
    ["get", 0, '{"value":40}'],
  ]) {
    const result = stub.apply(command);
    assert.deepEqual([command, result.status, result.text], [command, status, want]);
  }
});

test("an overflow changes nothing", async () => {
  for (const [start, command, want] of [
    [I64_MAX, "incr", `${I64_MAX} + 1 does not fit 64 bits`],
    [I64_MIN, "add -1", `${I64_MIN} + -1 does not fit 64 bits`],
  ]) {
    const stub = await Stub.load(module);
    stub.restore(start);
    const result = stub.apply(command);
    assert.deepEqual([result.status, result.text], [2, want]);
    assert.equal(stub.query("get").text, `{"value":${start}}`);
  }
});

test("queries", async () => {
  const stub = await Stub.load(module);
  stub.apply("add 7");
  for (const question of ["", "get", " get\n"]) assert.equal(stub.query(question).text, '{"value":7}');
  const refused = stub.query("incr");
  assert.deepEqual([refused.status, refused.text], [1, 'unknown query "incr"; use get']);
});

test("a snapshot and back", async () => {
  for (const value of ["0", "42", I64_MAX, I64_MIN]) {
    const stub = await Stub.load(module);
    stub.restore(` ${value}\n`);
    assert.equal(Buffer.from(stub.snapshot()).toString(), `${value}\n`);
  }
  const stub = await Stub.load(module);
  stub.apply("add 3");
  assert.throws(() => stub.restore("three"), new Refused('not a snapshot of a counter: "three"'));
  assert.equal(stub.query("").text, '{"value":3}');
});

test("many commands take no more memory", async () => {
  const stub = await Stub.load(module);
  const entry = new Array(1000).fill("add 1");
  stub.applyAll(entry);
  const before = stub.memoryBytes;
  for (let k = 1; k < 200; k++) {
    stub.history.length = 0;
    stub.applyAll(entry);
  }
  assert.equal(stub.query("").text, '{"value":200000}');
  assert.ok(stub.memoryBytes <= 2 * before, `${before} bytes became ${stub.memoryBytes}`);
});
