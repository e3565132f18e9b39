#include "command/batch_options.h"

#include "base/text.h"

#include <string.h>

static int read_seq_len(const struct batch_options *o, uint64_t *seq_len, struct error *error)
{
  const char *text = o->seq_len;
  if (!text || (text_to_u64(text, strlen(text), seq_len) && *seq_len >= 2 &&
                *seq_len <= (uint64_t)BATCH_MAX_SEQ_LEN))
    return 0;
  return error_set(error, EXIT_INPUT,
                   "--seq-len %s: must be a whole number from %lld to %lld, for %llu baseline "
                   "positions (--baseline-n)",
                   text, (long long)batch_least_seq_len((int64_t)o->baseline_n),
                   (long long)BATCH_MAX_SEQ_LEN, (unsigned long long)o->baseline_n);
}

int batch_options_read(const struct batch_options *o, struct protocol *protocol,
                       struct error *error)
{
  uint64_t seq_len = (uint64_t)PROTOCOL_PUBLISHED.seq_len;
  if (read_seq_len(o, &seq_len, error))
    return error->code;
  *protocol = (struct protocol){
      (int64_t)o->n,    (int64_t)seq_len, (int64_t)o->vocab[0],   (int64_t)o->vocab[1],
      (int64_t)o->seed, (int64_t)o->pr_n, (int64_t)o->baseline_n, -1};
  if (o->bos != NO_BOS)
    protocol->bos = (int64_t)o->bos;
  return 0;
}
