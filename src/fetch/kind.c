#include "fetch/kind.h"

#include "base/json.h"
#include "base/sniff.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MARK "\xef\xbb\xbf" /* byte order mark */

/* {"error": "..."} and little more. */
static bool is_json_error(const char *data, size_t size)
{
  json_t *object;
  struct error ignored = {0};
  if (size >= SNIFF_BYTES || json_parse_object("an answer", data, size, &object, &ignored))
    return false;
  bool is = json_object_get(object, "error") && json_object_size(object) <= 4 &&
            !json_object_get(object, "model_type");
  json_decref(object);
  return is;
}

static bool is_json(const char *data, size_t size, const char **is)
{
  enum sniff_kind kind = sniff(data, size);
  if (kind == SNIFF_BOM)
    kind = sniff(data + strlen(MARK), size - strlen(MARK));
  if (kind != SNIFF_JSON)
    return false;
  if (!is_json_error(data, size))
    return true;
  *is = "an error message in JSON";
  return false;
}

/* What the bytes are instead of the file that the name promises; NULL = they may be it. */
static const char *other_kind(const char *name, const char *data, size_t size, const char **wanted)
{
  enum sniff_kind kind = sniff(data, size);
  const char *is = sniff_name(kind);
  bool good;
  if (text_ends_with(name, ".safetensors")) {
    *wanted = sniff_name(SNIFF_SAFETENSORS);
    good = kind == SNIFF_SAFETENSORS;
  } else if (text_ends_with(name, ".bin")) {
    *wanted = "weights that PyTorch saved";
    good = kind == SNIFF_ZIP || kind == SNIFF_PICKLE;
  } else if (text_ends_with(name, ".json")) {
    *wanted = "a JSON object";
    good = is_json(data, size, &is);
  } else {
    *wanted = "the file";
    good = kind != SNIFF_LFS_POINTER &&
           (kind != SNIFF_HTML || text_ends_with(name, ".html") || text_ends_with(name, ".md"));
  }
  return good ? NULL : is;
}

int kind_check(const char *where, const char *name, const char *path, struct error *error)
{
  char head[SNIFF_BYTES];
  const char *wanted;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t size = fd >= 0 ? read(fd, head, sizeof head) : -1;
  if (size < 0)
    error_set(error, EXIT_RUN, "%s: cannot be read: %s", path, error_reason(errno));
  if (fd >= 0)
    close(fd);
  if (size < 0)
    return error->code;
  const char *is = other_kind(name, head, (size_t)size, &wanted);
  if (!is)
    return 0;
  if (sniff(head, (size_t)size) == SNIFF_LFS_POINTER)
    return error_set(error, EXIT_CHECK,
                     "%s: is %s, not %s: this server has only the pointers; fetch from the hub "
                     "itself, or from a mirror of its large files (--base)",
                     where, is, wanted);
  return error_set(error, EXIT_CHECK,
                   "%s: is %s, not %s; does a login, a proxy or a mirror (--base) answer instead?",
                   where, is, wanted);
}

void kind_explain(const char *name, const void *data, size_t size, struct error *error)
{
  const char *wanted, *is = other_kind(name, data, size, &wanted);
  char line[sizeof error->text];
  snprintf(line, sizeof line, "%s", error->text);
  if (is)
    error_set(error, error->code, "%.900s (what it sends is %s)", line, is);
}
