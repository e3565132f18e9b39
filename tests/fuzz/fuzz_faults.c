/* libFuzzer target: texts that are refused. What jansson refuses, json_fault must find a fault in:
 * without one it says that memory ran out. What a reader of tables reads, it reads behind a byte
 * order mark, too. */
#include "base/json.h"
#include "trajectory/trajectory.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_json(const uint8_t *data, size_t size)
{
  struct error error = {0};
  json_t *object = NULL;
  int code = json_parse_object("fuzz.json", data, size, &object, &error);
  if (code ? code != EXIT_INPUT || !*error.text || object : !object)
    abort();
  json_decref(object);
}

static int read_table(const uint8_t *data, size_t size)
{
  struct error error = {0};
  struct revision revision;
  int code = trajectory_parse_csv("fuzz.csv", data, size, &revision, &error);
  if (!code)
    trajectory_revision_free(&revision);
  return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fuzz_json(data, size);
  uint8_t *marked = malloc(size + 3);
  if (!marked)
    abort();
  memcpy(marked, "\xEF\xBB\xBF", 3);
  memcpy(marked + 3, data, size);
  if (read_table(data, size) == 0 && read_table(marked, size + 3) != 0)
    abort();
  free(marked);
  return 0;
}
