#include "checkpoint/values.h"

#include "base/memory.h"
#include "base/text.h"
#include "checkpoint/values_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RANK 3

/* A tensor, or what rounding makes of one. */
struct entry {
  uint8_t digest[DIGEST_XXH3_BYTES];
  uint64_t elements;
  size_t revision;
  char *name; /* owned by the entry that is not rounded */
  enum dtype dtype;
  bool silent;  /* it is there, but is not evidence or could not be read: no digest */
  bool rounded; /* `as` is the type that its values were rounded to */
  enum dtype as;
  int rank;
  int64_t shape[MOST_RANK];
};

struct entries {
  struct entry *entries;
  size_t count, capacity;
};

struct values {
  struct entries own, rounded;
  size_t newest; /* where the entries of the revision added last begin */
  struct values_count count;
};

static int append(struct entries *list, const struct entry *entry, struct error *error)
{
  struct entry *grown = memory_grow(list->entries, list->count + 1, &list->capacity, sizeof *grown,
                                    "digests of tensors", error);
  if (!grown)
    return error->code;
  list->entries = grown;
  list->entries[list->count++] = *entry;
  return 0;
}

int values_new(struct values **values, struct error *error)
{
  *values = memory_zeroed(1, sizeof **values, "digests of tensors", error);
  return *values ? 0 : error->code;
}

void values_free(struct values *values)
{
  if (!values)
    return;
  for (size_t i = 0; i < values->own.count; i++)
    free(values->own.entries[i].name);
  free(values->own.entries);
  free(values->rounded.entries);
  free(values);
}

static bool is_float(enum dtype dtype)
{
  return dtype == DTYPE_F64 || dtype == DTYPE_F32 || dtype == DTYPE_BF16 || dtype == DTYPE_F16;
}

/* Whether training may have moved it, by its name, type and shape. */
static bool may_be_evidence(const struct tensor *tensor)
{
  return is_float(tensor->dtype) && tensor->rank >= 1 && tensor->rank <= MOST_RANK &&
         tensor->elements > 1 && !text_ends_with(tensor->name, "inv_freq");
}

static struct entry entry_of(const struct tensor *tensor, size_t revision)
{
  struct entry entry = {.elements = tensor->elements,
                        .revision = revision,
                        .dtype = tensor->dtype,
                        .rank = tensor->rank};
  memcpy(entry.shape, tensor->shape, (size_t)tensor->rank * sizeof *entry.shape);
  return entry;
}

static void say_not_finite(const struct tensor *tensor, const struct values_digest *digest,
                           char *first)
{
  if (!*first)
    snprintf(first, 1024, "%.700s: tensor \"%.200s\": element %" PRIu64 " is not finite",
             tensor->file, tensor->name, digest->not_finite);
}

static int add_evidence(struct values *values, size_t revision, const struct tensor *tensor,
                        char *first, struct error *error)
{
  struct values_digest digest;
  struct entry entry = entry_of(tensor, revision);
  if (values_digest(tensor, DTYPE_F32, &digest, error))
    return error->code;
  memcpy(entry.digest, digest.bytes, sizeof entry.digest);
  entry.silent = digest.constant || !digest.finite;
  if (!digest.finite) {
    say_not_finite(tensor, &digest, first);
    values->count.not_finite++;
  } else if (digest.constant) {
    values->count.left_out++;
  } else {
    values->count.compared++;
  }
  entry.name = strdup(tensor->name);
  if (!entry.name)
    return error_set(error, EXIT_RUN, "%s: out of memory", tensor->name);
  if (append(&values->own, &entry, error))
    free(entry.name);
  return error->code;
}

static bool same_shape(const struct entry *a, const struct entry *b)
{
  return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* One walk through the names of the newest revision and the one before. */
static void count_unpaired(struct values *values, size_t before)
{
  const struct entry *entries = values->own.entries;
  size_t i = before, j = values->newest, unpaired = 0;
  while (i < values->newest || j < values->own.count) {
    int order = i == values->newest      ? 1
                : j == values->own.count ? -1
                                         : strcmp(entries[i].name, entries[j].name);
    unpaired += order != 0 || !same_shape(&entries[i], &entries[j]);
    i += order <= 0;
    j += order >= 0;
  }
  values->count.unpaired += unpaired;
  values->count.unpaired_neighbours += unpaired > 0;
}

int values_add(struct values *values, size_t revision, const struct checkpoint *checkpoint,
               char *first, struct error *error)
{
  size_t before = values->newest;
  *first = 0;
  *error = (struct error){0};
  values->newest = values->own.count;
  for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(checkpoint, i);
    if (may_be_evidence(tensor)) {
      if (add_evidence(values, revision, tensor, first, error))
        return error->code;
    } else if (!is_float(tensor->dtype) && tensor->rank <= MOST_RANK && tensor->elements > 1) {
      values->count.other++;
    } else {
      values->count.left_out++;
    }
  }
  if (values->count.revisions++)
    count_unpaired(values, before);
  return 0;
}

static bool is_narrower(enum dtype dtype, enum dtype than)
{
  return dtype != than && (dtype == DTYPE_F16 || dtype == DTYPE_BF16);
}

/* The types of other revisions that tensors of this type must be rounded to, 1u << dtype each. */
static unsigned narrower(const struct values *values, size_t revision, enum dtype than)
{
  unsigned types = 0;
  for (size_t i = 0; i < values->own.count; i++) {
    const struct entry *entry = &values->own.entries[i];
    if (entry->revision != revision && !entry->silent && is_narrower(entry->dtype, than))
      types |= 1u << entry->dtype;
  }
  return types;
}

bool values_needs_rounding(const struct values *values, size_t revision)
{
  unsigned own = 0, needed = 0;
  for (size_t i = 0; i < values->own.count; i++)
    if (values->own.entries[i].revision == revision && !values->own.entries[i].silent)
      own |= 1u << values->own.entries[i].dtype;
  for (enum dtype dtype = DTYPE_F32; dtype <= DTYPE_BOOL; dtype++)
    if (own & 1u << dtype)
      needed |= narrower(values, revision, dtype);
  return needed != 0;
}

static int add_rounded(struct values *values, const struct entry *own, const struct tensor *tensor,
                       enum dtype as, struct error *error)
{
  struct values_digest digest;
  struct entry entry = *own;
  if (values_digest(tensor, as, &digest, error))
    return error->code;
  memcpy(entry.digest, digest.bytes, sizeof entry.digest);
  entry.rounded = true;
  entry.as = as;
  return digest.constant ? 0 : append(&values->rounded, &entry, error);
}

int values_round(struct values *values, size_t revision, const struct checkpoint *checkpoint,
                 struct error *error)
{
  *error = (struct error){0};
  unsigned types[DTYPE_BOOL + 1];
  for (enum dtype dtype = DTYPE_F32; dtype <= DTYPE_BOOL; dtype++)
    types[dtype] = is_float(dtype) ? narrower(values, revision, dtype) : 0;
  for (size_t i = 0; i < values->own.count; i++) {
    const struct entry *own = &values->own.entries[i];
    const struct tensor *tensor =
        own->revision == revision && !own->silent ? checkpoint_find(checkpoint, own->name) : NULL;
    if (!tensor || tensor->dtype != own->dtype || tensor->elements != own->elements)
      continue;
    for (enum dtype as = DTYPE_F32; as <= DTYPE_F16; as++)
      if (types[own->dtype] & 1u << as && add_rounded(values, own, tensor, as, error))
        return error->code;
  }
  return 0;
}

void values_counts(const struct values *values, struct values_count *count)
{
  *count = values->count;
}

/* --- what revisions have in common -----------------------------------------------------------*/

/* The same values side by side, those that are not rounded from others first, by revision and name.
 */
static int by_values(const void *a, const void *b)
{
  const struct entry *left = a, *right = b;
  int order = memcmp(left->digest, right->digest, sizeof left->digest);
  if (order)
    return order;
  if (left->elements != right->elements)
    return left->elements < right->elements ? -1 : 1;
  if (left->rounded != right->rounded)
    return left->rounded ? 1 : -1;
  if (left->revision != right->revision)
    return left->revision < right->revision ? -1 : 1;
  return strcmp(left->name, right->name);
}

static bool same_values(const struct entry *a, const struct entry *b)
{
  return a->elements == b->elements && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

struct pairs {
  struct values_shared *pairs;
  size_t count, capacity;
};

static int add_pair(struct pairs *list, const struct entry *a, const struct entry *b,
                    struct error *error)
{
  struct values_shared *grown = memory_grow(list->pairs, list->count + 1, &list->capacity,
                                            sizeof *grown, "tensors in common", error);
  if (!grown)
    return error->code;
  list->pairs = grown;
  bool swap = a->revision > b->revision;
  const struct entry *left = swap ? b : a, *right = swap ? a : b;
  list->pairs[list->count++] =
      (struct values_shared){left->revision, right->revision, left->name, right->name,
                             left->dtype,    right->dtype,    a->rounded, 1};
  return 0;
}

/* What a rounded tensor is the same as; NULL where rounding did not change it, which makes it one
 * of the group itself. */
static const struct entry *rounding_of(const struct entry *rounded, const struct entry *group,
                                       size_t own)
{
  const struct entry *found = NULL;
  for (size_t i = 0; i < own; i++) {
    if (group[i].revision == rounded->revision)
      return NULL;
    if (!found && group[i].dtype == rounded->as)
      found = &group[i];
  }
  return found;
}

/* One group of the same values. */
static int pair_group(const struct entry *group, size_t count, struct pairs *pairs,
                      struct error *error)
{
  size_t own = 0;
  while (own < count && !group[own].rounded)
    own++;
  for (size_t i = 1; i < own; i++) /* the first names of neighbouring revisions */
    if (group[i].revision != group[i - 1].revision) {
      size_t k = i - 1;
      while (k > 0 && group[k - 1].revision == group[i - 1].revision)
        k--;
      if (add_pair(pairs, &group[i], &group[k], error))
        return error->code;
    }
  for (size_t i = own; i < count; i++) {
    const struct entry *narrow = rounding_of(&group[i], group, own);
    if (narrow && add_pair(pairs, &group[i], narrow, error))
      return error->code;
  }
  return 0;
}

static int by_revisions(const void *a, const void *b)
{
  const struct values_shared *left = a, *right = b;
  if (left->before != right->before)
    return left->before < right->before ? -1 : 1;
  if (left->after != right->after)
    return left->after < right->after ? -1 : 1;
  int order = strcmp(left->left, right->left);
  return order ? order : strcmp(left->right, right->right);
}

static void hand_over(struct pairs *list,
                      void (*report)(void *context, const struct values_shared *shared),
                      void *context)
{
  if (list->count)
    qsort(list->pairs, list->count, sizeof *list->pairs, by_revisions);
  for (size_t i = 0; i < list->count;) {
    struct values_shared shared = list->pairs[i];
    while (++i < list->count && list->pairs[i].before == shared.before &&
           list->pairs[i].after == shared.after)
      shared.count++;
    report(context, &shared);
  }
}

/* All that have a digest, sorted. */
static struct entry *sorted(const struct values *values, size_t *count, struct error *error)
{
  size_t used = 0, room = values->own.count + values->rounded.count;
  struct entry *all = memory_alloc(room ? room : 1, sizeof *all, "digests of tensors", error);
  if (!all)
    return NULL;
  for (size_t i = 0; i < values->own.count; i++)
    if (!values->own.entries[i].silent)
      all[used++] = values->own.entries[i];
  for (size_t i = 0; i < values->rounded.count; i++)
    all[used++] = values->rounded.entries[i];
  if (used)
    qsort(all, used, sizeof *all, by_values);
  *count = used;
  return all;
}

int values_report(struct values *values,
                  void (*report)(void *context, const struct values_shared *shared), void *context,
                  struct error *error)
{
  struct pairs pairs = {0};
  size_t count = 0;
  struct entry *all = sorted(values, &count, error);
  int status = all ? 0 : error->code;
  for (size_t i = 0; i < count && !status;) {
    size_t start = i;
    while (++i < count && same_values(&all[start], &all[i]))
      ;
    status = pair_group(all + start, i - start, &pairs, error);
  }
  if (!status)
    hand_over(&pairs, report, context);
  free(pairs.pairs);
  free(all);
  return status;
}
