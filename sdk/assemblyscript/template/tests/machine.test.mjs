import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Stub } from "../wraft/stub.mjs";

const module = process.env.WRAFT_MODULE ?? new URL("../{{.Name}}.wasm", import.meta.url);

test("it counts", async () => {
  const stub = await Stub.load(module);
  assert.deepEqual(stub.applyAll(["incr", "add 41", "get"]).map((r) => r.text), ['{"value":1}', '{"value":42}', '{"value":42}']);
  assert.equal(stub.query("get").text, '{"value":42}');
  assert.equal(stub.apply("add two").status, 1);
  assert.equal(stub.apply("fly").status, 1);
});

test("its state goes out and in", async () => {
  const stub = await Stub.load(module), other = await Stub.load(module);
  stub.apply("incr");
  other.restore(stub.snapshot(), stub.version);
  assert.equal(other.query("get").text, '{"value":1}');
  assert.throws(() => other.restore("short"), new Refused("the snapshot is cut off"));
});
