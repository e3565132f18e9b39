/* CRC-32 as zip files have it. Source: ISO 3309, polynomial 0xedb88320 (reflected). */
#ifndef ATTEST_FILES_CRC32_H
#define ATTEST_FILES_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of some bytes that follow others whose CRC is `before`; 0 before the first. */
uint32_t crc32_add(uint32_t before, const void *data, size_t size);

#endif
