#include "base/reserve.h"

#include "base/error.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESERVE ((size_t)8 << 20) /* libcrypto takes half a MiB to start, a parser much less */
#define UNIT sizeof(max_align_t)

/* Never given back; until it is touched it takes no memory. */
static _Alignas(max_align_t) char reserve[RESERVE];
static atomic_size_t used;

bool reserve_touched(void)
{
  return atomic_load(&used) > 0;
}

/* Nothing is printed below src/command/, but here nobody is left who could. */
static _Noreturn void give_up(void)
{
  static const char line[] = "attest: out of memory, even for a full message\n";
  ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
  (void)ignored;
  _exit(EXIT_RUN);
}

static bool is_reserved(const void *block)
{
  uintptr_t at = (uintptr_t)block, begin = (uintptr_t)reserve;
  return at >= begin && at - begin < RESERVE;
}

/* The size is in the unit before the block. */
static void *take(size_t size)
{
  size_t rounded = size / UNIT * UNIT + 2 * UNIT;
  if (size > RESERVE / 2 || atomic_load(&used) > RESERVE)
    give_up();
  size_t at = atomic_fetch_add(&used, rounded);
  if (at > RESERVE - rounded)
    give_up();
  memcpy(reserve + at, &size, sizeof size);
  return reserve + at + UNIT;
}

void *reserve_malloc(size_t size)
{
  void *block = malloc(size);
  return block || size == 0 ? block : take(size);
}

void *reserve_calloc(size_t count, size_t size)
{
  size_t bytes;
  void *block = calloc(count, size);
  if (block || count == 0 || size == 0)
    return block;
  if (__builtin_mul_overflow(count, size, &bytes))
    give_up();
  return take(bytes); /* handed out once only, so still zero */
}

void *reserve_realloc(void *old, size_t size)
{
  if (!old)
    return reserve_malloc(size);
  bool reserved = is_reserved(old);
  void *block = reserved ? NULL : realloc(old, size);
  if (block || size == 0)
    return block;
  block = take(size);
  size_t kept = size;
  if (reserved)
    memcpy(&kept, (char *)old - UNIT, sizeof kept);
  else
    kept = malloc_usable_size(old);
  memcpy(block, old, kept < size ? kept : size);
  reserve_free(old);
  return block;
}

char *reserve_strdup(const char *text)
{
  size_t size = strlen(text) + 1;
  return memcpy(reserve_malloc(size), text, size);
}

void reserve_free(void *block)
{
  if (!is_reserved(block))
    free(block);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
  (void)file, (void)line;
  return reserve_malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
  (void)file, (void)line;
  return reserve_realloc(old, size);
}

static void crypto_free(void *block, const char *file, int line)
{
  (void)file, (void)line;
  reserve_free(block);
}

void reserve_install(void)
{
  json_set_alloc_funcs(reserve_malloc, reserve_free);
  (void)CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}
