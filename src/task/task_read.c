/* The reader of task files. */
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mistaken.h"
#include "task/task.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read. */
struct reader {
  const char *path;
  const char *rest; /* what is left of the file */
  size_t size, line;
  int64_t vocab;
  int32_t *ids; /* of the line: clean, corrupted, positive, negative, and as much room */
  size_t capacity;
  struct task *task;
};

static bool is_blank(const char *text, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
      return false;
  return true;
}

/* The next line that is not blank; false at the end of the file. */
static bool next_line(struct reader *r, const char **text, size_t *size)
{
  while (r->size > 0) {
    const char *end = memchr(r->rest, '\n', r->size);
    *text = r->rest;
    *size = end ? (size_t)(end - r->rest) : r->size;
    r->line++;
    r->rest += *size + (end != NULL);
    r->size -= *size + (end != NULL);
    if (!is_blank(*text, *size))
      return true;
  }
  return false;
}

static int parse_line(struct reader *r, const char *text, size_t size, json_t **object,
                      struct error *error)
{
  if (size > TASK_MAX_LINE_BYTES)
    return error_set(error, EXIT_INPUT, "%s: line %zu: has %zu bytes, more than the limit of %zu",
                     r->path, r->line, size, TASK_MAX_LINE_BYTES);
  return json_parse_line(r->path, r->line, text, size, object, error);
}

/* One array of ids, to *to, which has room for it. */
static int take_ids(const struct reader *r, const char *where, const char *key, const json_t *array,
                    int32_t *to, struct error *error)
{
  for (size_t i = 0; i < json_array_size(array); i++) {
    const json_t *item = json_array_get(array, i);
    json_int_t id = json_integer_value(item);
    if (!json_is_integer(item))
      return error_set(error, EXIT_INPUT, "%s: \"%s\"[%zu] is not an integer, must be a token id",
                       where, key, i);
    if (id < 0 || id >= r->vocab)
      return error_set(error, EXIT_INPUT,
                       "%s: \"%s\"[%zu] is %lld, not an id of the vocabulary, 0 to %lld", where,
                       key, i, (long long)id, (long long)r->vocab - 1);
    to[i] = (int32_t)id;
  }
  return 0;
}

static int check_count(const char *where, const char *key, size_t count, size_t low, size_t high,
                       struct error *error)
{
  if (count >= low && count <= high)
    return 0;
  return error_set(error, EXIT_INPUT, "%s: \"%s\" has %s, must have %zu to %zu", where, key,
                   text_counted(count, "id").text, low, high);
}

/* The arrays of a pair; `pair` gets their counts. */
static int take_arrays(const json_t *object, const char *where, json_t *arrays[4],
                       struct task_pair *pair, struct error *error)
{
  static const char *const keys[] = {"clean", "corrupted", "positive", "negative", NULL};
  if (json_check_keys(object, where, keys, error))
    return error->code;
  for (int i = 0; i < 4; i++)
    if (json_get_array(object, where, keys[i], &arrays[i], error))
      return error->code;
  pair->length = json_array_size(arrays[0]);
  pair->positive_count = json_array_size(arrays[2]);
  pair->negative_count = json_array_size(arrays[3]);
  if (json_array_size(arrays[1]) != pair->length)
    return error_set(error, EXIT_INPUT,
                     "%s: \"clean\" has %s and \"corrupted\" %zu; both prompts of a pair must "
                     "have the same length",
                     where, text_counted(pair->length, "id").text, json_array_size(arrays[1]));
  if (check_count(where, "clean", pair->length, 1, TASK_MAX_LENGTH, error) ||
      check_count(where, "positive", pair->positive_count, 1, TASK_MAX_ANSWERS, error) ||
      check_count(where, "negative", pair->negative_count, 0, TASK_MAX_ANSWERS, error))
    return error->code;
  return 0;
}

static int make_room(struct reader *r, size_t ids, struct error *error)
{
  if (ids <= r->capacity)
    return 0;
  int32_t *larger = realloc(r->ids, ids * sizeof *larger);
  if (!larger)
    return error_set(error, EXIT_RUN, "%s: out of memory for a line of %zu ids", r->path, ids);
  r->ids = larger;
  r->capacity = ids;
  return 0;
}

static int ascending(const void *a, const void *b)
{
  int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

/* An answer counts once. `room` is for as many ids again. */
static int check_twice(const char *where, const char *key, const int32_t *ids, size_t count,
                       int32_t *room, struct error *error)
{
  size_t at = 1, first = 0, second;
  if (count < 2)
    return 0;
  memcpy(room, ids, count * sizeof *room);
  qsort(room, count, sizeof *room, ascending);
  while (at < count && room[at] != room[at - 1])
    at++;
  if (at == count)
    return 0;
  while (ids[first] != room[at])
    first++;
  for (second = first + 1; ids[second] != room[at];)
    second++;
  return error_set(error, EXIT_INPUT,
                   "%s: \"%s\"[%zu] and \"%s\"[%zu] are both %ld; an answer counts once: leave one "
                   "out",
                   where, key, first, key, second, (long)room[at]);
}

static int take_pair(struct reader *r, const json_t *object, struct error *error)
{
  json_t *arrays[4];
  struct task_pair pair = {.line = r->line};
  char where[600];
  snprintf(where, sizeof where, "%.500s: line %zu", r->path, r->line);
  if (take_arrays(object, where, arrays, &pair, error) ||
      make_room(r, 2 * (pair.length + pair.positive_count + pair.negative_count), error))
    return error->code;
  pair.clean = r->ids;
  pair.corrupted = pair.clean + pair.length;
  pair.positive = pair.corrupted + pair.length;
  pair.negative = pair.positive + pair.positive_count;
  if (take_ids(r, where, "clean", arrays[0], pair.clean, error) ||
      take_ids(r, where, "corrupted", arrays[1], pair.corrupted, error) ||
      take_ids(r, where, "positive", arrays[2], pair.positive, error) ||
      take_ids(r, where, "negative", arrays[3], pair.negative, error))
    return error->code;
  int32_t *room = pair.negative + pair.negative_count;
  if (check_twice(where, "positive", pair.positive, pair.positive_count, room, error) ||
      check_twice(where, "negative", pair.negative, pair.negative_count, room, error))
    return error->code;
  return task_add(r->path, r->task, &pair, error);
}

/* Whether a line is the bracket alone that a JSON file begins with which people can read. */
static bool begins_json(const char *text, size_t size)
{
  const char *bracket = memchr(text, '{', size);
  return bracket && is_blank(text, (size_t)(bracket - text)) &&
         is_blank(bracket + 1, size - (size_t)(bracket - text) - 1);
}

static int read_header(struct reader *r, struct error *error)
{
  const char *text;
  size_t size;
  json_t *header;
  if (!next_line(r, &text, &size))
    return error_set(error, EXIT_INPUT,
                     "%s: is empty, must be a task file; make one with attest "
                     "task",
                     r->path);
  if (parse_line(r, text, size, &header, error)) {
    if (error->code == EXIT_INPUT && begins_json(text, size))
      error_set(error, EXIT_INPUT,
                "%s: is one JSON object over many lines, such as a manifest or a recipe; a task "
                "file has one a line: make one with attest task",
                r->path);
    return error->code;
  }
  return task_start(r->path, header, r->task, error);
}

static int read_pairs(struct reader *r, struct error *error)
{
  const char *text;
  size_t size;
  int status = 0;
  while (!status && next_line(r, &text, &size)) {
    json_t *object;
    status = parse_line(r, text, size, &object, error);
    if (!status) {
      status = take_pair(r, object, error);
      json_decref(object);
    }
  }
  if (!status && r->task->count == 0)
    return error_set(error, EXIT_INPUT, "%s: has no pairs after its first line", r->path);
  return status;
}

/* A first line that says how many pairs there are tells a file that was cut. */
static int check_pairs(const char *path, const struct task *task, struct error *error)
{
  const json_t *pairs = json_object_get(task->header, "pairs");
  if (!pairs)
    return 0;
  if (!json_is_integer(pairs))
    return error_set(error, EXIT_INPUT,
                     "%s: line 1: \"pairs\" must be the number of pairs in the file, or absent",
                     path);
  if (json_integer_value(pairs) == (json_int_t)task->count)
    return 0;
  return error_set(
      error, EXIT_INPUT,
      "%s: line 1 says \"pairs\": %lld, but the file has %zu; restore it, or correct or "
      "remove \"pairs\"",
      path, (long long)json_integer_value(pairs), task->count);
}

int task_parse(const char *path, const void *data, size_t size, int64_t vocab, struct task *task,
               struct error *error)
{
  struct reader r = {.path = path, .rest = data, .size = size, .task = task};
  struct digest digest;
  *task = (struct task){.count = 0};
  r.vocab = vocab > 0 && vocab < TASK_MAX_VOCAB ? vocab : TASK_MAX_VOCAB;
  if (size > TASK_MAX_BYTES)
    return error_set(error, EXIT_INPUT, "%s: has %zu bytes, more than the limit of %zu", path, size,
                     TASK_MAX_BYTES);
  if (mistaken_refuse(path, READS_JSON, data, size, error))
    return error->code;
  text_skip_bom(&r.rest, &r.size);
  if (read_header(&r, error))
    return error->code;
  int status = read_pairs(&r, error);
  if (!status)
    status = check_pairs(path, task, error);
  if (!status)
    status = digest_of(data, size, &digest, error);
  free(r.ids);
  if (status)
    task_free(task);
  else
    memcpy(task->sha256, digest.sha256, sizeof task->sha256);
  return status;
}

int task_read(const char *path, int64_t vocab, struct task *task, struct error *error)
{
  struct blob blob;
  *task = (struct task){.count = 0};
  if (file_map(path, &blob, error))
    return error->code;
  int status = task_parse(path, blob.data, blob.size, vocab, task, error);
  blob_free(&blob);
  return status;
}
