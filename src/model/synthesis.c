#include "model/synthesis.h"

#include "base/memory.h"
#include "model/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Opens the next file when the tensor would take this one past the limit. */
static size_t shards_by_size(struct synthesis *s, uint64_t limit)
{
  size_t shard = 0;
  uint64_t used = 0;
  for (size_t i = 0; i < s->inventory.count; i++) {
    uint64_t bytes = s->parts[i].tensor->bytes;
    if (used && used + bytes > limit) {
      shard++;
      used = 0;
    }
    used += bytes;
    s->parts[i].shard = shard;
  }
  return shard + 1;
}

/* Opens the next file when this one reaches its share of the bytes, or when
 * every tensor left needs a file of its own. */
static size_t shards_by_number(struct synthesis *s, size_t number)
{
  size_t shard = 0, count = s->inventory.count;
  uint64_t before = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t share = s->inventory.bytes / number * (shard + 1);
    if (i > 0 && shard + 1 < number && (before >= share || count - i < number - shard))
      shard++;
    before += s->parts[i].tensor->bytes;
    s->parts[i].shard = shard;
  }
  return number;
}

/* The order of the safetensors library: large elements first, for alignment,
 * then by name. */
static int by_place(const void *a, const void *b)
{
  const struct synthesis_part *left = a, *right = b;
  size_t l = dtype_size(left->tensor->dtype), r = dtype_size(right->tensor->dtype);
  if (left->shard != right->shard)
    return left->shard < right->shard ? -1 : 1;
  return l != r ? (l > r ? -1 : 1) : strcmp(left->tensor->name, right->tensor->name);
}

static int split(const char *like, const struct recipe *recipe, struct synthesis *s,
                 struct error *error)
{
  size_t count = s->inventory.count;
  if (recipe->shards > count)
    return error_set(error, EXIT_INPUT, "--like %s: shards must not be more than its %zu tensors",
                     like, count);
  s->parts = memory_alloc(count, sizeof *s->parts, "synth", error);
  if (!s->parts)
    return error->code;
  for (size_t i = 0; i < count; i++)
    s->parts[i] = (struct synthesis_part){&s->inventory.tensors[i], s->inventory.kinds[i], 0};
  size_t shards =
      recipe->shards ? shards_by_number(s, recipe->shards) : shards_by_size(s, recipe->shard_bytes);
  qsort(s->parts, count, sizeof *s->parts, by_place);
  s->shards = memory_zeroed(shards, sizeof *s->shards, "synth", error);
  if (!s->shards)
    return error->code;
  s->shard_count = shards;
  for (size_t i = 0; i < count; i++) {
    struct synthesis_shard *shard = &s->shards[s->parts[i].shard];
    if (shard->count++ == 0)
      shard->first = i;
    shard->tensor_bytes += s->parts[i].tensor->bytes;
  }
  return 0;
}

static void add_entry(struct text *header, const struct tensor *tensor, uint64_t offset)
{
  text_add(header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name,
           dtype_name(tensor->dtype));
  for (int i = 0; i < tensor->rank; i++)
    text_add(header, i ? ",%lld" : "%lld", (long long)tensor->shape[i]);
  text_add(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offset,
           (unsigned long long)(offset + tensor->bytes));
}

static void name_shard(const struct synthesis *s, size_t at, struct synthesis_shard *shard)
{
  const char *stem = s->pytorch ? "pytorch_model" : "model";
  const char *ending = s->pytorch ? "bin" : "safetensors";
  if (s->shard_count == 1)
    snprintf(shard->name, sizeof shard->name, "%s.%s", stem, ending);
  else
    snprintf(shard->name, sizeof shard->name, "%s-%05zu-of-%05zu.%s", stem, at + 1, s->shard_count,
             ending);
}

static void describe_header(const struct synthesis *s, struct synthesis_shard *shard)
{
  uint64_t offset = 0;
  text_add(&shard->header, "{\"__metadata__\":{\"format\":\"pt\"}");
  for (size_t i = shard->first; i < shard->first + shard->count; i++) {
    add_entry(&shard->header, s->parts[i].tensor, offset);
    offset += s->parts[i].tensor->bytes;
  }
  text_add(&shard->header, "}");
  int rest = (int)(shard->header.length % 8);
  if (rest)
    text_add(&shard->header, "%*s", 8 - rest, "");
  shard->bytes = 8 + shard->header.length + shard->tensor_bytes;
}

static int describe_shard(struct synthesis *s, size_t at, struct error *error)
{
  struct synthesis_shard *shard = &s->shards[at];
  name_shard(s, at, shard);
  if (s->pytorch)
    synthesis_pickle(s, shard);
  else
    describe_header(s, shard);
  if (shard->header.failed)
    return error_set(error, EXIT_RUN, "synth: out of memory");
  return s->pytorch ? synthesis_pytorch_records(s, shard, NULL, NULL, NULL, &shard->bytes, error)
                    : 0;
}

static int by_name(const void *a, const void *b)
{
  const struct synthesis_part *const *left = a, *const *right = b;
  return strcmp((*left)->tensor->name, (*right)->tensor->name);
}

static int describe_index(struct synthesis *s, struct error *error)
{
  size_t count = s->inventory.count;
  const struct synthesis_part **parts = memory_alloc(count, sizeof *parts, "synth", error);
  if (!parts)
    return error->code;
  for (size_t i = 0; i < count; i++)
    parts[i] = &s->parts[i];
  qsort(parts, count, sizeof *parts, by_name);
  text_add(&s->index,
           "{\n  \"metadata\": {\n    \"total_size\": %llu\n  },\n  "
           "\"weight_map\": {\n",
           (unsigned long long)s->inventory.bytes);
  for (size_t i = 0; i < count; i++)
    text_add(&s->index, "    \"%s\": \"%s\"%s\n", parts[i]->tensor->name,
             s->shards[parts[i]->shard].name, i + 1 < count ? "," : "");
  text_add(&s->index, "  }\n}\n");
  free(parts);
  return 0;
}

static int describe(struct synthesis *s, struct error *error)
{
  s->bytes = strlen(s->config_json);
  for (size_t i = 0; i < s->shard_count; i++) {
    if (describe_shard(s, i, error))
      return error->code;
    s->bytes += s->shards[i].bytes;
  }
  if (s->shard_count > 1 && describe_index(s, error))
    return error->code;
  s->bytes += s->index.length;
  return s->index.failed ? error_set(error, EXIT_RUN, "synth: out of memory") : 0;
}

/* Its config.json, read back as any other, and the tensors of that. */
static int take_shape(const char *like, const struct recipe *recipe, struct synthesis *s,
                      struct error *error)
{
  struct text where = {0}, origin = {0};
  text_add(&where, "--like %s", like);
  text_add(&origin, "random weights: attest synth --like %s --seed %llu", like,
           (unsigned long long)s->seed);
  int status =
      where.failed || origin.failed ? error_set(error, EXIT_RUN, "synth: out of memory") : 0;
  if (!status) {
    s->config_json = recipe_config(recipe, origin.data, error);
    status = s->config_json ? 0 : error->code;
  }
  if (!status)
    status =
        model_config_parse(where.data, s->config_json, strlen(s->config_json), &s->config, error);
  if (!status)
    status = inventory_create(where.data, &s->config, recipe->dtype, recipe->buffers, &s->inventory,
                              error);
  text_free(&where);
  text_free(&origin);
  return status;
}

int synthesis_plan(const char *like, uint64_t seed, bool pytorch, struct synthesis *synthesis,
                   struct error *error)
{
  struct recipe recipe;
  *synthesis = (struct synthesis){.seed = seed, .pytorch = pytorch};
  if (recipe_parse(like, &recipe, error))
    return error->code;
  synthesis->dtype = recipe.dtype;
  int status = take_shape(like, &recipe, synthesis, error);
  if (!status)
    status = split(like, &recipe, synthesis, error);
  if (!status)
    status = describe(synthesis, error);
  if (status)
    synthesis_free(synthesis);
  return status;
}

void synthesis_free(struct synthesis *synthesis)
{
  for (size_t i = 0; i < synthesis->shard_count; i++)
    text_free(&synthesis->shards[i].header);
  free(synthesis->shards);
  free(synthesis->parts);
  text_free(&synthesis->index);
  inventory_free(&synthesis->inventory);
  free(synthesis->config_json);
  *synthesis = (struct synthesis){0};
}
