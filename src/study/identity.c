#include "study/identity.h"

#include "base/digest.h"
#include "base/version.h"
#include "checkpoint/tensor_pages.h"

#define PIECE_BYTES ((size_t)16 << 20) /* of a tensor, hashed at a time */

void identity_add_protocol(struct text *parameters, const struct protocol *p)
{
  text_add(parameters, "%lld %lld %lld %lld %lld %lld %lld %lld", (long long)p->n,
           (long long)p->seq_len, (long long)p->vocab_lo, (long long)p->vocab_hi,
           (long long)p->seed, (long long)p->pr_n, (long long)p->baseline_n, (long long)p->bos);
}

static void add_tensor(struct text *text, const struct tensor *tensor)
{
  size_t width = dtype_size(tensor->dtype), most = PIECE_BYTES / width;
  text_add(text, "%s %s %llu\n", tensor->name, dtype_name(tensor->dtype),
           (unsigned long long)tensor->bytes);
  for (uint64_t at = 0; at < tensor->elements; at += most) {
    char hex[33];
    uint64_t count = tensor->elements - at < most ? tensor->elements - at : most;
    digest_xxh3((const char *)tensor->data + at * width, (size_t)count * width, hex);
    tensor_drop_part(tensor, at, count);
    text_add(text, "%s\n", hex);
  }
}

int identity_of(const struct checkpoint *checkpoint, const struct text *parameters,
                char identity[33], struct error *error)
{
  size_t size;
  char hex[33];
  struct text text = {0};
  const char *config = checkpoint_config(checkpoint, &size);
  digest_xxh3(config, size, hex);
  text_add(&text, "%s %s %s\n", ATTEST_VERSION, hex, parameters->data ? parameters->data : "");
  for (size_t i = 0; i < checkpoint_count(checkpoint); i++)
    add_tensor(&text, checkpoint_at(checkpoint, i));
  bool failed = text.failed || parameters->failed;
  if (!failed)
    digest_xxh3(text.data, text.length, identity);
  text_free(&text);
  return failed ? error_set(error, EXIT_RUN, "%s: out of memory", checkpoint_path(checkpoint)) : 0;
}
