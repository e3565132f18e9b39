/* A circuit that was found, in a file of finished work: magic, figures, scores, the circuits, the
 * components, and the digests of all that. */
#include "base/digest.h"
#include "base/memory.h"
#include "circuit/found.h"

#include <stdlib.h>
#include <string.h>

static const char magic[24] = "attest found circuit 3";

/* The figures as they lie in memory, but for what is owned. */
struct record {
  char magic[24];
  struct found figures;
};

/* Figures, scores, the circuits, the components. */
#define PARTS (FOUND_WAYS + 3)

static struct record record_of(const struct found *found)
{
  struct record record;
  memset(&record, 0, sizeof record); /* padding, too */
  memcpy(record.magic, magic, sizeof magic);
  memcpy(&record.figures, found, sizeof *found);
  record.figures.scores = NULL;
  record.figures.components = NULL;
  for (int by = 0; by < FOUND_WAYS; by++)
    record.figures.by[by].kept = NULL;
  return record;
}

int found_write(const struct found *found, struct file_writer *writer, struct error *error)
{
  const struct record record = record_of(found);
  size_t components = found->component_count * sizeof *found->components;
  char digests[PARTS][33];
  digest_xxh3(&record, sizeof record, digests[0]);
  digest_xxh3(found->scores, found->graph.edges * sizeof *found->scores, digests[1]);
  for (int by = 0; by < FOUND_WAYS; by++)
    digest_xxh3(found->by[by].kept, found->graph.edges, digests[2 + by]);
  digest_xxh3(found->components, components, digests[PARTS - 1]);
  if (file_writer_add(writer, &record, sizeof record, error) ||
      file_writer_add(writer, found->scores, found->graph.edges * sizeof *found->scores, error))
    return error->code;
  for (int by = 0; by < FOUND_WAYS; by++)
    if (file_writer_add(writer, found->by[by].kept, found->graph.edges, error))
      return error->code;
  if (components && file_writer_add(writer, found->components, components, error))
    return error->code;
  return file_writer_add(writer, digests, sizeof digests, error);
}

static int refuse(const char *path, struct error *error)
{
  return error_set(error, EXIT_INPUT, "%s: is damaged; remove it and run again", path);
}

/* The next `size` bytes; NULL when there are not as many. */
static const uint8_t *next(const struct blob *blob, size_t *at, size_t size)
{
  if (size > blob->size - *at)
    return NULL;
  *at += size;
  return blob->data + *at - size;
}

/* A copy of the next bytes, if their digest is this. */
static void *copy(const char *path, const struct blob *blob, size_t *at, size_t size, char hex[33],
                  struct error *error)
{
  const uint8_t *bytes = next(blob, at, size);
  void *made = bytes ? memory_alloc(size, 1, path, error) : NULL;
  if (!bytes)
    refuse(path, error);
  if (!made)
    return NULL;
  memcpy(made, bytes, size);
  digest_xxh3(made, size, hex);
  return made;
}

static int read_parts(const char *path, const struct blob *blob, size_t *at, struct found *found,
                      char digests[PARTS][33], struct error *error)
{
  size_t edges = found->graph.edges, heads = found->component_count;
  found->scores = copy(path, blob, at, edges * sizeof *found->scores, digests[1], error);
  for (int by = 0; by < FOUND_WAYS && !error->code; by++)
    found->by[by].kept = copy(path, blob, at, edges, digests[2 + by], error);
  if (!error->code && heads)
    found->components =
        copy(path, blob, at, heads * sizeof *found->components, digests[PARTS - 1], error);
  for (int by = 0; by < FOUND_WAYS && !error->code; by++)
    for (size_t e = 0; e < edges; e++)
      if (found->by[by].kept[e] > 1)
        return refuse(path, error);
  const uint8_t *stored = error->code ? NULL : next(blob, at, PARTS * sizeof *digests);
  if (!error->code && (!stored || memcmp(stored, digests, PARTS * sizeof *digests) != 0))
    return refuse(path, error);
  return error->code;
}

int found_read(const char *path, const struct blob *blob, size_t *at, struct found *found,
               struct error *error)
{
  struct record record;
  char digests[PARTS][33];
  const uint8_t *bytes = next(blob, at, sizeof record);
  *found = (struct found){0};
  if (!bytes)
    return refuse(path, error);
  memcpy(&record, bytes, sizeof record);
  digest_xxh3(&record, sizeof record, digests[0]);
  digest_xxh3(NULL, 0, digests[PARTS - 1]); /* of none */
  if (memcmp(record.magic, magic, sizeof magic) != 0 ||
      record.figures.graph.edges > blob->size / sizeof(double) ||
      record.figures.component_count > blob->size / sizeof *found->components)
    return refuse(path, error);
  *found = record.figures;
  found->scores = NULL; /* nothing of a file is an address */
  found->components = NULL;
  for (int by = 0; by < FOUND_WAYS; by++)
    found->by[by].kept = NULL;
  if (read_parts(path, blob, at, found, digests, error))
    found_free(found);
  return error->code;
}
