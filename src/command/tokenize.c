#include "base/file.h"
#include "base/json.h"
#include "command/command.h"
#include "pass/runtime.h"
#include "study/outputs.h"
#include "task/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tokenize_options {
  struct common_options common; /* of which json and quiet matter here */
  const char *path, *text, *file;
  bool ids, special;
};

static int parse(int argc, char **argv, struct tokenize_options *o, bool *help, struct error *error)
{
  const struct option_spec specs[] = {
      {"text", OPTION_STRING, &o->text, 0, 0, "TEXT", "what to tokenize"},
      {"file", OPTION_STRING, &o->file, 0, 0, "FILE", "the same, from a file: all of its bytes"},
      {"ids", OPTION_FLAG, &o->ids, 0, 0, NULL, "print only the ids, on one line"},
      {"special", OPTION_FLAG, &o->special, 0, 0, NULL,
       "add the special tokens that the tokenizer's post-processor puts around a text"},
      COMMON_OPTIONS(&o->common),
  };
  const struct option_list list = {
      "tokenize MODEL_DIR|tokenizer.json --text TEXT|--file FILE [OPTIONS]",
      "Shows the tokens of a text by a checkpoint's own tokenizer.json: a byte-level BPE as in\n"
      "GPT-2, GPT-NeoX, OLMo, Llama-3 and Qwen2. Whatever would change the ids and is not\n"
      "supported is refused by name (docs/TASKS.md).",
      specs, sizeof specs / sizeof *specs};
  size_t used;
  if (options_parse(argc, argv, &list, &o->path, 1, &used, help, error) || *help)
    return error->code;
  if (used != 1)
    return error_set(error, EXIT_INPUT, "tokenize: MODEL_DIR is missing; see --help");
  if (!o->text == !o->file)
    return error_set(error, EXIT_INPUT, "tokenize: give a text by --text or by --file; see --help");
  const struct output output = {"--json", o->common.json, false};
  return common_options_check(&o->common, error) || outputs_check(&output, 1, error) ? error->code
                                                                                     : 0;
}

/* The bytes of a token, to *bytes alone. */
static bool show(const struct tokenizer *tokenizer, int64_t id, struct text *bytes)
{
  bytes->length = 0;
  if (bytes->data)
    *bytes->data = 0;
  return tokenizer_bytes(tokenizer, id, bytes);
}

/* In quotes, what is not printable as \xNN. */
static void add_quoted(struct text *out, const char *bytes, size_t size)
{
  text_add(out, "\"");
  for (size_t at = 0, length; at < size; at += length) {
    length = bytes[at] ? text_printable(bytes + at) : 0;
    if (length)
      text_add(out, "%s%.*s", strchr("\"\\", bytes[at]) ? "\\" : "", (int)length, bytes + at);
    else
      text_add(out, "\\x%02X", (unsigned)(unsigned char)bytes[at]);
    length = length ? length : 1;
  }
  text_add(out, "\"");
}

static void add_token(const struct tokenizer *tokenizer, int32_t id, struct text *bytes,
                      struct text *out)
{
  if (!show(tokenizer, id, bytes))
    text_add(out, "(no token has this id)");
  else if (!bytes->failed)
    add_quoted(out, bytes->data, bytes->length);
  out->failed |= bytes->failed;
}

/* What --special would add. */
static void add_remark(const struct tokenize_options *o, const struct tokenizer *tokenizer,
                       struct text *out)
{
  size_t before = tokenizer_before(tokenizer)->count, after = tokenizer_after(tokenizer)->count;
  if (*tokenizer_unsupported(tokenizer))
    text_add(out, "; its post-processor, of type %s, is not applied",
             tokenizer_unsupported(tokenizer));
  else if (before + after > 0 && !o->special)
    text_add(out, "; --special puts %zu before the text and %zu after it", before, after);
}

/* A line a token, or all ids on one. */
static void print(const struct tokenize_options *o, const struct tokenizer *tokenizer,
                  const struct token_list *list, struct text *out)
{
  struct text bytes = {0};
  for (size_t i = 0; i < list->count; i++) {
    if (o->ids) {
      text_add(out, i ? " %d" : "%d", (int)list->ids[i]);
      continue;
    }
    text_add(out, "%7zu %8d  ", i, (int)list->ids[i]);
    add_token(tokenizer, list->ids[i], &bytes, out);
    text_add(out, "\n");
  }
  if (o->ids)
    text_add(out, "\n");
  else {
    text_add(out, "%s; vocabulary of %lld ids", text_counted(list->count, "token").text,
             (long long)tokenizer_vocab(tokenizer));
    add_remark(o, tokenizer, out);
    text_add(out, "\n");
  }
  text_free(&bytes);
}

static json_t *ids_json(const struct token_list *list)
{
  json_t *ids = json_array();
  for (size_t i = 0; i < list->count; i++)
    json_add(ids, json_integer(list->ids[i]));
  return ids;
}

static int write_json(const struct tokenize_options *o, const struct tokenizer *tokenizer,
                      const struct token_list *list, struct error *error)
{
  struct text bytes = {0}, shown = {0};
  json_t *all = json_object(), *tokens = json_array();
  json_put(all, "tokenizer", json_string(text_shown(o->path).text));
  json_put(all, "sha256", json_string(tokenizer_sha256(tokenizer)));
  json_put(all, "vocab", json_integer(tokenizer_vocab(tokenizer)));
  json_put(all, "special", json_boolean(o->special));
  json_put(all, "ids", ids_json(list));
  for (size_t i = 0; i < list->count; i++) {
    shown.length = 0;
    add_token(tokenizer, list->ids[i], &bytes, &shown);
    json_add(tokens, json_string(shown.failed ? "" : shown.data));
  }
  json_put(all, "tokens", tokens);
  int status = shown.failed ? error_set(error, EXIT_RUN, "%s: out of memory", o->common.json)
                            : json_write(o->common.json, all, error);
  json_decref(all);
  text_free(&bytes);
  text_free(&shown);
  return status;
}

static int deliver(const struct tokenize_options *o, const struct tokenizer *tokenizer,
                   const struct token_list *list, struct error *error)
{
  struct text out = {0};
  if (o->common.json && write_json(o, tokenizer, list, error))
    return error->code;
  if (o->common.quiet || (o->common.json && strcmp(o->common.json, "-") == 0))
    return 0;
  print(o, tokenizer, list, &out);
  int status = out.failed ? error_set(error, EXIT_RUN, "tokenize: out of memory for its text") : 0;
  if (!status)
    fputs(out.data, stdout);
  text_free(&out);
  return status;
}

static int encode(const struct tokenize_options *o, struct tokenizer *tokenizer,
                  struct token_list *list, struct error *error)
{
  struct blob blob = {0};
  if (o->text)
    return tokenizer_encode(tokenizer, o->text, strlen(o->text), o->special, list, error)
               ? error_prefix(error, "--text")
               : 0;
  if (file_read(o->file, TOKENIZER_MAX_TEXT_BYTES, &blob, error))
    return error->code;
  int status =
      tokenizer_encode(tokenizer, (const char *)blob.data, blob.size, o->special, list, error);
  blob_free(&blob);
  return status ? error_prefix(error, "%s", o->file) : 0;
}

int command_tokenize(int argc, char **argv, struct error *error)
{
  struct tokenize_options o = {.path = NULL};
  struct tokenizer *tokenizer = NULL;
  struct token_list list = {0};
  bool help = false;
  if (parse(argc, argv, &o, &help, error) || help || tokenizer_open(o.path, &tokenizer, error))
    return error->code;
  const struct output output = {"--json", o.common.json, false};
  int status = encode(&o, tokenizer, &list, error);
  if (!status)
    status = outputs_spare_read(&output, 1, error);
  if (!status)
    status = deliver(&o, tokenizer, &list, error);
  token_list_free(&list);
  tokenizer_free(tokenizer);
  return status;
}
