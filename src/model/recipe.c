#include "model/recipe.h"

#include "base/text.h"
#include "model/config_write.h"

#include <stddef.h>
#include <string.h>

/* transformers starts a new file when the next tensor would take it past 5 GB. */
#define SHARD_BYTES 5000000000u

static const struct {
  const char *name, *family;
  struct recipe recipe; /* its family and dtype come from the family's row */
} published[] = {
    {"pythia-1b",
     "gpt_neox",
     {.layers = 16,
      .hidden = 2048,
      .heads = 8,
      .kv_heads = 8,
      .ffn = 8192,
      .vocab = 50304,
      .context = 2048,
      .parallel = 1,
      .buffers = 1,
      .shard_bytes = SHARD_BYTES}},
    {"olmo-1b",
     "olmo",
     {.layers = 16,
      .hidden = 2048,
      .heads = 16,
      .kv_heads = 16,
      .ffn = 8192,
      .vocab = 50304,
      .context = 4096,
      .clip = 8.0,
      .shard_bytes = SHARD_BYTES}},
    {"olmoe-1b-7b",
     "olmoe",
     {.layers = 16,
      .hidden = 2048,
      .heads = 16,
      .kv_heads = 16,
      .ffn = 1024,
      .vocab = 50304,
      .context = 4096,
      .experts = 64,
      .top_k = 8,
      .shard_bytes = SHARD_BYTES}},
    {"smollm-135m",
     "llama",
     {.layers = 30,
      .hidden = 576,
      .heads = 9,
      .kv_heads = 3,
      .ffn = 1536,
      .vocab = 49152,
      .context = 2048,
      .tied = 1,
      .shard_bytes = SHARD_BYTES}},
    {"llama-3.2-1b",
     "llama",
     {.layers = 16,
      .hidden = 2048,
      .heads = 32,
      .kv_heads = 8,
      .ffn = 8192,
      .vocab = 128256,
      .context = 131072,
      .tied = 1,
      .shard_bytes = SHARD_BYTES}},
};

#define PUBLISHED (sizeof published / sizeof *published)

enum key_kind { KEY_NUMBER, KEY_CLIP, KEY_DTYPE };

/* Keys that are not settings of config.json. */
enum { EVERY = SETTINGS, WITH_BUFFERS };

/* Ranges are those of model_config_parse, or narrower. A family has the keys of its settings. */
static const struct key {
  const char *name;
  int setting;
  enum key_kind kind;
  size_t offset;
  uint64_t low, high;
} keys[] = {
    {"layers", SETTING_LAYERS, KEY_NUMBER, offsetof(struct recipe, layers), 1, 1 << 10},
    {"hidden", SETTING_HIDDEN, KEY_NUMBER, offsetof(struct recipe, hidden), 1, 1 << 16},
    {"heads", SETTING_HEADS, KEY_NUMBER, offsetof(struct recipe, heads), 1, 1 << 10},
    {"head_dim", SETTING_HEAD_DIM, KEY_NUMBER, offsetof(struct recipe, head_dim), 1, 1 << 16},
    {"kv_heads", SETTING_KV_HEADS, KEY_NUMBER, offsetof(struct recipe, kv_heads), 1, 1 << 10},
    {"ffn", SETTING_FFN, KEY_NUMBER, offsetof(struct recipe, ffn), 1, 1 << 20},
    {"vocab", SETTING_VOCAB, KEY_NUMBER, offsetof(struct recipe, vocab), 1, 1 << 24},
    {"context", SETTING_CONTEXT, KEY_NUMBER, offsetof(struct recipe, context), 1, 1 << 20},
    {"dtype", EVERY, KEY_DTYPE, offsetof(struct recipe, dtype), 0, 0},
    {"shards", EVERY, KEY_NUMBER, offsetof(struct recipe, shards), 1, 1000},
    {"tied", SETTING_TIED, KEY_NUMBER, offsetof(struct recipe, tied), 0, 1},
    {"parallel", SETTING_PARALLEL_RESIDUAL, KEY_NUMBER, offsetof(struct recipe, parallel), 0, 1},
    {"buffers", WITH_BUFFERS, KEY_NUMBER, offsetof(struct recipe, buffers), 0, 1},
    {"clip", SETTING_CLIP, KEY_CLIP, offsetof(struct recipe, clip), 0, 0},
    {"experts", SETTING_EXPERTS, KEY_NUMBER, offsetof(struct recipe, experts), 1, 1 << 12},
    {"top_k", SETTING_TOP_K, KEY_NUMBER, offsetof(struct recipe, top_k), 1, 1 << 12},
};

#define KEYS (sizeof keys / sizeof *keys)

const char recipe_help[] =
    "MODEL is pythia-1b, olmo-1b or olmoe-1b-7b (the exact published shape, dtype and files),\n"
    "smollm-135m or llama-3.2-1b (shape and dtype), or FAMILY[:KEY=VALUE,...] with "
    "FAMILY\n" FAMILY_NAMES ",\n"
    "and every KEY optional:\n"
    "  layers=4 hidden=256 heads=4 vocab=10240 context=512 shards=1 tied=0\n"
    "  ffn=N           width of the MLP, default 4 x hidden; of an expert, default hidden / 2\n"
    "  dtype=D         f16, f32 or bf16; default that of the family's published weights\n"
    "  kv_heads=N      all but gpt_neox and gpt2: default as heads\n"
    "  head_dim=N      llama, mistral, qwen2, qwen3: default hidden / heads\n"
    "  clip=X          olmo, olmoe: limit of queries, keys and values; 0 = none, the default\n"
    "  experts=8 top_k=2                  olmoe\n"
    "  parallel=1 buffers=1               gpt_neox: parallel residual; the masks of old files\n"
    "such as olmo:layers=2,hidden=256,heads=4,kv_heads=2,vocab=1000,dtype=bf16,shards=2,tied=1";

static int parse_dtype(const char *text, const char *value, size_t length, enum dtype *dtype,
                       struct error *error)
{
  static const struct {
    const char *name;
    enum dtype dtype;
  } names[] = {{"f32", DTYPE_F32}, {"bf16", DTYPE_BF16}, {"f16", DTYPE_F16}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i].name) == length && strncmp(names[i].name, value, length) == 0) {
      *dtype = names[i].dtype;
      return 0;
    }
  return error_set(error, EXIT_INPUT, "--like %s: dtype %.*s must be f32, bf16 or f16", text,
                   (int)length, value);
}

static int parse_value(const char *text, const struct key *key, const char *value, size_t length,
                       struct recipe *recipe, struct error *error)
{
  void *target = (char *)recipe + key->offset;
  switch (key->kind) {
  case KEY_DTYPE:
    return parse_dtype(text, value, length, target, error);
  case KEY_CLIP: {
    double clip;
    if (!text_to_double(value, length, &clip) || (clip != 0 && !(clip >= 1e-6 && clip <= 1e9)))
      return error_set(error, EXIT_INPUT,
                       "--like %s: clip %.*s must be 0 or a number from 1e-6 to 1e9", text,
                       (int)length, value);
    *(double *)target = clip;
    return 0;
  }
  case KEY_NUMBER: {
    uint64_t number;
    if (!text_to_u64(value, length, &number) || number < key->low || number > key->high)
      return error_set(error, EXIT_INPUT,
                       "--like %s: %s %.*s must be a whole number from %llu to %llu", text,
                       key->name, (int)length, value, (unsigned long long)key->low,
                       (unsigned long long)key->high);
    *(uint64_t *)target = number;
    return 0;
  }
  }
  return 0;
}

static bool has_buffers(const struct family *family)
{
  for (const struct family_tensor *t = family->tensors; t->name; t++)
    if (t->presence == AS_BUFFER)
      return true;
  return false;
}

static bool has_key(const struct family *family, const struct key *key)
{
  if (key->setting == WITH_BUFFERS)
    return has_buffers(family);
  return key->setting == EVERY || family_has(family, (enum setting)key->setting);
}

/* One KEY=VALUE of `length` bytes. */
static int parse_pair(const char *text, const char *pair, size_t length, bool seen[KEYS],
                      struct recipe *recipe, struct error *error)
{
  const char *equals = memchr(pair, '=', length);
  size_t name = equals ? (size_t)(equals - pair) : length;
  for (size_t i = 0; i < KEYS; i++) {
    const struct key *key = &keys[i];
    if (!has_key(recipe->family, key) || strlen(key->name) != name ||
        strncmp(key->name, pair, name) != 0)
      continue;
    if (!equals || seen[i])
      return error_set(error, EXIT_INPUT, "--like %s: key %s %s", text, key->name,
                       equals ? "is given twice" : "needs a value: KEY=VALUE");
    seen[i] = true;
    return parse_value(text, key, equals + 1, length - name - 1, recipe, error);
  }
  return error_set(error, EXIT_INPUT, "--like %s: \"%.*s\" is not a key of family %s; see --help",
                   text, (int)name, pair, recipe->family->name);
}

static void derive(struct recipe *recipe)
{
  if (!recipe->kv_heads)
    recipe->kv_heads = recipe->heads;
  if (!recipe->ffn)
    recipe->ffn = recipe->experts ? (recipe->hidden + 1) / 2 : 4 * recipe->hidden;
}

/* The smallest that the published protocol (ids up to 10000, 256 tokens) runs on; kv_heads and ffn
 * follow from what is given. */
static struct recipe smallest(const struct family *family)
{
  bool experts = family->defaults.experts > 0;
  return (struct recipe){.family = family,
                         .dtype = family->dtype,
                         .layers = 4,
                         .hidden = 256,
                         .heads = 4,
                         .vocab = 10240,
                         .context = 512,
                         .experts = experts ? 8 : 0,
                         .top_k = experts ? 2 : 0,
                         .parallel = family->defaults.parallel_residual,
                         .tied = family->defaults.tied,
                         .buffers = has_buffers(family),
                         .shards = 1};
}

static bool find_published(const char *name, struct recipe *recipe)
{
  for (size_t i = 0; i < PUBLISHED; i++)
    if (strcmp(name, published[i].name) == 0) {
      *recipe = published[i].recipe;
      recipe->family = family_find(published[i].family, strlen(published[i].family));
      recipe->dtype = recipe->family->dtype;
      return true;
    }
  return false;
}

int recipe_parse(const char *text, struct recipe *recipe, struct error *error)
{
  bool seen[KEYS] = {false};
  size_t length = strcspn(text, ":");
  const struct family *family = family_find(text, length);
  if (find_published(text, recipe))
    return 0;
  if (!family)
    return error_set(error, EXIT_INPUT,
                     "--like %s: must be pythia-1b, olmo-1b, olmoe-1b-7b, smollm-135m, "
                     "llama-3.2-1b, or one of " FAMILY_NAMES " with :KEY=VALUE,...; see --help",
                     text);
  *recipe = smallest(family);
  for (const char *pair = text + length; *pair;) {
    size_t size = strcspn(++pair, ",");
    if (parse_pair(text, pair, size, seen, recipe, error))
      return error->code;
    pair += size;
  }
  derive(recipe);
  return 0;
}

char *recipe_config(const struct recipe *r, const char *origin, struct error *error)
{
  struct model_config config = r->family->defaults;
  config.layers = r->layers;
  config.hidden = r->hidden;
  config.heads = r->heads;
  config.kv_heads = r->kv_heads;
  config.head_dim = r->head_dim ? r->head_dim : r->hidden / r->heads;
  config.ffn = r->ffn;
  config.vocab = r->vocab;
  config.context = r->context;
  config.experts = r->experts;
  config.top_k = r->top_k;
  config.clip_qkv = (float)r->clip;
  config.parallel_residual = r->parallel;
  config.tied = r->tied;
  return model_config_write(&config, r->dtype, origin, error);
}
