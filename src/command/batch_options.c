#include "command/batch_options.h"

#include "base/text.h"

#include <stdio.h>
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

int text_options_alone(const struct text_options *text, const struct batch_options *o,
                       struct error *error)
{
  const struct batch_options plain = BATCH_OPTIONS_DEFAULT;
  const char *option = o->seq_len              ? "--seq-len"
                       : o->bos != plain.bos   ? "--bos"
                       : o->seed != plain.seed ? "--seed"
                       : o->vocab[0] != plain.vocab[0] || o->vocab[1] != plain.vocab[1] ? "--vocab"
                                                                                        : NULL;
  if (!option || !text->path)
    return 0;
  return error_set(error, EXIT_INPUT, "%s: does not go with --tokens, whose texts are as they are",
                   option);
}

int text_options_read(const struct text_options *text, bool baseline, struct protocol *protocol,
                      struct batch *batch, int64_t *texts, struct error *error)
{
  struct token_rows tokens;
  if (!text->path)
    return text->min_first ? error_set(error, EXIT_INPUT, "--min-first: goes with --tokens") : 0;
  if (token_rows_read(text->path, &tokens, error))
    return error->code;
  int status = batch_of_text(text->path, &tokens, protocol->n, (int64_t)text->min_first,
                             baseline ? protocol->baseline_n : 0, batch, error);
  if (!status) {
    protocol->n = batch->n;
    protocol->seq_len = batch->seq_len;
    protocol->vocab_lo = 0;
    protocol->vocab_hi = (int64_t)tokens.largest + 1;
    protocol->bos = -1;
    *texts = tokens.rows;
  }
  token_rows_free(&tokens);
  return status;
}

json_t *text_options_json(const struct text_options *text, const struct batch *batch, int64_t texts)
{
  return json_pack("{s:s, s:I, s:I, s:I}", "file", text_shown(text->path).text, "texts",
                   (json_int_t)texts, "examples", (json_int_t)batch->n, "min_first",
                   (json_int_t)text->min_first);
}

void text_options_print(const struct text_options *text, const struct batch *batch, int64_t texts)
{
  printf("  %s: %lld of %lld texts, one example each\n", text_shown(text->path).text,
         (long long)batch->n, (long long)texts);
}
