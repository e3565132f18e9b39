#include "command/report_output.h"

#include "base/file.h"
#include "report/write.h"

#include <string.h>

int report_format(const char *named, const char *path, enum page_format *format,
                  struct error *error)
{
  *format = text_ends_with(path, ".md") ? PAGE_MARKDOWN : PAGE_HTML;
  if (!named)
    return 0;
  *format = strcmp(named, "markdown") == 0 ? PAGE_MARKDOWN : PAGE_HTML;
  if (*format == PAGE_MARKDOWN || strcmp(named, "html") == 0)
    return 0;
  return error_set(error, EXIT_INPUT, "--format %s: must be html or markdown",
                   text_shown(named).text);
}

int report_output(const struct report *report, enum page_format format, bool every,
                  const char *path, struct error *error)
{
  struct text text = {0};
  int status = report_write(report, format, every, &text, error);
  if (!status)
    status = file_write(path, text.data, text.length, error);
  text_free(&text);
  return status;
}
