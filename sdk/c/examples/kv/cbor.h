/* cbor.h: the few shapes of CBOR (RFC 8949) that commands and results have. */
#ifndef KV_CBOR_H
#define KV_CBOR_H

#include "wraft.h"

/* Major types (RFC 8949 §3.1) and the simple values in use. */
enum { MAJOR_UINT = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4 };
enum { SIMPLE_FALSE = 0xf4, SIMPLE_TRUE = 0xf5, SIMPLE_NULL = 0xf6 };

/* decoder reads items from the front of rest. After a failure it keeps failing. */
typedef struct decoder {
	wraft_bytes rest;
	bool failed;
} decoder;

/* item is a string of bytes, or null. */
typedef struct item {
	wraft_bytes bytes;
	bool null;
} item;

static inline uint64_t decode_failed(decoder *d)
{
	d->failed = true;
	return 0;
}

/* decode_head reads an item's head of the given major type and returns its argument.
 * Indefinite lengths are refused. */
static inline uint64_t decode_head(decoder *d, uint8_t major)
{
	if (d->failed || d->rest.size == 0 || d->rest.data[0] >> 5 != major)
		return decode_failed(d);
	uint8_t info = d->rest.data[0] & 0x1f;
	size_t size = info < 24 ? 0 : (size_t)1 << (info & 3);
	if (info > 27 || d->rest.size < 1 + size)
		return decode_failed(d);
	uint64_t n = size == 0 ? info : 0;
	for (size_t i = 1; i <= size; i++)
		n = n << 8 | d->rest.data[i];
	d->rest.data += 1 + size;
	d->rest.size -= 1 + size;
	return n;
}

static inline wraft_bytes decode_bytes(decoder *d, uint8_t major)
{
	uint64_t n = decode_head(d, major);
	wraft_bytes b = {d->rest.data, (size_t)n};
	if (d->failed || n > d->rest.size) {
		d->failed = true;
		return (wraft_bytes){NULL, 0};
	}
	d->rest.data += n;
	d->rest.size -= (size_t)n;
	return b;
}

static inline item decode_bytes_or_null(decoder *d)
{
	item it = {{NULL, 0}, true};
	if (!d->failed && d->rest.size > 0 && d->rest.data[0] == SIMPLE_NULL) {
		d->rest.data++, d->rest.size--;
		return it;
	}
	it.bytes = decode_bytes(d, MAJOR_BYTES);
	it.null = false;
	return it;
}

/* encode_head appends an item's head in its shortest form. */
static inline void encode_head(wraft_output *out, uint8_t major, uint64_t n)
{
	major = (uint8_t)(major << 5);
	if (n < 24) {
		wraft_put_byte(out, (uint8_t)(major | n));
		return;
	}
	uint8_t power = n <= UINT8_MAX ? 0 : n <= UINT16_MAX ? 1 : n <= UINT32_MAX ? 2 : 3;
	wraft_put_byte(out, (uint8_t)(major | 24 | power));
	for (int shift = (8 << power) - 8; shift >= 0; shift -= 8)
		wraft_put_byte(out, (uint8_t)(n >> shift));
}

static inline void encode_bytes(wraft_output *out, wraft_bytes b)
{
	encode_head(out, MAJOR_BYTES, b.size);
	wraft_put(out, b.data, b.size);
}

static inline void encode_bool(wraft_output *out, bool v) { wraft_put_byte(out, v ? SIMPLE_TRUE : SIMPLE_FALSE); }

#endif
