#include "study/source.h"

#include "base/digest.h"
#include "study/identity.h"

int source_check(const struct screening *screening, const char *path, size_t vocab,
                 struct error *error)
{
  if (!screening->given || screening->protocol.vocab_hi <= (int64_t)vocab)
    return 0;
  return error_set(error, EXIT_INPUT, "%s: token id %lld is past the vocabulary of %s, %zu",
                   screening->given_path, (long long)screening->protocol.vocab_hi - 1, path, vocab);
}

int source_batch(const struct screening *screening, size_t vocab, struct batch *batch,
                 struct error *error)
{
  const struct protocol *p = &screening->protocol;
  if (!screening->given)
    return screening->random_tokens ? batch_create_random(p->n, p->seq_len, (int64_t)vocab,
                                                          screening->null_seed, batch, error)
                                    : batch_create(p, batch, error);
  *batch = *screening->given;
  return 0;
}

void source_free(const struct screening *screening, struct batch *batch)
{
  if (!screening->given)
    batch_free(batch);
}

/* Tokens and queries. */
static int add_given(const struct batch *given, struct text *parameters, struct error *error)
{
  char sha256[65], queries[33];
  if (batch_digest(given, sha256, error))
    return error->code;
  digest_xxh3(given->query, (size_t)given->n * sizeof *given->query, queries);
  text_add(parameters, " tokens %s %s", sha256, queries);
  return 0;
}

int source_identify(const struct screening *screening, struct text *parameters, struct error *error)
{
  identity_add_protocol(parameters, &screening->protocol);
  if (screening->random_tokens || screening->null)
    text_add(parameters, " %s %u, %zu draws", screening->random_tokens ? "random tokens" : "nulls",
             screening->null_seed, screening->null ? screening->draws : 0);
  return screening->given ? add_given(screening->given, parameters, error) : 0;
}
