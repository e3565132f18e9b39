/* Why a JSON text cannot be read, in words: jansson says little more than "invalid token". */
#ifndef ATTEST_BASE_JSON_FAULT_H
#define ATTEST_BASE_JSON_FAULT_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

/* Records what is wrong with a text that jansson refused with `reason`: line, column, the key it
 * stands under, what was found in place of what, and the remedy. `line` is the number of the line
 * that the text is of its file; 0 = the text is the whole file. Errors, one of which is returned:
 * EXIT_INPUT; EXIT_RUN when nothing is wrong with the text, so that memory must have been short. */
int json_fault(const char *name, size_t line, const char *text, size_t size,
               const json_error_t *reason, struct error *error);

#endif
