#include "files/crc32.h"

#include <pthread.h>

#define LANES 8

/* tables[k][b]: what byte b does to the remainder when k bytes follow it. */
static uint32_t tables[LANES][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; bit++)
      rest = rest >> 1 ^ (rest & 1 ? 0xedb88320u : 0);
    tables[0][byte] = rest;
  }
  for (int k = 1; k < LANES; k++)
    for (int byte = 0; byte < 256; byte++) {
      uint32_t rest = tables[k - 1][byte];
      tables[k][byte] = rest >> 8 ^ tables[0][rest & 255];
    }
}

uint32_t crc32_add(uint32_t before, const void *data, size_t size)
{
  const uint8_t *byte = data;
  uint32_t rest = ~before;
  pthread_once(&made, make_tables);
  for (; size >= LANES; size -= LANES, byte += LANES) {
    uint32_t next = 0;
    for (int i = 0; i < LANES; i++) {
      uint32_t mixed = byte[i] ^ (i < 4 ? rest >> 8 * i & 255 : 0);
      next ^= tables[LANES - 1 - i][mixed];
    }
    rest = next;
  }
  for (; size; size--, byte++)
    rest = rest >> 8 ^ tables[0][(rest ^ *byte) & 255];
  return ~rest;
}
