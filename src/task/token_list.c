#include "task/token_list.h"

#include <stdlib.h>

int token_list_add(struct token_list *list, int32_t id, struct error *error)
{
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    int32_t *ids = realloc(list->ids, capacity * sizeof *ids);
    if (!ids)
      return error_set(error, EXIT_RUN, "out of memory for %zu token ids", capacity);
    list->ids = ids;
    list->capacity = capacity;
  }
  list->ids[list->count++] = id;
  return 0;
}

void token_list_free(struct token_list *list)
{
  free(list->ids);
  *list = (struct token_list){.count = 0};
}
