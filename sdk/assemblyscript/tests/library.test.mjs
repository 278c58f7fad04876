import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Stub } from "../wraft/stub.mjs";

const module = process.env.WRAFT_MODULE ?? new URL("guest/build/module.wasm", import.meta.url);

/** "status text" of each result. */
const shown = (results) => results.map((r) => `${r.status} ${r.text}`);

test("answers are framed, one for each command", async () => {
  const stub = await Stub.load(module);
  assert.deepEqual(shown(stub.applyAll(["echo hello", "echo", "fail 7", "fail 0", "fail -3", "what", "echo \u00fc"])),
    ["0 hello", "0 ", "7 told", "1 told", "1 told", "1 unknown", "0 \u00fc"]);
  assert.deepEqual(stub.applyAll([]), []);
});

test("a long answer grows its buffer, and the next one starts afresh", async () => {
  const stub = await Stub.load(module), long = "x".repeat(100000);
  assert.deepEqual(stub.applyAll(["echo a", `echo ${long}`, "echo b"]).map((r) => r.text), ["a", long, "b"]);
  assert.equal(stub.apply("echo c").text, "c");
});

test("what throws is undone, and only its command", async () => {
  const stub = await Stub.load(module);
  stub.apply("add 12345");
  assert.deepEqual(shown(stub.applyAll(["add 6", "throw no \u00fcber", "add 7"])), ["0 ", "-1 abort: no \u00fcber", "0 "]);
  assert.deepEqual(shown([stub.apply("index x")]), ["-1 abort: index out of range"]);
  assert.equal(stub.query("n").text, "n 7");
});

test("endless recursion is a trap", async () => {
  const stub = await Stub.load(module);
  assert.equal(stub.apply("dive").status, -1);
  assert.equal(stub.apply("echo up again").text, "up again");
});

test("numbers and quoted bytes", async () => {
  const stub = await Stub.load(module);
  assert.equal(stub.apply("number -9223372036854775808").text, "-9223372036854775808 9223372036854775808");
  assert.equal(stub.apply("number 0").text, "0 0");
  for (const [input, want] of [["", '""'], ["put a", '"put a"'], ['"\\', String.raw`"\"\\"`], ["\0\n\x7f~", String.raw`"\x00\x0a\x7f~"`],
    ["\u00fc\u2028", String.raw`"\xc3\xbc\xe2\x80\xa8"`], ["a".repeat(65), `"${"a".repeat(64)}"...`]]) {
    assert.equal(stub.apply("quote " + input).text, want);
  }
});

test("the world is the host's", async () => {
  const of = async (options) => {
    const result = (await Stub.load(module, options)).apply("world");
    return { text: result.text.slice(0, 11), chance: Buffer.from(result.data.slice(11)).toString("hex") };
  };
  const first = await of({ time: 5, index: 9, seed: 1 });
  assert.equal(first.text, "5 9 fuel" + first.text.slice(8));
  assert.deepEqual(await of({ time: 5, index: 9, seed: 1 }), first);
  assert.notEqual((await of({ time: 5, index: 9, seed: 2 })).chance, first.chance);
});

test("lines and events reach the host, and no event of what was undone", async () => {
  const stub = await Stub.load(module);
  stub.applyAll(["say one", "throw x"]);
  assert.deepEqual([...new Set(stub.logs.map((l) => `${l.level} ${l.text}`))], ["2 one"]);
  assert.deepEqual(stub.events.map((e) => Buffer.from(e).toString()), ["one", "\u00fc"]);
});

test("large states go out and in", async () => {
  const stub = await Stub.load(module), other = await Stub.load(module);
  stub.apply("fill 1000000");
  const state = stub.snapshot();
  assert.equal(state.length, 1000008);
  other.restore(state, 2);
  assert.deepEqual(other.snapshot(), state);
});

test("a refused state leaves the former one", async () => {
  const stub = await Stub.load(module);
  assert.equal(stub.version, 3);
  stub.apply("add abc");
  const state = stub.snapshot();
  assert.throws(() => stub.restore(state, 4), new Refused("version 4 is too new"));
  assert.throws(() => stub.restore(state.slice(0, 9)), new Refused("the snapshot is cut off"));
  assert.throws(() => stub.restore(Uint8Array.from([...state, 0])), new Refused("abort: bytes follow"));
  assert.equal(stub.query("n").text, "n 3");
});

test("garbage is collected", async () => {
  const stub = await Stub.load(module);
  const run = (from) => stub.applyAll(Array.from({ length: 1000 }, (_, k) => `litter ${from + k}`));
  run(0);
  const before = stub.memoryBytes;
  for (let n = 1; n < 200; n++) {
    stub.history.length = 0;
    run(1000 * n);
  }
  assert.ok(stub.memoryBytes <= 2 * before, `${before} bytes became ${stub.memoryBytes}`);
});
