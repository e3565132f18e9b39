#include "model/recipe.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

/* transformers starts a new file when the next tensor would take it past 5 GB. */
#define SHARD_BYTES 5000000000u

#define FAMILY_COUNT 3

/* The smallest that the published protocol (ids up to 10000, 256 tokens) runs on; kv_heads and ffn
 * follow from what is given. */
static const struct recipe defaults[FAMILY_COUNT] = {
    [FAMILY_GPT_NEOX] = {FAMILY_GPT_NEOX, DTYPE_F16, .layers = 4, .hidden = 256, .heads = 4,
                         .vocab = 10240, .context = 512, .parallel = 1, .buffers = 1, .shards = 1},
    [FAMILY_OLMO] = {FAMILY_OLMO, DTYPE_F32, .layers = 4, .hidden = 256, .heads = 4, .vocab = 10240,
                     .context = 512, .shards = 1},
    [FAMILY_OLMOE] = {FAMILY_OLMOE, DTYPE_BF16, .layers = 4, .hidden = 256, .heads = 4,
                      .vocab = 10240, .context = 512, .experts = 8, .top_k = 2, .shards = 1},
};

static const struct {
  const char *name;
  struct recipe recipe;
} published[] = {
    {"pythia-1b",
     {FAMILY_GPT_NEOX, DTYPE_F16, .layers = 16, .hidden = 2048, .heads = 8, .kv_heads = 8,
      .ffn = 8192, .vocab = 50304, .context = 2048, .parallel = 1, .buffers = 1,
      .shard_bytes = SHARD_BYTES}},
    {"olmo-1b",
     {FAMILY_OLMO, DTYPE_F32, .layers = 16, .hidden = 2048, .heads = 16, .kv_heads = 16,
      .ffn = 8192, .vocab = 50304, .context = 4096, .clip = 8.0, .shard_bytes = SHARD_BYTES}},
    {"olmoe-1b-7b",
     {FAMILY_OLMOE, DTYPE_BF16, .layers = 16, .hidden = 2048, .heads = 16, .kv_heads = 16,
      .ffn = 1024, .vocab = 50304, .context = 4096, .experts = 64, .top_k = 8,
      .shard_bytes = SHARD_BYTES}},
};

#define PUBLISHED (sizeof published / sizeof *published)

#define NEOX 1u
#define OLMO 2u
#define OLMOE 4u
#define ALL 7u

enum key_kind { KEY_NUMBER, KEY_CLIP, KEY_DTYPE };

/* Ranges are those of model_config_parse, or narrower. */
static const struct key {
  const char *name;
  unsigned families;
  enum key_kind kind;
  size_t offset;
  uint64_t low, high;
} keys[] = {
    {"layers", ALL, KEY_NUMBER, offsetof(struct recipe, layers), 1, 1 << 10},
    {"hidden", ALL, KEY_NUMBER, offsetof(struct recipe, hidden), 1, 1 << 16},
    {"heads", ALL, KEY_NUMBER, offsetof(struct recipe, heads), 1, 1 << 10},
    {"kv_heads", OLMO | OLMOE, KEY_NUMBER, offsetof(struct recipe, kv_heads), 1, 1 << 10},
    {"ffn", ALL, KEY_NUMBER, offsetof(struct recipe, ffn), 1, 1 << 20},
    {"vocab", ALL, KEY_NUMBER, offsetof(struct recipe, vocab), 1, 1 << 24},
    {"context", ALL, KEY_NUMBER, offsetof(struct recipe, context), 1, 1 << 20},
    {"dtype", ALL, KEY_DTYPE, offsetof(struct recipe, dtype), 0, 0},
    {"shards", ALL, KEY_NUMBER, offsetof(struct recipe, shards), 1, 1000},
    {"tied", ALL, KEY_NUMBER, offsetof(struct recipe, tied), 0, 1},
    {"parallel", NEOX, KEY_NUMBER, offsetof(struct recipe, parallel), 0, 1},
    {"buffers", NEOX, KEY_NUMBER, offsetof(struct recipe, buffers), 0, 1},
    {"clip", OLMO | OLMOE, KEY_CLIP, offsetof(struct recipe, clip), 0, 0},
    {"experts", OLMOE, KEY_NUMBER, offsetof(struct recipe, experts), 1, 1 << 12},
    {"top_k", OLMOE, KEY_NUMBER, offsetof(struct recipe, top_k), 1, 1 << 12},
};

#define KEYS (sizeof keys / sizeof *keys)

const char recipe_help[] =
    "MODEL is pythia-1b, olmo-1b or olmoe-1b-7b (the exact published shape, dtype and files), or\n"
    "FAMILY[:KEY=VALUE,...] with FAMILY gpt_neox, olmo or olmoe, and every KEY optional:\n"
    "  layers=4 hidden=256 heads=4 vocab=10240 context=512 shards=1 tied=0\n"
    "  ffn=N           width of the MLP, default 4 x hidden; of an expert, default hidden / 2\n"
    "  dtype=D         f16, f32 or bf16; default f16 for gpt_neox, f32 for olmo, bf16 for olmoe\n"
    "  kv_heads=N      olmo, olmoe: default as heads\n"
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

/* One KEY=VALUE of `length` bytes. */
static int parse_pair(const char *text, const char *pair, size_t length, bool seen[KEYS],
                      struct recipe *recipe, struct error *error)
{
  const char *equals = memchr(pair, '=', length);
  size_t name = equals ? (size_t)(equals - pair) : length;
  for (size_t i = 0; i < KEYS; i++) {
    const struct key *key = &keys[i];
    if (!(key->families >> recipe->family & 1u) || strlen(key->name) != name ||
        strncmp(key->name, pair, name) != 0)
      continue;
    if (!equals || seen[i])
      return error_set(error, EXIT_INPUT, "--like %s: key %s %s", text, key->name,
                       equals ? "is given twice" : "needs a value: KEY=VALUE");
    seen[i] = true;
    return parse_value(text, key, equals + 1, length - name - 1, recipe, error);
  }
  return error_set(error, EXIT_INPUT, "--like %s: \"%.*s\" is no key of family %s; see --help",
                   text, (int)name, pair, model_family_name(recipe->family));
}

static void derive(struct recipe *recipe)
{
  if (!recipe->kv_heads)
    recipe->kv_heads = recipe->heads;
  if (!recipe->ffn)
    recipe->ffn = recipe->family == FAMILY_OLMOE ? (recipe->hidden + 1) / 2 : 4 * recipe->hidden;
}

int recipe_parse(const char *text, struct recipe *recipe, struct error *error)
{
  bool seen[KEYS] = {false};
  for (size_t i = 0; i < PUBLISHED; i++)
    if (strcmp(text, published[i].name) == 0) {
      *recipe = published[i].recipe;
      return 0;
    }
  size_t length = strcspn(text, ":"), family = 0;
  while (family < FAMILY_COUNT &&
         (strlen(model_family_name((enum model_family)family)) != length ||
          strncmp(text, model_family_name((enum model_family)family), length) != 0))
    family++;
  if (family == FAMILY_COUNT)
    return error_set(error, EXIT_INPUT,
                     "--like %s: must be pythia-1b, olmo-1b, olmoe-1b-7b, or gpt_neox, olmo or "
                     "olmoe with :KEY=VALUE,...; see --help",
                     text);
  *recipe = defaults[family];
  for (const char *pair = text + length; *pair;) {
    size_t size = strcspn(++pair, ",");
    if (parse_pair(text, pair, size, seen, recipe, error))
      return error->code;
    pair += size;
  }
  derive(recipe);
  return 0;
}

static void add(struct text *text, const char *key, uint64_t value)
{
  text_add(text, ",\n  \"%s\": %llu", key, (unsigned long long)value);
}

static void add_gpt_neox(struct text *text, const struct recipe *recipe)
{
  text_add(text, ",\n  \"hidden_act\": \"gelu\"");
  text_add(text, ",\n  \"layer_norm_eps\": 1e-05");
  text_add(text, ",\n  \"rotary_emb_base\": 10000");
  text_add(text, ",\n  \"rotary_pct\": 0.25");
  text_add(text, ",\n  \"use_parallel_residual\": %s", recipe->parallel ? "true" : "false");
}

static void add_olmo(struct text *text, const struct recipe *recipe)
{
  text_add(text, ",\n  \"attention_bias\": false,\n  \"clip_qkv\": ");
  if (recipe->clip > 0)
    text_add_double(text, recipe->clip);
  else
    text_add(text, "null");
  text_add(text, ",\n  \"hidden_act\": \"silu\"");
  add(text, "num_key_value_heads", recipe->kv_heads);
  text_add(text, ",\n  \"rope_theta\": 10000.0");
  if (recipe->family == FAMILY_OLMO)
    return;
  text_add(text, ",\n  \"norm_topk_prob\": false");
  add(text, "num_experts", recipe->experts);
  add(text, "num_experts_per_tok", recipe->top_k);
  text_add(text, ",\n  \"rms_norm_eps\": 1e-05");
}

char *recipe_config(const struct recipe *recipe, const char *origin, struct error *error)
{
  static const char *const classes[] = {"GPTNeoXForCausalLM", "OlmoForCausalLM",
                                        "OlmoeForCausalLM"};
  struct text text = {0};
  text_add(&text, "{\n  \"_name_or_path\": \"%s\"", origin);
  text_add(&text, ",\n  \"architectures\": [\n    \"%s\"\n  ]", classes[recipe->family]);
  text_add(&text, ",\n  \"model_type\": \"%s\"", model_family_name(recipe->family));
  text_add(&text, ",\n  \"torch_dtype\": \"%s\"",
           recipe->dtype == DTYPE_F32    ? "float32"
           : recipe->dtype == DTYPE_BF16 ? "bfloat16"
                                         : "float16");
  add(&text, "hidden_size", recipe->hidden);
  add(&text, "intermediate_size", recipe->ffn);
  add(&text, "max_position_embeddings", recipe->context);
  add(&text, "num_attention_heads", recipe->heads);
  add(&text, "num_hidden_layers", recipe->layers);
  add(&text, "vocab_size", recipe->vocab);
  text_add(&text, ",\n  \"tie_word_embeddings\": %s", recipe->tied ? "true" : "false");
  if (recipe->family == FAMILY_GPT_NEOX)
    add_gpt_neox(&text, recipe);
  else
    add_olmo(&text, recipe);
  text_add(&text, "\n}\n");
  if (!text.failed)
    return text.data;
  text_free(&text);
  error_set(error, EXIT_RUN, "config.json: out of memory");
  return NULL;
}
