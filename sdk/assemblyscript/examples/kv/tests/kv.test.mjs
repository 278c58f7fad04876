import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Stub } from "../../../wraft/stub.mjs";

const module = process.env.WRAFT_MODULE ?? new URL("../build/module.wasm", import.meta.url);
const VALUE_BYTES_MAX = 1 << 20, KEY_BYTES_MAX = 1 << 10, SCAN_ITEMS_MAX = 256;

/** An item's head of CBOR. */
function head(major, n) {
  if (n < 24) return [major << 5 | n];
  if (n < 1 << 8) return [major << 5 | 24, n];
  if (n < 1 << 16) return [major << 5 | 25, n >> 8, n & 255];
  return [major << 5 | 26, n >>> 24, n >> 16 & 255, n >> 8 & 255, n & 255];
}

/** [operation, key, value, expected]; what is missing is null. */
function command(operation, ...operands) {
  const parts = [Buffer.from([0x84, ...head(3, operation.length)]), Buffer.from(operation)];
  for (let k = 0; k < 3; k++) {
    const operand = operands[k] ?? null;
    if (operand === null) parts.push(Buffer.from([0xf6]));
    else parts.push(Buffer.from(head(2, operand.length)), Buffer.from(operand));
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** A result in CBOR's diagnostic notation, with text for bytes. */
function shown(result) {
  if (result.status !== 0) return `${result.status}: ${result.text}`;
  const data = result.data;
  let at = 0;
  const item = () => {
    const first = data[at++];
    if (first >= 0xf4) return { 0xf4: "false", 0xf5: "true", 0xf6: "null" }[first];
    let n = first & 31;
    if (n >= 24) {
      const size = 1 << n - 24;
      n = Number("0x" + Buffer.from(data.slice(at, at + size)).toString("hex"));
      at += size;
    }
    if (first >> 5 === 0) return `${n}`;
    if (first >> 5 === 2) return `'${Buffer.from(data.slice(at, at += n)).toString()}'`;
    return `[${Array.from({ length: n }, item).join(", ")}]`;
  };
  const text = item();
  assert.equal(at, data.length);
  return text;
}

test("operations", async () => {
  const stub = await Stub.load(module);
  for (const [operation, operands, want] of [
    ["get", ["a"], "null"],
    ["put", ["a", "1"], "null"],
    ["get", ["a"], "'1'"],
    ["append", ["a", "23"], "3"],
    ["append", ["b", "xy"], "2"],
    ["append", ["empty"], "0"],
    ["get", ["empty"], "''"],
    ["get", ["a"], "'123'"],
    ["cas", ["a", "new", "wrong"], "false"],
    ["cas", ["a", "new"], "false"],
    ["cas", ["a", "new", "123"], "true"],
    ["cas", ["c", "born"], "true"],
    ["cas", ["c", "born"], "false"],
    ["cas", ["c", null, "born"], "true"],
    ["get", ["c"], "null"],
    ["delete", ["b"], "true"],
    ["delete", ["b"], "false"],
    ["scan", [], "[false, [['a', 'new'], ['empty', '']]]"],
    ["scan", ["a"], "[false, [['a', 'new']]]"],
    ["scan", [null, "a"], "[false, [['empty', '']]]"],
    ["rename", ["a"], '2: unknown operation "rename"; use put, append, cas, delete, get or scan'],
  ]) {
    assert.equal(shown(stub.apply(command(operation, ...operands))), want, `${operation} ${operands}`);
  }
});

test("bad commands change nothing", async () => {
  const stub = await Stub.load(module), empty = stub.snapshot();
  for (const [name, bytes, status] of [
    ["nothing", [], 1],
    ["short array", [0x81, 0x63, 103, 101, 116], 1],
    ["huge length", [0x9b, 255, 255, 255, 255, 255, 255, 255, 255], 1],
    ["trailing byte", [...command("get", "k"), 0], 1],
    ["text key", [0x84, 0x63, 103, 101, 116, 0x61, 107, 0xf6, 0xf6], 1],
    ["indefinite", [0x9f, 0x63, 103, 101, 116, 0x41, 107, 0xf6, 0xf6, 0xff], 1],
    ["long key", command("put", Buffer.alloc(KEY_BYTES_MAX + 1)), 3],
    ["long value", command("put", "k", Buffer.alloc(VALUE_BYTES_MAX + 1)), 3],
    ["unknown verb", command("frob", "k"), 2],
  ]) {
    assert.equal(stub.apply(Uint8Array.from(bytes)).status, status, name);
  }
  assert.equal(stub.query(command("put", "k", "v")).status, 2);
  assert.deepEqual(stub.snapshot(), empty);
});

test("an append stops at the limit", async () => {
  const stub = await Stub.load(module);
  stub.apply(command("put", "k", Buffer.alloc(VALUE_BYTES_MAX - 1)));
  assert.equal(shown(stub.apply(command("append", "k", "x"))), `${VALUE_BYTES_MAX}`);
  assert.equal(shown(stub.apply(command("append", "k", "x"))), "3: the value would exceed its limit");
});

test("pages of a scan", async () => {
  const stub = await Stub.load(module), total = 3 * SCAN_ITEMS_MAX / 2;
  const key = (k) => `key-${String(k).padStart(4, "0")}`;
  for (let k = total - 1; k >= 0; k--) stub.apply(command("put", key(k), "v"));
  const page = (after) => shown(stub.query(command("scan", "key-", after)));
  const pairs = (from, to) => Array.from({ length: to - from }, (_, k) => `['${key(from + k)}', 'v']`).join(", ");
  assert.equal(page(null), `[true, [${pairs(0, SCAN_ITEMS_MAX)}]]`);
  assert.equal(page(key(SCAN_ITEMS_MAX - 1)), `[false, [${pairs(SCAN_ITEMS_MAX, total)}]]`);
});

test("equal contents give equal snapshots", async () => {
  const a = await Stub.load(module, { seed: 1 }), b = await Stub.load(module, { seed: 2 });
  for (let k = 0; k < 100; k++) {
    a.apply(command("put", `k${k}`, "v"));
    b.apply(command("put", `k${99 - k}`, "v"));
    b.apply(command("put", `gone${k}`, "v"));
  }
  for (let k = 0; k < 100; k++) b.apply(command("delete", `gone${k}`));
  const state = a.snapshot();
  assert.deepEqual(b.snapshot(), state);
  b.apply(command("put", "more", "v"));
  b.restore(state);
  assert.deepEqual(b.snapshot(), state);
  for (const n of [0, 10, 18, 19, 25, state.length - 1]) assert.throws(() => b.restore(state.slice(0, n)), Refused, `${n} bytes`);
  assert.throws(() => b.restore(Buffer.concat([state, Buffer.alloc(1)])), new Refused("bytes follow the last value"));
  assert.deepEqual(b.snapshot(), state);
});

test("keys that come and go take no more memory", async () => {
  const stub = await Stub.load(module), value = Buffer.alloc(100);
  const round = (n) => {
    stub.history.length = 0;
    stub.applyAll(Array.from({ length: 1000 }, (_, k) => command("put", `key ${1000 * n + k}`, value.subarray(0, (7 * k + n) % 100))));
    stub.applyAll(Array.from({ length: 1000 }, (_, k) => command("delete", `key ${1000 * n + k}`)));
  };
  for (let n = 0; n < 10; n++) round(n);
  const before = stub.memoryBytes;
  for (let n = 10; n < 100; n++) round(n);
  assert.equal(shown(stub.query(command("scan"))), "[false, []]");
  assert.ok(stub.memoryBytes <= 2 * before, `${before} bytes became ${stub.memoryBytes}`);
});
