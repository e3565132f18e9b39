#include "task/token_list.h"

#include "base/memory.h"

#include <stdlib.h>

int token_list_add(struct token_list *list, int32_t id, struct error *error)
{
  int32_t *ids = memory_room(list->ids, list->count + 1, &list->capacity, sizeof *ids);
  if (!ids)
    return error_set(error, EXIT_RUN, "out of memory for %zu token ids", list->count + 1);
  list->ids = ids;
  list->ids[list->count++] = id;
  return 0;
}

void token_list_free(struct token_list *list)
{
  free(list->ids);
  *list = (struct token_list){.count = 0};
}
