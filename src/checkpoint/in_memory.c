#include "checkpoint/in_memory.h"

#include "base/memory.h"
#include "checkpoint/opened.h"

#include <string.h>

static int add_config(struct checkpoint *checkpoint, const char *text, struct error *error)
{
  size_t size = strlen(text);
  uint8_t *copy = memory_alloc(size, 1, "config.json", error);
  if (!copy)
    return error->code;
  memcpy(copy, text, size);
  return fileset_add(checkpoint->files, "config.json", (struct blob){copy, size, false},
                     &checkpoint->config, error);
}

static int add_tensors(struct checkpoint *checkpoint, const struct tensor *tensors, size_t count,
                       struct error *error)
{
  const char *path = checkpoint->files->path;
  checkpoint->tensors = memory_alloc(count, sizeof *tensors, path, error);
  if (!checkpoint->tensors)
    return error->code;
  checkpoint->count = count;
  for (size_t i = 0; i < count; i++) {
    checkpoint->tensors[i] = tensors[i];
    if (!tensors[i].file)
      checkpoint->tensors[i].file = path;
  }
  checkpoint_sort(checkpoint);
  return 0;
}

int checkpoint_of_tensors(const char *path, const char *config_json, const struct tensor *tensors,
                          size_t count, struct checkpoint **checkpoint, struct error *error)
{
  struct checkpoint *made = memory_zeroed(1, sizeof *made, path, error);
  if (!made)
    return error->code;
  if (fileset_new(path, true, &made->files, error) || add_config(made, config_json, error) ||
      add_tensors(made, tensors, count, error)) {
    checkpoint_close(made);
    return error->code;
  }
  *checkpoint = made;
  return 0;
}
