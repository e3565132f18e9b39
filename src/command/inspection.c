#include "command/inspection.h"

#include "base/file_use.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/inventory.h"
#include "probe/batch.h"
#include "study/cost.h"
#include "study/forecast.h"

#include <stdlib.h>
#include <string.h>

static int hash_files(struct inspection *in, const struct runtime *runtime, struct error *error)
{
  struct progress progress;
  double total = 0, done = 0;
  in->digests = memory_zeroed(in->contents.count, sizeof *in->digests, in->path, error);
  if (!in->digests)
    return error->code;
  for (size_t i = 0; i < in->contents.count; i++)
    total += (double)in->contents.files[i]->blob.size;
  forecast_bytes(in->path, (uint64_t)total, &runtime->notices);
  progress_start(&progress, in->path, total, runtime->quiet);
  int status = 0;
  for (size_t i = 0; i < in->contents.count && !status; i++) {
    const struct blob *blob = &in->contents.files[i]->blob;
    status = digest_blob(blob, &progress, done, &in->digests[i], error);
    done += (double)blob->size;
  }
  progress_end(&progress);
  return status;
}

/* A config.json that is no JSON object is damage; one that attest does not know is an obstacle. */
static int read_config(struct inspection *in, struct error *error)
{
  const struct fileset_file *file = in->contents.files[0];
  json_t *object;
  if (json_parse_object(file->label, file->blob.data, file->blob.size, &object, error))
    return error->code;
  const char *type = json_string_value(json_object_get(object, "model_type"));
  in->model_type = type ? strdup(type) : NULL;
  json_decref(object);
  if (type && !in->model_type)
    return error_set(error, EXIT_RUN, "%s: out of memory", file->label);
  in->known = !model_config_parse(file->label, file->blob.data, file->blob.size, &in->config,
                                  &in->obstacle);
  return 0;
}

static void add_to(struct tensor_sum *sum, const struct tensor *tensor)
{
  sum->tensors++;
  sum->elements += tensor->elements;
  sum->bytes += tensor->bytes;
}

static void sum_tensors(struct inspection *in)
{
  for (size_t i = 0; i < checkpoint_count(in->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(in->checkpoint, i);
    add_to(&in->dtypes[tensor->dtype], tensor);
    add_to(&in->all, tensor);
    if (in->known && model_passes_over(&in->config, tensor->name))
      add_to(&in->passed_over, tensor);
  }
}

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
  return a->rank == b->rank &&
         (a->rank == 0 || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0);
}

static int allocate_names(struct inspection *in, size_t expected, struct error *error)
{
  size_t present = checkpoint_count(in->checkpoint);
  in->missing.names = memory_alloc(expected, sizeof(char *), in->path, error);
  if (!in->missing.names)
    return error->code;
  in->wrong_shape.names = memory_alloc(expected, sizeof(char *), in->path, error);
  if (!in->wrong_shape.names)
    return error->code;
  in->unexpected.names = memory_alloc(present, sizeof(char *), in->path, error);
  return in->unexpected.names ? 0 : error->code;
}

static void add_name(struct name_list *list, const char *name)
{
  list->names[list->count++] = name;
}

static int compare(struct inspection *in, struct error *error)
{
  const struct inventory *expected = in->inventory;
  size_t present = checkpoint_count(in->checkpoint);
  bool *used = memory_zeroed(present, sizeof *used, in->path, error);
  if (!used || allocate_names(in, expected->count, error)) {
    free(used);
    return error->code;
  }
  for (size_t i = 0; i < expected->count; i++) {
    const struct tensor *wanted = &expected->tensors[i];
    const struct tensor *found = checkpoint_find(in->checkpoint, wanted->name);
    if (!found && !model_does_without(in->checkpoint, &in->config, wanted->name))
      add_name(&in->missing, wanted->name);
    else if (found && !same_shape(wanted, found))
      add_name(&in->wrong_shape, wanted->name);
    if (found)
      used[found - checkpoint_at(in->checkpoint, 0)] = true;
  }
  for (size_t i = 0; i < present; i++) {
    const char *name = checkpoint_at(in->checkpoint, i)->name;
    if (!used[i] && !model_passes_over(&in->config, name))
      add_name(&in->unexpected, name);
  }
  free(used);
  return 0;
}

/* Against any type of number: which ones attest can run is for model_load to say. */
static int check_inventory(struct inspection *in, struct error *error)
{
  if (!in->known)
    return 0;
  in->inventory = memory_zeroed(1, sizeof *in->inventory, in->path, error);
  if (!in->inventory)
    return error->code;
  struct error *why = &in->obstacle;
  if (inventory_create(in->path, &in->config, DTYPE_F32, false, in->inventory, why)) {
    if (why->code == EXIT_RUN)
      *error = *why;
    return why->code == EXIT_RUN ? why->code : 0;
  }
  int status = compare(in, error);
  checkpoint_explain(in->checkpoint, why);
  return status;
}

/* Whether config.json names it as one of its special tokens ("bos_token_id" and the like). */
static bool is_special(const json_t *config, int64_t id)
{
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)config, key,
                      value) if (text_ends_with(key, "_token_id") && json_is_integer(value) &&
                                 json_integer_value(value) == id) return true;
  return false;
}

/* Special tokens mean something by themselves and are no part of random sequences, as the published
 * range has none; where ids are few they stand at the ends. */
static void leave_out_special(const struct fileset_file *file, struct protocol *p)
{
  struct error ignored;
  json_t *config;
  if (json_parse_object(file->label, file->blob.data, file->blob.size, &config, &ignored))
    return;
  while (p->vocab_hi - p->vocab_lo > 2 && is_special(config, p->vocab_lo))
    p->vocab_lo++;
  while (p->vocab_hi - p->vocab_lo > 2 && is_special(config, p->vocab_hi - 1))
    p->vocab_hi--;
  json_decref(config);
}

/* The published protocol with what does not fit the model cut to it. */
static void choose_protocol(struct inspection *in)
{
  const struct protocol published = PROTOCOL_PUBLISHED;
  const struct model_config *c = &in->config;
  struct protocol *p = &in->protocol;
  *p = published;
  if (c->context < (size_t)p->seq_len)
    p->seq_len = (int64_t)c->context;
  if (c->vocab < (size_t)p->vocab_hi)
    p->vocab_hi = (int64_t)c->vocab;
  if (p->vocab_hi < 2 * p->vocab_lo) /* or few ids would be left */
    p->vocab_lo = 0;
  if (p->vocab_lo != published.vocab_lo || p->vocab_hi != published.vocab_hi)
    leave_out_special(in->contents.files[0], p);
  int64_t positions = p->seq_len - 7; /* all but the first and the six at the end */
  if (p->baseline_n > positions)
    p->baseline_n = positions;
  in->published = p->seq_len == published.seq_len && p->vocab_hi == published.vocab_hi;
}

/* What a screen would take; every reason why not becomes the obstacle. */
static void plan_screen(struct inspection *in, const struct runtime *runtime)
{
  struct model model;
  struct forward_options options = {0};
  if (in->obstacle.code || model_load(in->checkpoint, &model, &in->obstacle))
    return;
  choose_protocol(in);
  if (!batch_check(&in->protocol, &in->obstacle) &&
      !cost_plan(&model, &in->protocol, runtime, &options, &in->plan, &in->obstacle))
    in->seconds = cost_seconds(runtime, in->plan.gflop, 0.2);
  model_free(&model);
}

int inspection_gather(const char *path, bool hash, const struct output *json,
                      const struct runtime *runtime, struct inspection *inspection,
                      struct error *error)
{
  struct inspection in = {.path = path};
  int status = checkpoint_open(path, &in.checkpoint, error);
  if (!status)
    status = outputs_spare_read(json, 1, error);
  if (!status)
    status = contents_list(in.checkpoint, &in.contents, error);
  if (!status)
    status = read_config(&in, error);
  if (!status) {
    sum_tensors(&in);
    status = check_inventory(&in, error);
  }
  if (!status && hash)
    status = hash_files(&in, runtime, error);
  if (status) {
    inspection_free(&in);
    return status;
  }
  plan_screen(&in, runtime);
  *inspection = in;
  if (file_use_check(error))
    inspection_free(inspection);
  return error->code;
}

void inspection_free(struct inspection *in)
{
  if (in->inventory)
    inventory_free(in->inventory);
  free(in->inventory);
  free(in->missing.names);
  free(in->unexpected.names);
  free(in->wrong_shape.names);
  free(in->model_type);
  free(in->digests);
  contents_free(&in->contents);
  checkpoint_close(in->checkpoint);
}

const char *inspection_format(const struct inspection *in)
{
  return in->contents.format == SHARD_PYTORCH ? "PyTorch" : "safetensors";
}

bool inspection_consistent(const struct inspection *in)
{
  return !in->missing.count && !in->unexpected.count && !in->wrong_shape.count;
}
