#include "manifest/manifest_protocol.h"

#include "base/json.h"

#include <stdio.h>

#define WHERE 1024

static int parse_vocab(const json_t *object, const char *where, struct protocol *protocol,
                       struct error *error)
{
  json_t *pair;
  if (json_get_array(object, where, "vocab", &pair, error))
    return error->code;
  const json_t *low = json_array_get(pair, 0), *high = json_array_get(pair, 1);
  protocol->vocab_lo = json_integer_value(low);
  protocol->vocab_hi = json_integer_value(high);
  if (json_array_size(pair) != 2 || !json_is_integer(low) || !json_is_integer(high) ||
      protocol->vocab_lo < 0 || protocol->vocab_lo >= protocol->vocab_hi ||
      protocol->vocab_hi > (int64_t)1 << 31)
    return error_set(error, EXIT_INPUT,
                     "%s: \"vocab\" must be [lo, hi] with 0 <= lo < hi <= 2147483648", where);
  return 0;
}

int manifest_parse_protocol(const json_t *root, struct manifest *manifest, struct error *error)
{
  static const char *const known[] = {"n",    "seq_len",    "vocab", "seed",
                                      "pr_n", "baseline_n", "bos",   NULL};
  struct protocol *protocol = &manifest->protocol;
  json_t *object;
  char where[WHERE];
  snprintf(where, sizeof where, "%.800s: protocol", manifest->path);
  protocol->bos = -1;
  if (json_get_object(root, manifest->path, "protocol", &object, error) ||
      json_check_keys(object, where, known, error) ||
      json_get_integer(object, where, "n", 1, 10000000, &protocol->n, error) ||
      json_get_integer(object, where, "seq_len", 2, 1000000, &protocol->seq_len, error) ||
      parse_vocab(object, where, protocol, error) ||
      json_get_integer(object, where, "seed", 0, UINT32_MAX, &protocol->seed, error) ||
      json_get_integer(object, where, "pr_n", 1, 10000000, &protocol->pr_n, error) ||
      json_get_integer(object, where, "baseline_n", 1, 1000000, &protocol->baseline_n, error))
    return error->code;
  if (json_is_absent(object, "bos"))
    return 0;
  return json_get_integer(object, where, "bos", 0, INT32_MAX, &protocol->bos, error);
}
