#include "model/synthesis.h"

#include "base/memory.h"
#include "checkpoint/safetensors_write.h"
#include "model/recipe.h"

#include <stdlib.h>
#include <string.h>

/* Which file each tensor lies in. */
static int arrange(const char *where, const struct recipe *recipe, struct synthesis *s,
                   struct error *error)
{
  struct layout_rule rule = {.stem = s->pytorch ? "pytorch_model" : "model",
                             .ending = s->pytorch ? "bin" : "safetensors",
                             .files = recipe->shards,
                             .file_bytes = recipe->shard_bytes,
                             .order = ORDER_LIBRARY};
  for (size_t i = 0; i < s->inventory.count; i++)
    if (layout_add(&s->layout, where, &s->inventory.tensors[i], error))
      return error->code;
  if (layout_arrange(&s->layout, where, &rule, error))
    return error->code;
  s->files = memory_zeroed(s->layout.file_count, sizeof *s->files, "synth", error);
  return s->files ? 0 : error->code;
}

static int measure_safetensors(struct synthesis *s, const char *where, size_t file,
                               struct error *error)
{
  struct text header = {0};
  int status = safetensors_header(&s->layout, where, file, &header, error);
  s->files[file].bytes = header.length + s->layout.files[file].bytes;
  text_free(&header);
  return status;
}

static int measure_pytorch(struct synthesis *s, size_t file, struct error *error)
{
  synthesis_pickle(s, file);
  if (s->files[file].pickle.failed)
    return error_set(error, EXIT_RUN, "synth: out of memory");
  return synthesis_pytorch_records(s, file, NULL, NULL, NULL, &s->files[file].bytes, error);
}

/* How many bytes all files take. */
static int measure(const char *where, struct synthesis *s, struct error *error)
{
  struct text index = {0};
  int status = 0;
  s->bytes = strlen(s->config_json);
  for (size_t i = 0; !status && i < s->layout.file_count; i++) {
    status = s->pytorch ? measure_pytorch(s, i, error) : measure_safetensors(s, where, i, error);
    s->bytes += s->files[i].bytes;
  }
  if (!status && s->layout.file_count > 1)
    status = layout_index(&s->layout, &index, error);
  s->bytes += index.length;
  text_free(&index);
  return status;
}

/* Its config.json, read back as any other, and the tensors of that. */
static int take_shape(const char *where, const struct recipe *recipe, struct synthesis *s,
                      struct error *error)
{
  struct text origin = {0};
  text_add(&origin, "random weights: attest synth %s --seed %llu", where,
           (unsigned long long)s->seed);
  int status = origin.failed ? error_set(error, EXIT_RUN, "synth: out of memory") : 0;
  if (!status) {
    s->config_json = recipe_config(recipe, origin.data, error);
    status = s->config_json ? 0 : error->code;
  }
  if (!status)
    status = model_config_parse(where, s->config_json, strlen(s->config_json), &s->config, error);
  if (!status)
    status =
        inventory_create(where, &s->config, recipe->dtype, recipe->buffers, &s->inventory, error);
  text_free(&origin);
  return status;
}

int synthesis_plan(const char *like, uint64_t seed, bool pytorch, struct synthesis *synthesis,
                   struct error *error)
{
  struct recipe recipe;
  struct text where = {0};
  *synthesis = (struct synthesis){.seed = seed, .pytorch = pytorch};
  if (recipe_parse(like, &recipe, error))
    return error->code;
  synthesis->dtype = recipe.dtype;
  text_add(&where, "--like %s", like);
  int status = where.failed ? error_set(error, EXIT_RUN, "synth: out of memory") : 0;
  if (!status)
    status = take_shape(where.data, &recipe, synthesis, error);
  if (!status)
    status = arrange(where.data, &recipe, synthesis, error);
  if (!status)
    status = measure(where.data, synthesis, error);
  if (status)
    synthesis_free(synthesis);
  text_free(&where);
  return status;
}

void synthesis_free(struct synthesis *synthesis)
{
  for (size_t i = 0; synthesis->files && i < synthesis->layout.file_count; i++)
    text_free(&synthesis->files[i].pickle);
  free(synthesis->files);
  layout_free(&synthesis->layout);
  inventory_free(&synthesis->inventory);
  free(synthesis->config_json);
  *synthesis = (struct synthesis){0};
}
