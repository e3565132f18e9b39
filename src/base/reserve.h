/* Memory for libraries that crash, or skip things, where an allocation fails: what malloc
 * refuses comes from a reserve. Once it was touched the program is about to end: whoever uses such
 * a library asks reserve_touched before what it made counts for anything. Should the reserve run
 * out, too, the program ends with one line and exit code 3. */
#ifndef ATTEST_BASE_RESERVE_H
#define ATTEST_BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/* Gives the reserve to jansson and libcrypto, before anything of them is used. */
void reserve_install(void);

/* As in <stdlib.h> and <string.h>, but never NULL. reserve_free takes what malloc gave, too. */
void *reserve_malloc(size_t size);
void *reserve_calloc(size_t count, size_t size);
void *reserve_realloc(void *old, size_t size);
char *reserve_strdup(const char *text);
void reserve_free(void *block);

bool reserve_touched(void);

#endif
