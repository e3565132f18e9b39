/* Token ids that grow. */
#ifndef ATTEST_TASK_TOKEN_LIST_H
#define ATTEST_TASK_TOKEN_LIST_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* All zero = none. Release with token_list_free. */
struct token_list {
  int32_t *ids;
  size_t count, capacity;
};

/* Errors: EXIT_RUN. */
int token_list_add(struct token_list *list, int32_t id, struct error *error);
void token_list_free(struct token_list *list);

#endif
