/*
 * wraft_memory.c: malloc and memcpy with their families, and what else the compiler
 * makes calls of, for machines without a C library. Compile it into every machine, together with wraft.c.
 *
 * The heap is what the linker left of memory, and grows. It is cut into blocks, each
 * behind a header with its own size and that of the block before it, so that a freed
 * block merges with its neighbours at once. Free blocks hang in lists by size: 16
 * classes up to 256 bytes, then 16 per power of two, found through bitmaps. Both malloc
 * and free take a bounded number of steps, whatever the machine holds.
 *
 * In a native build only the heap and memcmp are compiled, under other names and over an
 * arena of the tests.
 */
#include "wraft_memory.h"

typedef uint32_t address; /* of a block, in bytes from the start of memory; 0 is none */

typedef struct block {
	uint32_t before; /* size of the block in front of it, 0 if there is none */
	uint32_t size;   /* with this header; the lowest bit is set while it is in use */
	address next, previous; /* in its list, while it is free */
} block;

enum {
	HEADER_BYTES = 8,
	GRAIN = 16, /* sizes are multiples of it, and so are the addresses malloc returns */
	COLUMNS = 16,
	ROWS = 25,
	LINEAR_BYTES = GRAIN * COLUMNS, /* below it there is one class per size */
	PAGE_BYTES = 64 << 10,
	USED = 1
};

#define REQUEST_BYTES_MAX 0x7fff0000u

static struct {
	address end; /* of the last segment; its last 8 bytes are a header of size 0, in use */
	uint32_t rows;
	uint32_t columns[ROWS];
	address lists[ROWS][COLUMNS];
} heap;

#ifdef __wasm__
extern uint8_t __heap_base;
#define HEAP_BASE ((address)(uintptr_t)&__heap_base)
#define AT(a) ((block *)(uintptr_t)(a))
#define ADDRESS(p) ((address)(uintptr_t)(p))
static uint32_t memory_pages(void) { return (uint32_t)__builtin_wasm_memory_size(0); }
static bool grow_pages(uint32_t n) { return __builtin_wasm_memory_grow(0, n) != (size_t)-1; }
#else
#define HEAP_BASE 40u
#define AT(a) ((block *)(heap_arena + (a)))
#define ADDRESS(p) ((address)((uint8_t *)(p) - heap_arena))
#define malloc heap_malloc
#define calloc heap_calloc
#define realloc heap_realloc
#define free heap_free
#define memcmp heap_memcmp
uint8_t *heap_arena;
uint32_t heap_pages, heap_pages_max;
static uint32_t memory_pages(void) { return heap_pages; }
static bool grow_pages(uint32_t n)
{
	if (n > heap_pages_max - heap_pages)
		return false;
	heap_pages += n;
	return true;
}
void heap_reset(void) { memset(&heap, 0, sizeof heap); }
#endif

/* ---- Lists of free blocks. ---- */

typedef struct place {
	uint32_t row, column;
} place;

/* place_of is where a free block of that size hangs. */
static place place_of(uint32_t size)
{
	if (size < LINEAR_BYTES)
		return (place){0, size / GRAIN};
	uint32_t top = 31 - (uint32_t)__builtin_clz(size);
	return (place){top - 7, size >> (top - 4) & (COLUMNS - 1)};
}

/* place_that_fits is the first whose blocks all have that size at least. */
static place place_that_fits(uint32_t size)
{
	if (size >= LINEAR_BYTES)
		size += (1u << (27 - __builtin_clz(size))) - 1;
	return place_of(size);
}

static void hang(address a, uint32_t size)
{
	place p = place_of(size);
	address *head = &heap.lists[p.row][p.column];
	AT(a)->previous = 0;
	AT(a)->next = *head;
	if (*head)
		AT(*head)->previous = a;
	*head = a;
	heap.columns[p.row] |= 1u << p.column;
	heap.rows |= 1u << p.row;
}

static void unhang(address a, uint32_t size)
{
	place p = place_of(size);
	address next = AT(a)->next, previous = AT(a)->previous;
	if (next)
		AT(next)->previous = previous;
	if (previous) {
		AT(previous)->next = next;
		return;
	}
	heap.lists[p.row][p.column] = next;
	if (next)
		return;
	heap.columns[p.row] &= ~(1u << p.column);
	if (!heap.columns[p.row])
		heap.rows &= ~(1u << p.row);
}

/* find is a free block of at least that size, or 0. */
static address find(uint32_t size)
{
	place p = place_that_fits(size);
	if (p.row >= ROWS)
		return 0;
	uint32_t columns = heap.columns[p.row] & ~0u << p.column;
	if (!columns) {
		uint32_t rows = heap.rows & ~0u << p.row & ~(1u << p.row);
		if (!rows)
			return 0;
		p.row = (uint32_t)__builtin_ctz(rows);
		columns = heap.columns[p.row];
	}
	return heap.lists[p.row][__builtin_ctz(columns)];
}

/* ---- Blocks. ---- */

static uint32_t size_of(address a) { return AT(a)->size & ~(uint32_t)USED; }
static bool used(address a) { return AT(a)->size & USED; }

/* release makes a block of that size free, merged with its neighbours. */
static void release(address a, uint32_t size)
{
	address after = a + size;
	uint32_t before = AT(a)->before;
	if (!used(after)) {
		uint32_t more = size_of(after);
		unhang(after, more);
		size += more;
	}
	if (before && !used(a - before)) {
		a -= before;
		unhang(a, before);
		size += before;
	}
	AT(a)->size = size;
	AT(a + size)->before = size;
	hang(a, size);
}

/* take marks a block as used that is in no list, and gives back what it has too much. */
static void take(address a, uint32_t has, uint32_t wanted)
{
	if (has - wanted < GRAIN)
		wanted = has;
	AT(a)->size = wanted | USED;
	AT(a + wanted)->before = wanted;
	if (wanted == has)
		return;
	AT(a + wanted)->size = (has - wanted) | USED;
	release(a + wanted, has - wanted);
}

/* extend makes the heap larger by at least that size: by an eighth if memory allows. */
static bool extend(uint32_t size)
{
	uint64_t end = (uint64_t)memory_pages() * PAGE_BYTES;
	address from = heap.end ? heap.end - HEADER_BYTES : (HEAP_BASE + GRAIN - 1) / GRAIN * GRAIN + HEADER_BYTES;
	if (heap.end && heap.end != end) /* somebody else grew memory: leave theirs alone */
		from = (address)end + HEADER_BYTES;
	uint64_t room = end > from ? end - from : 0;
	uint64_t need = (uint64_t)size + HEADER_BYTES;
	if (room < need) {
		uint32_t pages = (uint32_t)((need - room + PAGE_BYTES - 1) / PAGE_BYTES), eighth = memory_pages() / 8;
		if (!(eighth > pages && grow_pages(eighth)) && !grow_pages(pages))
			return false;
		end = (uint64_t)memory_pages() * PAGE_BYTES;
	}
	if (end > UINT32_MAX) /* the last page of four gibibytes stays unused */
		return false;
	uint32_t gained = (uint32_t)end - HEADER_BYTES - from;
	bool joins = heap.end && from == heap.end - HEADER_BYTES;
	if (!joins)
		AT(from)->before = 0;
	AT(from)->size = gained | USED;
	AT(from + gained)->size = USED;
	heap.end = (address)end;
	release(from, gained);
	return true;
}

/* ---- The standard functions. ---- */

void *malloc(size_t n)
{
	if (n > REQUEST_BYTES_MAX)
		return NULL;
	uint32_t size = ((uint32_t)n + HEADER_BYTES + GRAIN - 1) & ~(uint32_t)(GRAIN - 1);
	address a = find(size);
	if (!a) {
		/* A block found by its class is larger than asked for by a sixteenth at most. */
		if (!extend(size + size / COLUMNS + GRAIN))
			return NULL;
		a = find(size);
	}
	uint32_t has = size_of(a);
	unhang(a, has);
	take(a, has, size);
	return (uint8_t *)AT(a) + HEADER_BYTES;
}

void free(void *p)
{
	if (!p)
		return;
	address a = ADDRESS(p) - HEADER_BYTES;
	release(a, size_of(a));
}

void *calloc(size_t count, size_t n)
{
	if (n && count > SIZE_MAX / n)
		return NULL;
	void *p = malloc(count * n);
	return p ? memset(p, 0, count * n) : NULL;
}

void *realloc(void *p, size_t n)
{
	if (!p)
		return malloc(n);
	if (n > REQUEST_BYTES_MAX)
		return NULL;
	address a = ADDRESS(p) - HEADER_BYTES;
	uint32_t wanted = ((uint32_t)n + HEADER_BYTES + GRAIN - 1) & ~(uint32_t)(GRAIN - 1), has = size_of(a);
	address after = a + has;
	if (has < wanted && !used(after) && has + size_of(after) >= wanted) {
		uint32_t more = size_of(after);
		unhang(after, more);
		has += more;
		AT(a)->size = has | USED;
		AT(a + has)->before = has;
	}
	if (has >= wanted) {
		take(a, has, wanted);
		return p;
	}
	void *q = malloc(n);
	if (!q)
		return NULL;
	memcpy(q, p, has - HEADER_BYTES);
	free(p);
	return q;
}

/* ---- Comparing. ---- */

typedef struct { uint64_t word; } __attribute__((packed, may_alias)) unaligned64;
typedef struct { uint32_t word; } __attribute__((packed, may_alias)) unaligned32;

static uint64_t load64(const void *p) { return ((const unaligned64 *)p)->word; }
static uint32_t load32(const void *p) { return ((const unaligned32 *)p)->word; }

/* The first byte decides, so words are compared with their bytes turned round. The last
 * word may overlap the one before, which was equal. */
int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	if (n >= 8) {
		for (size_t at = 0;; at = n - at > 16 ? at + 8 : n - 8) {
			uint64_t p = load64(x + at), q = load64(y + at);
			if (p != q)
				return __builtin_bswap64(p) < __builtin_bswap64(q) ? -1 : 1;
			if (at == n - 8)
				return 0;
		}
	}
	if (n >= 4) {
		uint32_t p = load32(x), q = load32(y);
		if (p == q)
			p = load32(x + n - 4), q = load32(y + n - 4);
		return p == q ? 0 : __builtin_bswap32(p) < __builtin_bswap32(q) ? -1 : 1;
	}
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

#ifdef __wasm__

/* ---- Strings of bytes. Why loops for short ones: bulk instructions are calls of the engine. ---- */

enum { BULK_BYTES_MIN = 128 };

/* This file is compiled with -fno-builtin, or these loops would become calls of themselves. */
static void store64(void *p, uint64_t word) { ((unaligned64 *)p)->word = word; }
static void store32(void *p, uint32_t word) { ((unaligned32 *)p)->word = word; }

/* The last word may overlap the one before: nothing is read after it was written. */
void *memcpy(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;
	if (n >= BULK_BYTES_MIN) {
		__builtin_memcpy(to, from, n);
	} else if (n >= 8) {
		uint8_t *last = t + n - 8;
		uint64_t end = load64(f + n - 8);
		for (; t < last; t += 8, f += 8)
			store64(t, load64(f));
		store64(last, end);
	} else if (n >= 4) {
		uint32_t end = load32(f + n - 4);
		store32(t, load32(f));
		store32(t + n - 4, end);
	} else if (n > 0) {
		uint8_t middle = f[n / 2], end = f[n - 1];
		t[0] = f[0];
		t[n / 2] = middle;
		t[n - 1] = end;
	}
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	return (uintptr_t)to - (uintptr_t)from >= n && (uintptr_t)from - (uintptr_t)to >= n ? memcpy(to, from, n) : __builtin_memmove(to, from, n);
}

void *memset(void *to, int byte, size_t n)
{
	uint8_t *t = to;
	if (n >= BULK_BYTES_MIN) {
		__builtin_memset(to, byte, n);
		return to;
	}
	for (uint64_t word = (uint8_t)byte * 0x0101010101010101u; n >= 8; n -= 8, t += 8)
		store64(t, word);
	for (; n > 0; n--)
		*t++ = (uint8_t)byte;
	return to;
}

size_t strlen(const char *s)
{
	const char *end = s;
	while (*end)
		end++;
	return (size_t)(end - s);
}

/* ---- Arithmetic that WebAssembly has no instruction for. ---- */

/* __multi3 is the product of two numbers of 128 bits: __builtin_mul_overflow of 64 bits calls it. */
__int128 __multi3(__int128 a, __int128 b)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;
	uint64_t x0 = (uint32_t)x, x1 = x >> 32, y0 = (uint32_t)y, y1 = y >> 32;
	uint64_t low = x0 * y0, middle = x1 * y0 + (low >> 32), other = x0 * y1 + (uint32_t)middle;
	uint64_t high = x1 * y1 + (middle >> 32) + (other >> 32);
	high += (uint64_t)(a >> 64) * y + x * (uint64_t)(b >> 64);
	return (__int128)((unsigned __int128)high << 64 | (other << 32 | (uint32_t)low));
}

#endif
