/* Records of a zip file and the places of their fields. Source: PKWARE APPNOTE 6.3.10, section 4.3.
 */
#ifndef ATTEST_FILES_ZIP_FORMAT_H
#define ATTEST_FILES_ZIP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define ZIP_LOCAL_SIGNATURE 0x04034b50u
#define ZIP_LOCAL_BYTES 30
#define ZIP_DESCRIPTOR_SIGNATURE 0x08074b50u
#define ZIP_DESCRIPTOR_BYTES 16
#define ZIP_DESCRIPTOR64_BYTES 24
#define ZIP_CENTRAL_SIGNATURE 0x02014b50u
#define ZIP_CENTRAL_BYTES 46
#define ZIP_END_SIGNATURE 0x06054b50u
#define ZIP_END_BYTES 22
#define ZIP_END64_SIGNATURE 0x06064b50u
#define ZIP_END64_BYTES 56
#define ZIP_LOCATOR_SIGNATURE 0x07064b50u
#define ZIP_LOCATOR_BYTES 20

#define ZIP_FLAG_ENCRYPTED 0x0001
#define ZIP_FLAG_DESCRIPTOR 0x0008
#define ZIP_FLAG_STRONG 0x0040
#define ZIP_FLAG_UTF8 0x0800
#define ZIP_FLAG_MASKED 0x2000

#define ZIP_EXTRA_ZIP64 0x0001
#define ZIP_EXTRA_PADDING 0x4246 /* "FB": how PyTorch aligns the bytes of an entry */

static inline uint64_t zip_number(const uint8_t *bytes, size_t count)
{
  uint64_t number = 0;
  while (count-- > 0)
    number = number << 8 | bytes[count];
  return number;
}

static inline uint16_t zip_u16(const uint8_t *bytes)
{
  return (uint16_t)zip_number(bytes, 2);
}

static inline uint32_t zip_u32(const uint8_t *bytes)
{
  return (uint32_t)zip_number(bytes, 4);
}

static inline uint64_t zip_u64(const uint8_t *bytes)
{
  return zip_number(bytes, 8);
}

#endif
