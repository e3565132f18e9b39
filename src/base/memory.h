/* Checked allocation. Every buffer is released with free(). */
#ifndef ATTEST_BASE_MEMORY_H
#define ATTEST_BASE_MEMORY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* count * size bytes, 64-byte aligned, contents undefined; buffers of 2 MiB and more are aligned
 * to 2 MiB and advised as huge pages. NULL and error (EXIT_RUN, naming `what`) when the product
 * overflows or memory is short. Zero bytes give a valid pointer. */
void *memory_alloc(size_t count, size_t size, const char *what, struct error *error);

/* The same, filled with zero bytes. */
void *memory_zeroed(size_t count, size_t size, const char *what, struct error *error);

/* Room for `count` elements of `size` bytes in a list that has room for *room, with what is in it:
 * a list that is too short moves to one of at least twice the room. Returns the list; NULL without
 * memory, and then the list and *room are as they were. New elements are undefined. NULL and 0 are
 * a list without elements. free(). */
void *memory_room(void *list, size_t count, size_t *room, size_t size);

/* The same with an error (EXIT_RUN, naming `what`) where memory is short. */
void *memory_grow(void *list, size_t count, size_t *room, size_t size, const char *what,
                  struct error *error);

/* Bytes that can be used without swapping (MemAvailable of /proc/meminfo, limited by the
 * address-space and cgroup v2 limits); 0 when unknown. */
uint64_t memory_available(void);

#endif
