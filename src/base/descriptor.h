/* Bytes to open files. All return 0 or the reason as errno. */
#ifndef ATTEST_BASE_DESCRIPTOR_H
#define ATTEST_BASE_DESCRIPTOR_H

#include <stddef.h>

int descriptor_write(int fd, const void *data, size_t size);

/* To somebody who may take their time, or never come: an interruption (base/interrupt.h) ends the
 * wait, with EINTR. */
int descriptor_write_patiently(int fd, const void *data, size_t size);

/* Opens a named pipe for writing, likewise patient: -1 and errno on failure. Writes do not block.
 */
int descriptor_open_pipe(const char *path);

#endif
