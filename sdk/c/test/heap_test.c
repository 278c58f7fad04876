/* heap_test.c: the heap of wraft_memory.c under random use, over an arena of the test. */
#include "check.h"
#include "wraft_memory.h"

/* The tests of the heap call no machine, but wraft.c wants one. */
int32_t machine_apply(wraft_bytes c, wraft_output *out) { return (void)c, (void)out, 0; }
int32_t machine_query(wraft_bytes q, wraft_output *out) { return (void)q, (void)out, 0; }
int32_t machine_snapshot(wraft_writer *w, wraft_output *why) { return (void)w, (void)why, 0; }
int32_t machine_restore(wraft_reader *r, uint32_t v, wraft_output *why) { return (void)r, (void)v, (void)why, 0; }

enum { PAGE = 64 << 10, PAGES_MAX = 256, PIECES = 2000 };

static struct piece {
	uint8_t *data;
	size_t size;
	uint8_t fill;
} pieces[PIECES];

static uint64_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static void start(uint32_t pages, uint32_t pages_max)
{
	heap_arena = aligned_alloc(PAGE, (size_t)PAGES_MAX * PAGE);
	if (!heap_arena)
		abort();
	heap_pages = pages;
	heap_pages_max = pages_max;
	heap_reset();
	memset(pieces, 0, sizeof pieces);
}

static bool intact(const struct piece *p)
{
	for (size_t i = 0; i < p->size; i++)
		if (p->data[i] != p->fill)
			return false;
	return true;
}

/* fill writes to every byte, so that pieces that overlap are found. */
static void fill(struct piece *p, uint8_t *data, size_t size)
{
	*p = (struct piece){data, size, (uint8_t)chance(256)};
	memset(data, p->fill, size);
	check(((size_t)(data - heap_arena) & 15) == 0);
	check((size_t)(data - heap_arena) + size <= (size_t)heap_pages * PAGE);
}

/* some is a size: mostly small, sometimes a megabyte. */
static size_t some(void) { return chance(1u << chance(21)) + chance(2); }

static void turn(struct piece *p)
{
	if (!p->data) {
		size_t n = some();
		uint8_t *data = chance(4) ? heap_malloc(n) : heap_calloc(1, n);
		if (data)
			fill(p, data, n);
		return;
	}
	check(intact(p));
	if (chance(3)) {
		heap_free(p->data);
		*p = (struct piece){0};
		return;
	}
	size_t n = some(), kept = n < p->size ? n : p->size;
	uint8_t *data = heap_realloc(p->data, n);
	if (!data)
		return; /* the former one stays */
	*p = (struct piece){data, kept, p->fill};
	check(intact(p));
	fill(p, data, n);
}

/* whole says that what was freed has grown together again: nearly all of the arena can
 * be had in one piece. */
static bool whole(void)
{
	for (size_t i = 0; i < PIECES; i++) {
		heap_free(pieces[i].data);
		pieces[i].data = NULL;
	}
	uint32_t pages = heap_pages;
	void *p = heap_malloc((size_t)pages * PAGE * 14 / 16 - PAGE);
	bool ok = p && heap_pages == pages;
	heap_free(p);
	return ok;
}

static void random_use(uint64_t from, uint32_t pages, uint32_t pages_max)
{
	seed = from;
	start(pages, pages_max);
	for (int i = 0; i < 30000; i++)
		turn(&pieces[chance(PIECES)]);
	check(whole());
	free(heap_arena);
}

static void limits(void)
{
	start(1, 4);
	check(!heap_malloc(SIZE_MAX));
	check(!heap_malloc(0xffffffffu));
	check(!heap_calloc(1u << 20, SIZE_MAX >> 10));
	check(!heap_malloc(4 * PAGE));
	uint8_t *p = heap_malloc(3 * PAGE);
	check(p != NULL);
	check(!heap_realloc(p, 8 * PAGE));
	heap_free(p);
	heap_free(NULL);
	check(heap_malloc(0) != NULL);
	free(heap_arena);
}

/* Memory that somebody else grew is not the heap's. */
static void foreign_growth(void)
{
	start(1, PAGES_MAX);
	uint8_t *a = heap_malloc(1000);
	memset(heap_arena + (size_t)heap_pages * PAGE, 0x5a, PAGE);
	size_t theirs = (size_t)heap_pages * PAGE;
	heap_pages++;
	for (int i = 0; i < 100; i++) {
		uint8_t *p = heap_malloc(10000);
		check(p && (p + 10000 <= heap_arena + theirs || p >= heap_arena + theirs + PAGE));
		if (p)
			memset(p, 1, 10000);
	}
	heap_free(a);
	for (size_t i = 0; i < PAGE; i++)
		check(heap_arena[theirs + i] == 0x5a);
	free(heap_arena);
}

static int sign(int n) { return (n > 0) - (n < 0); }

/* comparing holds memcmp against the library's: every length up to some words, every
 * place of a difference, and another one behind it that must not count. */
static void comparing(void)
{
	for (size_t n = 0; n <= 40; n++)
		for (size_t at = 0; at <= n; at++)
			for (int by = 1; by < 256; by += 127) {
				uint8_t *a = malloc(n ? n : 1), *b = malloc(n ? n : 1); /* so that a sanitizer sees what is read beyond */
				for (size_t i = 0; i < n; i++)
					a[i] = b[i] = (uint8_t)(i * 37 + by);
				if (at < n)
					b[at] = (uint8_t)(a[at] + by);
				if (at + 1 < n)
					a[n - 1] ^= 0x80;
				check(sign(heap_memcmp(a, b, n)) == sign(memcmp(a, b, n)));
				check(sign(heap_memcmp(b, a, n)) == sign(memcmp(b, a, n)));
				free(a), free(b);
			}
}

int main(void)
{
	comparing();
	for (uint64_t s = 1; s <= 4; s++)
		random_use(s, 1, s % 2 ? PAGES_MAX : 64);
	limits();
	foreign_growth();
	return check_done("heap_test");
}
