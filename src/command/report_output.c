#include "command/report_output.h"

#include "base/file.h"
#include "report/machine.h"
#include "report/provenance.h"
#include "report/write.h"

#include <stdlib.h>
#include <string.h>

static int write_html(const struct report *report, bool every, struct text *out,
                      struct error *error)
{
  return report_write(report, PAGE_HTML, every, out, error);
}

static int write_markdown(const struct report *report, bool every, struct text *out,
                          struct error *error)
{
  return report_write(report, PAGE_MARKDOWN, every, out, error);
}

static int write_junit(const struct report *report, bool every, struct text *out,
                       struct error *error)
{
  (void)every;
  return machine_junit(report, out, error);
}

static int write_tap(const struct report *report, bool every, struct text *out, struct error *error)
{
  (void)every;
  return machine_tap(report, 13, out, error);
}

static int write_tap14(const struct report *report, bool every, struct text *out,
                       struct error *error)
{
  (void)every;
  return machine_tap(report, 14, out, error);
}

static int write_in_toto(const struct report *report, bool every, struct text *out,
                         struct error *error)
{
  (void)every;
  return machine_in_toto(report, out, error);
}

static int write_ro_crate(const struct report *report, bool every, struct text *out,
                          struct error *error)
{
  char date[PROVENANCE_DATE];
  (void)every;
  if (provenance_date_set(date, error))
    return error->code;
  return machine_ro_crate(report, date, out, error);
}

static const struct report_format formats[] = {
    {"html", NULL, write_html},
    {"markdown", ".md", write_markdown},
    {"junit", ".xml", write_junit},
    {"tap", ".tap", write_tap},
    {"tap14", ".tap14", write_tap14},
    {"in-toto", ".intoto.json", write_in_toto},
    {"ro-crate", "ro-crate-metadata.json", write_ro_crate},
};

#define FORMATS (sizeof formats / sizeof *formats)

/* HTML is what goes to standard output, to a name that ends with .html or .htm, and to one without
 * an ending, as pipes and devices have; under another ending nobody would look for it. */
static bool can_be_html(const char *path)
{
  const char *slash = strrchr(path, '/');
  return !strrchr(slash ? slash + 1 : path, '.') || text_ends_with(path, ".html") ||
         text_ends_with(path, ".htm");
}

int report_format(const char *named, const char *path, const struct report_format **format,
                  struct error *error)
{
  *format = &formats[0];
  for (size_t i = 0; i < FORMATS; i++)
    if (named ? strcmp(named, formats[i].name) == 0
              : formats[i].ending && text_ends_with(path, formats[i].ending)) {
      *format = &formats[i];
      return 0;
    }
  if (!named && can_be_html(path))
    return 0;
  if (!named)
    return error_set(error, EXIT_INPUT,
                     "%s: no format has this ending; known are " REPORT_KNOWN_ENDINGS
                     ", and attest report has --format for any other name",
                     path);
  return error_set(error, EXIT_INPUT, "--format %s: must be " REPORT_FORMATS,
                   text_shown(named).text);
}

int report_output(const struct report *report, const struct report_format *format, bool every,
                  const char *path, struct error *error)
{
  struct text text = {0};
  int status = format->write(report, every, &text, error);
  if (!status)
    status = file_write(path, text.data, text.length, error);
  text_free(&text);
  return status;
}
