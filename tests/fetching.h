/* What the tests of fetching share: manifests for the files of the test server, and whether what
 * came is right. */
#ifndef ATTEST_TESTS_FETCHING_H
#define ATTEST_TESTS_FETCHING_H

#include "server.h"
#include "workshop.h"

#include "base/digest.h"
#include "base/file.h"

enum pins { PINNED, UNPINNED };

/* The server's file of a version as bytes, free(). */
static inline uint8_t *fetching_file(int version)
{
  uint8_t *data = malloc(SERVER_SIZE);
  assert_non_null(data);
  for (size_t i = 0; i < SERVER_SIZE; i++)
    data[i] = server_byte(version, i);
  return data;
}

/* A manifest of one revision "main" in the root, with the named files of version 0. */
static inline const char *fetching_manifest(const char *const *names, enum pins pins)
{
  uint8_t *data = fetching_file(0);
  struct digest digest;
  struct error error = {0};
  assert_int_equal(digest_of(data, SERVER_SIZE, &digest, &error), 0);
  free(data);
  json_t *files = json_array();
  for (; *names; names++)
    json_array_append_new(
        files,
        pins == PINNED
            ? json_pack("{s:s, s:I, s:s, s:s}", "path", *names, "bytes", (json_int_t)SERVER_SIZE,
                        "sha256", digest.sha256, "xxh3_128", digest.xxh3_128)
            : json_pack("{s:s, s:n, s:n, s:n}", "path", *names, "bytes", "sha256", "xxh3_128"));
  json_t *root = workshop_json_text(
      "{\"format\": 1, \"model\": \"test\", \"family\": \"olmo\", \"kind\": \"synthetic\","
      " \"source\": \"a test\", \"caveat\": \"none\", \"checkpoints\": \"files\","
      " \"container\": null, \"repository\": \"some-one/the-model\", \"tensors\": null,"
      " \"protocol\": {\"n\": 4, \"seq_len\": 8, \"vocab\": [1, 9], \"seed\": 42, \"pr_n\": 4,"
      " \"baseline_n\": 4, \"bos\": null}, \"golden\": null, \"published\": null,"
      " \"revisions\": [{\"name\": \"main\", \"step\": 0, \"tokens\": 0.0, \"directory\": "
      "\"r\"}]}");
  json_object_set_new(json_array_get(json_object_get(root, "revisions"), 0), "files", files);
  const char *path = workshop_path("manifest.json");
  workshop_json_write(path, root);
  json_decref(root);
  return path;
}

/* Whether DIR/r/NAME is the server's file of a version; a missing file is not wrong. */
static inline void fetching_check(const char *to, const char *name, int version, bool must_exist)
{
  char path[600];
  size_t size;
  snprintf(path, sizeof path, "%s/r/%s", to, name);
  if (!file_exists(path)) {
    assert_false(must_exist);
    return;
  }
  uint8_t *want = fetching_file(version);
  char *data = support_read(path, &size);
  assert_int_equal(size, SERVER_SIZE);
  assert_memory_equal(data, want, SERVER_SIZE);
  free(data);
  free(want);
}

#endif
