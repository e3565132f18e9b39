#include "base/mistaken.h"

#include "base/sniff.h"

#include <stdbool.h>
#include <string.h>

#define SHOWN 60 /* bytes of a text's first line */

#define BIT(kind) (1u << (kind))
#define PLAIN (BIT(SNIFF_TEXT) | BIT(SNIFF_BOM))

/* Kinds that a reader judges itself, and what it reads. */
static const struct {
  const char *noun;
  unsigned kinds;
} readers[] = {
    [READS_JSON] = {"JSON", BIT(SNIFF_JSON) | BIT(SNIFF_BOM)},
    [READS_SAFETENSORS] = {"a safetensors file", BIT(SNIFF_SAFETENSORS)},
    [READS_PYTORCH] = {"weights that torch.save wrote", BIT(SNIFF_ZIP) | BIT(SNIFF_PICKLE)},
    [READS_CSV] = {"a table of heads (CSV)", PLAIN},
    [READS_TENSOR_LIST] = {"a list of tensors", PLAIN},
};

static bool is_table(enum reads reader)
{
  return reader == READS_CSV || reader == READS_TENSOR_LIST;
}

static const char *remedy_of_weights(enum sniff_kind kind, enum reads reader)
{
  if (kind == SNIFF_ZIP || kind == SNIFF_PICKLE)
    return reader == READS_SAFETENSORS ? "if PyTorch saved it, name it pytorch_model.bin"
                                       : "fetch the file again";
  if (kind == SNIFF_SAFETENSORS)
    return reader == READS_PYTORCH ? "name it model.safetensors" : "give the right file";
  return "convert it to safetensors";
}

static const char *remedy(enum sniff_kind kind, enum reads reader)
{
  switch (kind) {
  case SNIFF_LFS_POINTER:
    return "fetch it with git lfs pull or attest fetch";
  case SNIFF_HTML:
  case SNIFF_XML:
    return "a login or error page was saved in its place: fetch the file again";
  case SNIFF_UTF16:
    return "save it as UTF-8";
  case SNIFF_ZIP:
    return is_table(reader)       ? "if it is a spreadsheet, save it as plain text (CSV)"
           : reader == READS_JSON ? "unpack it, or fetch the file again"
                                  : remedy_of_weights(kind, reader);
  case SNIFF_TAR:
  case SNIFF_GZIP:
  case SNIFF_ZSTD:
  case SNIFF_XZ:
  case SNIFF_BZIP2:
    return "unpack it";
  case SNIFF_PICKLE:
  case SNIFF_SAFETENSORS:
  case SNIFF_HDF5:
  case SNIFF_GGUF:
  case SNIFF_NPY:
    return reader == READS_SAFETENSORS || reader == READS_PYTORCH ? remedy_of_weights(kind, reader)
                                                                  : "give the right file";
  default:
    return "fetch the file again";
  }
}

/* Of a text found in place of a file its first line is shown: it may say what happened. */
static int refuse_text(const char *file, enum reads reader, const char *kind, const char *text,
                       size_t size, struct error *error)
{
  size_t shown = 0;
  while (size && *text && strchr(" \t\r\n", *text)) {
    text++;
    size--;
  }
  while (shown < size && shown < SHOWN && text[shown] && text[shown] != '\n' && text[shown] != '\r')
    shown++;
  if (!shown)
    return error_set(error, EXIT_INPUT, "%.600s: contains nothing but blanks; fetch the file again",
                     file);
  return error_set(error, EXIT_INPUT,
                   "%.600s: is %s, not %s; it begins \"%.*s\": fetch the file "
                   "again",
                   file, kind, readers[reader].noun, (int)shown, text);
}

int mistaken_refuse(const char *file, enum reads reader, const void *data, size_t size,
                    struct error *error)
{
  enum sniff_kind kind = sniff(data, size);
  const char *text = data, *name = sniff_name(kind);
  if (kind == SNIFF_UNKNOWN || readers[reader].kinds & BIT(kind))
    return 0;
  if (kind == SNIFF_TEXT || kind == SNIFF_JSON || kind == SNIFF_BOM)
    return refuse_text(file, reader, name, text, size, error);
  if (kind == SNIFF_EMPTY)
    return error_set(error, EXIT_INPUT, "%.600s: is %s; fetch the file again", file, name);
  return error_set(error, EXIT_INPUT, "%.600s: is %s, not %s; %s", file, name, readers[reader].noun,
                   remedy(kind, reader));
}
