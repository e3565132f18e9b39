#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "study/cost.h"
#include "study/piece_format.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MOST ((size_t)4 << 20) /* bytes of a line of the head */
#define MOST_HEADS 65536            /* layers, heads of a layer, and numbers of a head */

/* A line without its end; NULL where none ends within `size` bytes. */
static const char *line_end(const uint8_t *data, size_t size)
{
  return memchr(data, '\n', size < HEAD_MOST ? size : HEAD_MOST);
}

static int check_magic(const struct piece_file *file, const char *end, struct error *error)
{
  const char *data = (const char *)file->blob.data;
  const size_t length = end ? (size_t)(end - data) : 0, magic = strlen(PIECE_MAGIC);
  char version[16] = "";
  if (length <= magic || memcmp(data, PIECE_MAGIC, magic) != 0 || length - magic >= sizeof version)
    return error_set(error, EXIT_INPUT, "%s: is not a part of a screen (reproduce --shard)",
                     file->path);
  memcpy(version, end - (length - magic), length - magic);
  if (strcmp(version, PIECE_VERSION) != 0)
    return error_set(
        error, EXIT_INPUT,
        "%s: is a part in version %s of its format; this attest reads version " PIECE_VERSION
        "; run the shard with the same attest as the others",
        file->path, text_shown(version).text);
  return 0;
}

/* Three whole numbers, or two. */
static int get_numbers(const json_t *root, const char *path, const char *key, size_t count,
                       int64_t high, int64_t *numbers, struct error *error)
{
  json_t *list;
  if (json_get_array(root, path, key, &list, error))
    return error->code;
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_array_get(list, i);
    if (json_array_size(list) != count || !json_is_integer(value) ||
        json_integer_value(value) < 0 || json_integer_value(value) > high)
      return error_set(error, EXIT_INPUT, "%s: \"%s\" must be %zu whole numbers up to %lld", path,
                       key, count, (long long)high);
    numbers[i] = json_integer_value(value);
  }
  return 0;
}

static int get_word(const json_t *root, const char *path, const char *key, char *word,
                    size_t capacity, struct error *error)
{
  const char *value;
  if (json_get_string(root, path, key, &value, error))
    return error->code;
  if (strlen(value) >= capacity || !text_is_label(value))
    return error_set(error, EXIT_INPUT, "%s: \"%s\" cannot be what it says", path, key);
  strcpy(word, value);
  return 0;
}

/* Whether it is of this program, protocol and manifest: each says more than the next. */
static int check_origin(const json_t *root, const struct piece_file *file, const struct manifest *m,
                        struct error *error)
{
  const char *program, *digest;
  json_t *protocol;
  if (json_get_string(root, file->path, "attest", &program, error) ||
      json_get_string(root, file->path, "manifest", &digest, error) ||
      json_get_object(root, file->path, "protocol", &protocol, error))
    return error->code;
  if (strcmp(program, ATTEST_VERSION) != 0)
    return error_set(error, EXIT_INPUT,
                     "%s: was made by attest %s, this is attest " ATTEST_VERSION
                     "; run all shards and the merge with one version",
                     file->path, text_shown(program).text);
  json_t *wanted = cost_protocol_json(&m->protocol);
  if (!wanted)
    return error_set(error, EXIT_RUN, "%s: out of memory", file->path);
  bool same = json_equal(protocol, wanted);
  json_decref(wanted);
  if (!same)
    return error_set(error, EXIT_INPUT, "%s: was made with another protocol than %s states",
                     file->path, m->path);
  if (strcmp(digest, m->digest) != 0)
    return error_set(error, EXIT_INPUT, "%s: was made for another manifest than %s (XXH3-128 %s)",
                     file->path, m->path, m->digest);
  return 0;
}

static int read_head(const json_t *root, struct piece_file *file, const struct manifest *m,
                     struct error *error)
{
  static const char *const keys[] = {"attest",   "manifest", "model",     "revision", "screen",
                                     "protocol", "shape",    "sequences", "read",     NULL};
  int64_t shape[3], sequences[2];
  struct piece_head *head = &file->head;
  if (json_check_keys(root, file->path, keys, error) || check_origin(root, file, m, error) ||
      get_word(root, file->path, "revision", head->revision, sizeof head->revision, error) ||
      get_word(root, file->path, "screen", head->identity, sizeof head->identity, error) ||
      get_numbers(root, file->path, "shape", 3, MOST_HEADS, shape, error) ||
      get_numbers(root, file->path, "sequences", 2, m->protocol.n, sequences, error) ||
      json_get_array(root, file->path, "read", &file->read, error))
    return error->code;
  json_incref(file->read);
  head->layers = shape[0];
  head->heads = shape[1];
  head->head_dim = shape[2];
  head->range = (struct shard_range){sequences[0], sequences[1]};
  if (!shape[0] || !shape[1] || !shape[2] || sequences[0] >= sequences[1])
    return error_set(error, EXIT_INPUT, "%s: is a part of nothing", file->path);
  return 0;
}

/* The figures lie where head and size of the file say, or it is damaged. */
static int check_size(struct piece_file *file, size_t head, const struct manifest *m,
                      struct error *error)
{
  uint64_t figures, outputs;
  if (!piece_sizes(&m->protocol, &file->head, &figures, &outputs) ||
      file->blob.size - head != figures + outputs + PIECE_TRAILER)
    return error_set(error, EXIT_INPUT,
                     "%s: has %zu bytes, which are not those of the part that it says it is; run "
                     "the shard again",
                     file->path, file->blob.size);
  file->figures = file->blob.data + head;
  file->outputs = file->figures + figures;
  return 0;
}

static int parse(struct piece_file *file, const struct manifest *m, struct error *error)
{
  const uint8_t *data = file->blob.data;
  const char *first = line_end(data, file->blob.size);
  if (check_magic(file, first, error))
    return error->code;
  const uint8_t *line = (const uint8_t *)first + 1;
  const char *end = line_end(line, file->blob.size - (size_t)(line - data));
  json_t *root;
  if (!end)
    return error_set(error, EXIT_INPUT, "%s: is cut off; run the shard again", file->path);
  if (json_parse_object(file->path, line, (size_t)(end - (const char *)line), &root, error))
    return error->code;
  int status = read_head(root, file, m, error);
  json_decref(root);
  return status ? status : check_size(file, (size_t)(end + 1 - (const char *)data), m, error);
}

int piece_open(const char *path, const struct manifest *manifest, struct piece_file *file,
               struct error *error)
{
  *file = (struct piece_file){.path = strdup(path)};
  if (!file->path)
    return error_set(error, EXIT_RUN, "%s: out of memory", path);
  int status = file_map(path, &file->blob, error);
  if (!status)
    status = parse(file, manifest, error);
  if (status)
    piece_close(file);
  return status;
}

void piece_close(struct piece_file *file)
{
  if (file->blob.data)
    blob_free(&file->blob);
  json_decref(file->read);
  free(file->path);
  *file = (struct piece_file){0};
}

int piece_check(const struct piece_file *file, const struct manifest *m, struct error *error)
{
  uint64_t figures, outputs;
  char trailer[PIECE_TRAILER];
  piece_sizes(&m->protocol, &file->head, &figures, &outputs); /* piece_open has checked them */
  piece_digests(trailer, file->blob.data, (size_t)(file->figures - file->blob.data), file->figures,
                figures, file->outputs, outputs);
  if (memcmp(trailer, file->outputs + outputs, sizeof trailer) != 0)
    return error_set(error, EXIT_INPUT, "%s: is damaged; remove it and run the shard again",
                     file->path);
  if (!piece_finite_doubles(file->figures, figures) || !piece_finite_floats(file->outputs, outputs))
    return error_set(error, EXIT_INPUT, "%s: holds a figure that is not finite", file->path);
  return 0;
}

int piece_put(const struct piece_file *file, const struct manifest *m,
              struct observations *observations, struct error *error)
{
  const struct shard_range *range = &file->head.range;
  const uint64_t heads = (uint64_t)file->head.layers * (uint64_t)file->head.heads;
  uint64_t figures, outputs;
  if (piece_check(file, m, error))
    return error->code;
  piece_sizes(&m->protocol, &file->head, &figures, &outputs);
  for (uint64_t i = 0; i < heads; i++)
    observations_put(observations, i, range->from, range->to - range->from,
                     file->figures + i * (figures / heads), file->outputs + i * (outputs / heads));
  return 0;
}
