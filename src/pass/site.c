#include "pass/site.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HEAD "layers.#.attention.#."

/* By kind; # stands for a layer, the second one for a head. */
static const char *const forms[] = {
    [SITE_EMBEDDING] = "embedding",
    [SITE_KEY] = HEAD "key",
    [SITE_VALUE] = HEAD "value",
    [SITE_QUERY] = HEAD "query",
    [SITE_SCORES] = HEAD "scores",
    [SITE_PATTERN] = HEAD "pattern",
    [SITE_HEAD_OUTPUT] = HEAD "output",
    [SITE_ATTENTION_OUTPUT] = "layers.#.attention.output",
    [SITE_MLP_OUTPUT] = "layers.#.mlp.output",
    [SITE_RESIDUAL] = "layers.#.residual",
    [SITE_FINAL_NORM] = "final_norm",
    [SITE_LOGITS] = "logits",
};

bool site_has_layer(enum site_kind kind)
{
  return strchr(forms[kind], '#') != NULL;
}

bool site_has_head(enum site_kind kind)
{
  return strchr(forms[kind], '#') != strrchr(forms[kind], '#');
}

/* A number without leading zeros, or *, up to the next dot. */
static bool parse_index(const char **name, size_t *index)
{
  size_t length = strcspn(*name, ".");
  const char *digits = *name;
  uint64_t value;
  *name += length;
  *index = SITE_ALL;
  if (length == 1 && *digits == '*')
    return true;
  if ((length > 1 && *digits == '0') || !text_to_u64(digits, length, &value) || value > INT32_MAX)
    return false;
  *index = (size_t)value;
  return true;
}

static bool parse_form(const char *form, const char *name, struct site *site)
{
  size_t *index = &site->layer;
  site->layer = site->head = 0;
  for (; *form; form++) {
    if (*form != '#') {
      if (*form != *name++)
        return false;
      continue;
    }
    if (!parse_index(&name, index))
      return false;
    index = &site->head;
  }
  return *name == 0;
}

int site_parse(const char *name, struct site *site, struct error *error)
{
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    site->kind = (enum site_kind)i;
    if (parse_form(forms[i], name, site))
      return 0;
  }
  return error_set(error, EXIT_INPUT,
                   "%.80s: not a site; there are embedding, layers.L.attention.H.query, .key, "
                   ".value, .scores, .pattern and .output, layers.L.attention.output, "
                   "layers.L.mlp.output, layers.L.residual, final_norm and logits, where L and H "
                   "are numbers from 0, or * for all",
                   *name ? name : "\"\"");
}

static size_t format_index(size_t index, char *out, size_t capacity)
{
  return (size_t)(index == SITE_ALL ? snprintf(out, capacity, "*")
                                    : snprintf(out, capacity, "%zu", index));
}

const char *site_format(const struct site *site, char name[SITE_NAME_SIZE])
{
  size_t at = 0, index = site->layer;
  for (const char *form = forms[site->kind]; *form; form++) {
    if (*form != '#') {
      name[at++] = *form;
      continue;
    }
    at += format_index(index, name + at, SITE_NAME_SIZE - at);
    index = site->head;
  }
  name[at] = 0;
  return name;
}
