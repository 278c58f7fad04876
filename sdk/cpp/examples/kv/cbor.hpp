// cbor.hpp: the few shapes of CBOR (RFC 8949) that commands and results have.
#ifndef KV_CBOR_HPP
#define KV_CBOR_HPP

#include "wraft.hpp"

namespace cbor {

// Major types (RFC 8949 §3.1) and the simple values in use.
enum Major : uint8_t { uint = 0, bytes = 2, text = 3, array = 4 };
enum Simple : uint8_t { no = 0xf4, yes = 0xf5, null = 0xf6 };

// Item is a string of bytes, or null.
struct Item {
	wraft::Bytes bytes;
	bool null = true;
};

// Decoder reads items from the front of what is left. After a failure it keeps failing.
class Decoder {
public:
	explicit Decoder(wraft::Bytes b) : rest(b) {}

	// Whether all was read, and all of it made sense.
	bool done() const { return !failed && rest.empty(); }

	void array_of(uint64_t n)
	{
		if (head(array) != n)
			failed = true;
	}

	wraft::Bytes string(Major major)
	{
		uint64_t n = head(major);
		if (failed || n > rest.size) {
			failed = true;
			return {};
		}
		wraft::Bytes b(rest.data, size_t(n));
		rest = rest.from(b.size);
		return b;
	}

	Item bytes_or_null()
	{
		if (!failed && !rest.empty() && rest.data[0] == null) {
			rest = rest.from(1);
			return {};
		}
		return {string(bytes), false};
	}

private:
	// The argument of an item's head of that major type. Indefinite lengths are refused.
	uint64_t head(Major major)
	{
		failed = failed || rest.empty() || rest.data[0] >> 5 != major;
		if (failed)
			return 0;
		uint8_t info = rest.data[0] & 0x1f;
		size_t size = info < 24 ? 0 : size_t(1) << (info & 3);
		if (info > 27 || rest.size < 1 + size) {
			failed = true;
			return 0;
		}
		uint64_t n = size == 0 ? info : 0;
		for (size_t i = 1; i <= size; i++)
			n = n << 8 | rest.data[i];
		rest = rest.from(1 + size);
		return n;
	}

	wraft::Bytes rest;
	bool failed = false;
};

// put_head appends an item's head in its shortest form.
inline void put_head(wraft::Output &out, Major major, uint64_t n)
{
	uint8_t high = uint8_t(major << 5);
	if (n < 24) {
		out.byte(uint8_t(high | n));
		return;
	}
	int power = n <= UINT8_MAX ? 0 : n <= UINT16_MAX ? 1 : n <= UINT32_MAX ? 2 : 3;
	out.byte(uint8_t(high | 24 | power));
	for (int shift = (8 << power) - 8; shift >= 0; shift -= 8)
		out.byte(uint8_t(n >> shift));
}

inline void put_bytes(wraft::Output &out, wraft::Bytes b)
{
	put_head(out, bytes, b.size);
	out.put(b);
}

inline void put_bool(wraft::Output &out, bool v) { out.byte(v ? yes : no); }

} // namespace cbor

#endif
