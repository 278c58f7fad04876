/*
 * wraft_host.h: the functions of the host as they are imported. Part of the SDK's
 * inside; machines include wraft.h. In a native build wraft_stub.c defines them.
 */
#ifndef WRAFT_HOST_H
#define WRAFT_HOST_H

#include "wraft.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __wasm__
#define WRAFT_IMPORT(name) __attribute__((import_module("wraft"), import_name(name)))
#else
#define WRAFT_IMPORT(name)
#endif

WRAFT_IMPORT("now") int64_t wraft_host_now(void);
WRAFT_IMPORT("index") int64_t wraft_host_index(void);
WRAFT_IMPORT("fuel") int64_t wraft_host_fuel(void);
WRAFT_IMPORT("random") void wraft_host_random(void *p, uint32_t n);
WRAFT_IMPORT("log") void wraft_host_log(int32_t level, const void *p, uint32_t n);
WRAFT_IMPORT("emit") void wraft_host_emit(const void *p, uint32_t n);
WRAFT_IMPORT("set_error") void wraft_host_set_error(const void *p, uint32_t n);
WRAFT_IMPORT("snapshot_write") int32_t wraft_host_snapshot_write(const void *p, uint32_t n);
WRAFT_IMPORT("restore_read") int32_t wraft_host_restore_read(void *p, uint32_t n);

/* wraft_host_trap ends the call. */
#ifdef __wasm__
#define wraft_host_trap() __builtin_trap()
#else
__attribute__((noreturn)) void wraft_host_trap(void);
#endif

/* The calls of the host, without the packing of pointers that only fits 32 bits. */
uint8_t *wraft_serve_alloc(uint32_t n);
wraft_bytes wraft_serve_apply(const uint8_t *entry, uint32_t size);
wraft_bytes wraft_serve_query(const uint8_t *query, uint32_t size);
int32_t wraft_serve_snapshot(void);
int32_t wraft_serve_restore(uint32_t from_version);

#ifdef __cplusplus
}
#endif

#endif
