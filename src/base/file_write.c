#include "base/file_write.h"

#include "base/file.h"

#include <stdlib.h>

int file_write_text(const char *path, const struct text *text, struct error *error)
{
  return text->failed ? error_set(error, EXIT_RUN, "%s: out of memory", path)
                      : file_write(path, text->data, text->length, error);
}

int file_write_text_in(const char *directory, const char *name, const struct text *text,
                       struct error *error)
{
  char *path = file_join(directory, name, error);
  int status = path ? file_write_text(path, text, error) : error->code;
  free(path);
  return status;
}

int file_write_table(const char *path, const struct table *table, struct error *error)
{
  struct text text = {0};
  table_separated(table, ',', "", &text);
  int status = file_write_text(path, &text, error);
  text_free(&text);
  return status;
}

int file_write_parts(const char *path, const struct file_part *parts, size_t count,
                     struct error *error)
{
  struct file_writer writer;
  int status = file_writer_open(path, &writer, error);
  if (status)
    return status;
  for (size_t i = 0; i < count && !status; i++)
    status = file_writer_add(&writer, parts[i].data, parts[i].size, error);
  if (!status)
    status = file_writer_finish(&writer, error);
  if (!status)
    status = file_writer_publish(&writer, error);
  file_writer_close(&writer);
  return status;
}
