#include "checkpoint/names.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What wrappers of modules put between the dots of a name; no model uses these words. */
static const char *const wrappers[] = {"module", "_orig_mod", "_fsdp_wrapped_module",
                                       "_checkpoint_wrapped_module"};

/* The embedding's own name, and the prefix that all but the LM head have. */
static const struct convention {
  const char *embedding, *base;
} conventions[] = {
    {"embed_in.weight", "gpt_neox."},
    {"embed_tokens.weight", "model."},
    {"wte.weight", "transformer."},
};

static const char *const heads[] = {"lm_head.weight", "lm_head.bias", "embed_out.weight"};

/* How names become those of a plain checkpoint. */
struct prefix {
  char *found;      /* what comes before the embedding's own name; NULL = unknown */
  const char *base; /* what should */
};

static bool starts_with(const char *text, const char *start)
{
  return strncmp(text, start, strlen(start)) == 0;
}

/* The wrapper whose name the text begins with, up to its dot. */
static const char *wrapper_at(const char *text)
{
  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
    if (starts_with(text, wrappers[i]) && text[strlen(wrappers[i])] == '.')
      return wrappers[i];
  return NULL;
}

/* Takes wrappers out of `name`, in place; the first of them, or NULL. */
static const char *unwrap(char *name)
{
  const char *first = NULL;
  char *to = name;
  for (const char *from = name; *from;) {
    const char *wrapper = from == name || from[-1] == '.' ? wrapper_at(from) : NULL;
    if (wrapper) {
      first = first ? first : wrapper;
      from += strlen(wrapper) + 1;
      continue;
    }
    *to++ = *from++;
  }
  *to = 0;
  return first;
}

/* The convention whose embedding this is. */
static const struct convention *convention_of(const char *name)
{
  for (size_t i = 0; i < sizeof conventions / sizeof *conventions; i++) {
    size_t length = strlen(name), own = strlen(conventions[i].embedding);
    if (text_ends_with(name, conventions[i].embedding) &&
        (length == own || name[length - own - 1] == '.'))
      return &conventions[i];
  }
  return NULL;
}

static void doubt(struct naming *naming, const struct tensor *a, const struct tensor *b,
                  const char *why)
{
  if (!naming->doubt.code)
    error_set(&naming->doubt, EXIT_INPUT,
              "%s: tensors \"%.150s\" and \"%.150s\" %s; keep one of them in a copy of the file",
              b->file, a->stored ? a->stored : a->name, b->stored ? b->stored : b->name, why);
}

/* prefix->found is for free(). */
static int find_prefix(const struct tensor *tensors, size_t count, struct naming *naming,
                       struct prefix *prefix, struct error *error)
{
  const struct tensor *embedding = NULL;
  const struct convention *convention = NULL;
  *prefix = (struct prefix){NULL, ""};
  for (size_t i = 0; i < count; i++) {
    const struct convention *own = convention_of(tensors[i].name);
    if (own && embedding) {
      doubt(naming, embedding, &tensors[i], "are both an embedding");
      return 0;
    }
    if (own) {
      embedding = &tensors[i];
      convention = own;
    }
  }
  if (!embedding)
    return 0;
  prefix->base = convention->base;
  prefix->found = strdup(embedding->name);
  if (!prefix->found)
    return error_set(error, EXIT_RUN, "%s: out of memory", embedding->file);
  prefix->found[strlen(prefix->found) - strlen(convention->embedding)] = 0;
  return 0;
}

static bool is_head(const char *name)
{
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    if (strcmp(heads[i], name) == 0)
      return true;
  return false;
}

/* Writes the new name to `out`, which has room for the base beside the old one. */
static void rename_one(const struct prefix *prefix, const char *name, char *out)
{
  size_t found = strlen(prefix->found), base = strlen(prefix->base);
  bool outer = found > base && text_ends_with(prefix->found, prefix->base);
  if (starts_with(name, prefix->found) && (found || !is_head(name)))
    sprintf(out, "%s%s", prefix->base, name + found);
  else if (outer && strncmp(name, prefix->found, found - base) == 0)
    strcpy(out, name + found - base); /* an LM head beside the doubled prefix */
  else
    strcpy(out, name);
}

static void note_prefix(const struct prefix *prefix, struct naming *naming)
{
  size_t found = strlen(prefix->found), base = strlen(prefix->base);
  if (!found)
    naming_add(naming, "with \"%s\" in front", prefix->base);
  else if (found > base && text_ends_with(prefix->found, prefix->base))
    naming_add(naming, "without \"%.*s\"", found - base > 100 ? 100 : (int)(found - base),
               prefix->found);
  else
    naming_add(naming, "with \"%s\" in place of \"%.100s\"", prefix->base, prefix->found);
}

static int by_name(const void *a, const void *b)
{
  const struct tensor *const *left = a, *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

/* Two tensors that would get one name are named. */
static int check_unique(const char *path, const struct tensor *tensors, size_t count,
                        struct naming *naming, struct error *error)
{
  const struct tensor **sorted = memory_alloc(count, sizeof *sorted, path, error);
  if (!sorted)
    return error->code;
  for (size_t i = 0; i < count; i++)
    sorted[i] = &tensors[i];
  qsort(sorted, count, sizeof *sorted, by_name);
  for (size_t i = 1; i < count && !naming->doubt.code; i++)
    if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
      doubt(naming, sorted[i - 1], sorted[i], "are the same but for a prefix");
  free(sorted);
  return 0;
}

static void give_name(struct tensor *tensor, const char *name)
{
  if (strcmp(tensor->name, name) == 0)
    return;
  tensor->stored = tensor->stored ? tensor->stored : tensor->name;
  tensor->name = name;
}

/* Room for the name of a tensor with any base in front. */
static size_t room_of(const struct tensor *tensor)
{
  return strlen(tensor->name) + sizeof "transformer.";
}

/* New names are put at *at, which moves on. */
static void unwrap_all(struct tensor *tensors, size_t count, char **at, struct naming *naming)
{
  const char *first = NULL;
  for (size_t i = 0; i < count; i++) {
    char *name = *at;
    *at += room_of(&tensors[i]);
    strcpy(name, tensors[i].name);
    const char *wrapper = unwrap(name);
    first = first ? first : wrapper;
    give_name(&tensors[i], name);
  }
  if (first)
    naming_add(naming, "without \"%s.\"", first);
}

static void replace_prefix(struct tensor *tensors, size_t count, char **at,
                           const struct prefix *prefix, struct naming *naming)
{
  for (size_t i = 0; i < count; i++) {
    char *name = *at;
    *at += room_of(&tensors[i]);
    rename_one(prefix, tensors[i].name, name);
    give_name(&tensors[i], name);
  }
  naming->headless = !*prefix->found;
  note_prefix(prefix, naming);
}

/* Whether all names are those of a plain checkpoint. */
static bool is_plain(const struct tensor *tensors, size_t count)
{
  size_t embeddings = 0;
  for (size_t i = 0; i < count; i++) {
    const char *name = tensors[i].name;
    const struct convention *own = convention_of(name);
    for (const char *at = name; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
      if (wrapper_at(at))
        return false;
    if (own && (++embeddings > 1 || !starts_with(name, own->base) ||
                strcmp(name + strlen(own->base), own->embedding) != 0))
      return false;
  }
  return true;
}

static int rename_all(const char *path, struct tensor *tensors, size_t count, struct naming *naming,
                      struct error *error)
{
  struct prefix prefix;
  size_t room = 0;
  for (size_t i = 0; i < count; i++)
    room += room_of(&tensors[i]);
  naming->names = memory_alloc(2, room, path, error);
  if (!naming->names)
    return error->code;
  char *at = naming->names;
  unwrap_all(tensors, count, &at, naming);
  if (find_prefix(tensors, count, naming, &prefix, error))
    return error->code;
  if (prefix.found && strcmp(prefix.found, prefix.base) != 0)
    replace_prefix(tensors, count, &at, &prefix, naming);
  free(prefix.found);
  return check_unique(path, tensors, count, naming, error);
}

/* What is in doubt is read as it is stored. */
static void undo(struct tensor *tensors, size_t count, struct naming *naming)
{
  for (size_t i = 0; i < count; i++)
    if (tensors[i].stored) {
      tensors[i].name = tensors[i].stored;
      tensors[i].stored = NULL;
    }
  *naming->note = 0;
  naming->headless = false;
}

int names_apply(const char *path, struct tensor **tensors, size_t *count, struct naming *naming,
                struct error *error)
{
  *naming = (struct naming){.names = NULL};
  if (!is_plain(*tensors, *count)) {
    if (rename_all(path, *tensors, *count, naming, error))
      return error->code;
    if (naming->doubt.code)
      undo(*tensors, *count, naming);
  }
  return names_split_experts(path, tensors, count, naming, error);
}
