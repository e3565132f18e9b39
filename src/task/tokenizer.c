#include "task/tokenizer.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "files/fileset.h"
#include "task/added_tokens.h"
#include "task/bpe.h"
#include "task/pretokenizer.h"
#include "task/template.h"
#include "task/unicode.h"

#include <stdlib.h>
#include <string.h>

struct tokenizer {
  struct pretokenizer pretokenizer;
  struct bpe bpe;
  struct added_tokens added;
  struct template template;
  int64_t vocab;
  char sha256[65];
};

/* Settings that cut or lengthen what is encoded. */
static int check_plain(const char *name, const json_t *root, struct error *error)
{
  static const char *const keys[] = {
      "version",       "truncation",     "padding", "added_tokens", "normalizer",
      "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
  if (json_check_keys(root, name, keys, error))
    return error->code;
  for (int i = 1; i <= 2; i++)
    if (!json_is_absent(root, keys[i]))
      return error_set(error, EXIT_INPUT,
                       "%s: \"%s\" is set, which would change the ids; set it to null", name,
                       keys[i]);
  return 0;
}

static void find_vocab(struct tokenizer *t)
{
  t->vocab = t->bpe.vocabulary.largest + 1;
  for (size_t i = 0; i < t->added.count; i++)
    if (t->added.tokens[i].id >= t->vocab)
      t->vocab = t->added.tokens[i].id + 1;
}

static int read_parts(const char *name, const json_t *root, struct tokenizer *t,
                      struct error *error)
{
  json_t *model;
  if (check_plain(name, root, error) || pretokenizer_read(name, root, &t->pretokenizer, error) ||
      json_get_object(root, name, "model", &model, error) ||
      bpe_read(name, model, &t->bpe, error) ||
      added_tokens_read(name, root, &t->bpe.vocabulary, t->pretokenizer.nfc, &t->added, error) ||
      template_read(name, root, &t->template, error))
    return error->code;
  find_vocab(t);
  return 0;
}

int tokenizer_parse(const char *name, const void *data, size_t size, struct tokenizer **tokenizer,
                    struct error *error)
{
  json_t *root;
  struct digest digest;
  if (size > TOKENIZER_MAX_BYTES)
    return error_set(error, EXIT_INPUT, "%s: has %zu bytes, more than the limit of %zu", name, size,
                     TOKENIZER_MAX_BYTES);
  if (digest_of(data, size, &digest, error) || json_parse_object(name, data, size, &root, error))
    return error->code;
  struct tokenizer *t = calloc(1, sizeof *t);
  int status = t ? read_parts(name, root, t, error)
                 : error_set(error, EXIT_RUN, "%s: out of memory for a tokenizer", name);
  json_decref(root);
  if (status) {
    tokenizer_free(t);
    return status;
  }
  memcpy(t->sha256, digest.sha256, sizeof t->sha256);
  *tokenizer = t;
  return 0;
}

static int open_in_set(const char *path, struct tokenizer **tokenizer, struct error *error)
{
  struct fileset *set;
  const struct fileset_file *file;
  if (fileset_open(path, &set, error))
    return error->code;
  int status = fileset_has(set, "tokenizer.json")
                   ? fileset_get(set, "tokenizer.json", &file, error)
                   : error_set(error, EXIT_INPUT,
                               "%s%stokenizer.json: missing; put the model's own there, or name "
                               "that file in place of the model",
                               path, text_ends_with(path, ":") ? "" : "/");
  if (!status)
    status = tokenizer_parse(file->label, file->blob.data, file->blob.size, tokenizer, error);
  fileset_close(set);
  return status;
}

int tokenizer_open(const char *path, struct tokenizer **tokenizer, struct error *error)
{
  struct blob blob;
  if (!file_exists(path) || file_is_directory(path))
    return open_in_set(path, tokenizer, error);
  if (file_map(path, &blob, error))
    return error->code;
  int status = tokenizer_parse(path, blob.data, blob.size, tokenizer, error);
  blob_free(&blob);
  return status;
}

void tokenizer_free(struct tokenizer *t)
{
  if (!t)
    return;
  bpe_free(&t->bpe);
  added_tokens_free(&t->added);
  template_free(&t->template);
  free(t);
}

int64_t tokenizer_vocab(const struct tokenizer *t)
{
  return t->vocab;
}

const char *tokenizer_sha256(const struct tokenizer *t)
{
  return t->sha256;
}

const struct token_list *tokenizer_before(const struct tokenizer *t)
{
  return &t->template.before;
}

const struct token_list *tokenizer_after(const struct tokenizer *t)
{
  return &t->template.after;
}

const char *tokenizer_unsupported(const struct tokenizer *t)
{
  return t->template.unsupported;
}

int32_t tokenizer_added(const struct tokenizer *t, const char *text)
{
  const struct added_token *token = added_tokens_by_text(&t->added, text);
  return token ? token->id : -1;
}

bool tokenizer_bytes(const struct tokenizer *t, int64_t id, struct text *bytes)
{
  const struct added_token *added = added_tokens_by_id(&t->added, id);
  const struct vocabulary_token *token = vocabulary_token(&t->bpe.vocabulary, id);
  if (!added && !token)
    return false;
  if (added)
    text_add(bytes, "%s", added->content);
  else {
    size_t before = bytes->length;
    text_add(bytes, "%s", token->text); /* at least as long as its bytes are */
    if (!bytes->failed) {
      bytes->length = before + vocabulary_bytes(token->text, token->size, bytes->data + before);
      bytes->data[bytes->length] = 0;
    }
  }
  return true;
}

/* A text on its way. */
struct encoding {
  struct tokenizer *tokenizer;
  struct token_list *list;
};

static int take_word(void *context, const char *word, size_t size, struct error *error)
{
  struct encoding *e = context;
  return bpe_encode(&e->tokenizer->bpe, word, size, e->list, error);
}

static int encode_pieces(struct encoding *e, bool normalized, const char *text, size_t size,
                         struct error *error);

/* A piece between added tokens of the text as it is. */
static int encode_raw_piece(struct encoding *e, const char *text, size_t size, struct error *error)
{
  char *normal = NULL;
  if (e->tokenizer->pretokenizer.nfc) {
    if (unicode_nfc(text, size, &normal, &size, error))
      return error->code;
    text = normal;
  }
  int status = encode_pieces(e, true, text, size, error);
  free(normal);
  return status;
}

/* First the tokens of the text as it is are cut out, then, of the normalized pieces, the others. */
static int encode_pieces(struct encoding *e, bool normalized, const char *text, size_t size,
                         struct error *error)
{
  struct added_match match = {NULL, 0, 0, 0};
  size_t taken = 0;
  int status = 0;
  do {
    taken = match.end;
    match = added_tokens_find(&e->tokenizer->added, normalized, text, size, match);
    if (taken < match.begin)
      status = normalized ? pretokenizer_split(&e->tokenizer->pretokenizer, text + taken,
                                               match.begin - taken, take_word, e, error)
                          : encode_raw_piece(e, text + taken, match.begin - taken, error);
    if (!status && match.token)
      status = token_list_add(e->list, match.token->id, error);
  } while (!status && match.token);
  return status;
}

static int add_all(const struct token_list *from, struct token_list *to, struct error *error)
{
  for (size_t i = 0; i < from->count; i++)
    if (token_list_add(to, from->ids[i], error))
      return error->code;
  return 0;
}

int tokenizer_encode(struct tokenizer *t, const char *text, size_t size, bool special,
                     struct token_list *list, struct error *error)
{
  struct encoding e = {t, list};
  size_t fault;
  if (size > TOKENIZER_MAX_TEXT_BYTES)
    return error_set(error, EXIT_INPUT, "a text of %zu bytes is longer than the limit of %zu", size,
                     TOKENIZER_MAX_TEXT_BYTES);
  if ((fault = unicode_fault(text, size)) < size)
    return error_set(error, EXIT_INPUT, "byte 0x%02X (offset %zu) of the text is not UTF-8",
                     (unsigned char)text[fault], fault);
  if (special && *t->template.unsupported)
    return error_set(error, EXIT_INPUT,
                     "special tokens cannot be added: a post-processor of type \"%s\" is not "
                     "supported; supported: TemplateProcessing and ByteLevel",
                     t->template.unsupported);
  if ((special && add_all(&t->template.before, list, error)) ||
      encode_pieces(&e, false, text, size, error) ||
      (special && add_all(&t->template.after, list, error)))
    return error->code;
  return 0;
}
