// kv_test.cpp: the key-value store beside a host of the tests, and beside a plain model.
#include <map>
#include <string>

#include "check.h"
#include "store.hpp"

static std::string item(const std::string *s)
{
	if (!s)
		return "\xf6";
	std::string head = "\x5a";
	for (int shift = 24; shift >= 0; shift -= 8)
		head += char(s->size() >> shift);
	return head + *s;
}

static wraft_result run(const std::string &operation, const std::string *key, const std::string *value = nullptr, const std::string *expected = nullptr)
{
	std::string c = "\x84" + std::string(1, char(0x60 | operation.size())) + operation + item(key) + item(value) + item(expected);
	return wraft_stub_apply(c.data(), c.size());
}

static std::string text(wraft_result r) { return std::string(reinterpret_cast<const char *>(r.data.data), r.data.size); }

static void operations()
{
	std::string a = "a", b = "b", v = "1", w = "23", both = "123";
	expect(run("get", &a), 0, "\xf6");
	expect(run("put", &a, &v), 0, "\xf6");
	expect(run("append", &a, &w), 0, "\x03");
	expect(run("get", &a), 0, "\x43" "123");
	expect(run("cas", &a, &v, &v), 0, "\xf4");
	expect(run("cas", &a, &v, &both), 0, "\xf5");
	expect(run("cas", &b, &w), 0, "\xf5");
	expect(run("cas", &b, &v), 0, "\xf4");
	expect(run("scan", nullptr), 0, "\x82\xf4\x82\x82\x41" "a" "\x41" "1" "\x82\x41" "b" "\x42" "23");
	expect(run("scan", nullptr, &a), 0, "\x82\xf4\x81\x82\x41" "b" "\x42" "23");
	expect(run("delete", &b), 0, "\xf5");
	expect(run("delete", &b), 0, "\xf4");
	expect(run("rename", &a), 2, "unknown operation \"rename\"; use put, append, cas, delete, get or scan");
	std::string large(value_bytes_max + 1, 'x');
	expect(run("put", &a, &large), 3, "the value has 1048577 bytes, at most 1048576 are allowed");
	expect(run("put", &large), 3, "the key has 1048577 bytes, at most 1024 are allowed");
}

// model lets a store and a map go through the same life.
static void model()
{
	Store store;
	std::map<std::string, std::string> plain;
	auto bytes = [](const std::string &s) { return wraft::Bytes(reinterpret_cast<const uint8_t *>(s.data()), s.size()); };
	uint32_t chance = 1;
	for (int turn = 0; turn < 30000; turn++) {
		chance = chance * 1664525 + 1013904223;
		std::string key = "k" + std::to_string((chance >> 8) % 1000), value((chance >> 20) % 40, char('a' + turn % 26));
		if (chance >> 30 < 2) {
			store.at(bytes(key)).set(bytes(value));
			plain[key] = value;
		} else {
			check(store.remove(bytes(key)) == (plain.erase(key) > 0));
		}
		check((store.find(bytes(key)) != nullptr) == (plain.count(key) > 0));
		if (turn % 200)
			continue;
		check(store.count() == plain.size());
		const Pair *p = store.first();
		for (const auto &kv : plain) {
			check(p && p->key() == bytes(kv.first) && p->value() == bytes(kv.second));
			check(store.from(bytes(kv.first), false) == p && store.from(bytes(kv.first), true) == p->next());
			p = p->next();
		}
		check(!p);
	}
}

static void snapshots()
{
	for (int k = 0; k < 1000; k++) {
		std::string key = "key " + std::to_string(k * 7 % 1000), value(k % 100, 'v');
		run("put", &key, &value);
	}
	std::string kept = text(wraft_stub_snapshot());
	check(kept.size() > 50000);
	expect(wraft_stub_restore(kept.data(), kept.size(), 0), 0, "");
	check(text(wraft_stub_snapshot()) == kept);
	for (size_t n = 0; n < kept.size(); n += n < 200 ? 1 : 997)
		check(wraft_stub_restore(kept.data(), n, 0).status == 1);
	expect(wraft_stub_restore((kept + "x").data(), kept.size() + 1, 0), 1, "bytes follow the last value");
	expect(wraft_stub_restore("wraft-kv 1\n\2\0\0\0\0\0\0\0\1\0\0\0b\0\0\0\0\1\0\0\0a\0\0\0\0", 37, 0), 1, "key 1 of 2 is out of order");
	expect(wraft_stub_restore("wraft-kv 1\n\1\0\0\0\0\0\0\0\1\4\0\0", 23, 0), 1, "key 0 of 1: 1025 bytes, at most 1024 are allowed");
}

int main()
{
	operations();
	model();
	snapshots();
	return check_done("cpp/kv_test");
}
