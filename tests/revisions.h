/* Two small revisions in folders and their manifest: what verifying and pinning are tested on.
 * <place>/m.json names <place>/c/r0 and <place>/c/r1, each with config.json and model.safetensors.
 */
#ifndef ATTEST_TESTS_REVISIONS_H
#define ATTEST_TESTS_REVISIONS_H

#include "workshop.h"

#include "base/digest.h"
#include "checkpoint/checkpoint.h"

/* "<place>/c/<revision>/<file>" in one of four rotating static buffers. */
static inline const char *revision_path(const char *place, const char *revision, const char *file)
{
  static char paths[4][600];
  static size_t next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof *paths, "%s/c/%s/%s", place, revision, file);
  return path;
}

/* Weights: F32 matrices "a" [2, 3] = first, first + 1, ... and "b" [3, 2] = first, first - 1, ...,
 * and "c" [4] of U8. `note` is metadata: it changes the digest of the file and nothing else. */
static inline void revision_write(const char *path, const char *note, float first)
{
  char file[600];
  int length = snprintf(file + 8, sizeof file - 8,
                        "{\"__metadata__\":{\"note\":\"%s\"},"
                        "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                        "\"b\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[24,48]},"
                        "\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[48,52]}}",
                        note);
  assert_true(length > 0 && (size_t)length + 60 < sizeof file);
  for (int i = 0; i < 8; i++)
    file[i] = (char)((uint64_t)length >> 8 * i & 0xff);
  char *data = file + 8 + length;
  for (size_t i = 0; i < 6; i++) {
    float a = first + (float)i, b = first - (float)i;
    memcpy(data + 4 * i, &a, 4);
    memcpy(data + 24 + 4 * i, &b, 4);
  }
  memcpy(data + 48, "mask", 4);
  support_write(path, file, 8 + (size_t)length + 52);
}

/* Writes any tensors as a safetensors file, in the order given. */
static inline void revision_write_tensors(const char *path, const struct tensor *tensors,
                                          size_t count)
{
  static char file[1 << 16];
  char header[8192] = "{";
  size_t used = 1, at = 0;
  for (size_t i = 0; i < count; i++) {
    const struct tensor *t = &tensors[i];
    used += (size_t)snprintf(header + used, sizeof header - used,
                             "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", t->name,
                             dtype_name(t->dtype));
    for (int k = 0; k < t->rank; k++)
      used += (size_t)snprintf(header + used, sizeof header - used, "%s%lld", k ? "," : "",
                               (long long)t->shape[k]);
    used += (size_t)snprintf(header + used, sizeof header - used, "],\"data_offsets\":[%zu,%zu]}",
                             at, at + (size_t)t->bytes);
    at += (size_t)t->bytes;
  }
  used += (size_t)snprintf(header + used, sizeof header - used, "}");
  assert_true(used < sizeof header && 8 + used + at <= sizeof file);
  for (size_t i = 0; i < 8; i++)
    file[i] = (char)((uint64_t)used >> 8 * i & 0xff);
  memcpy(file + 8, header, used);
  at = 8 + used;
  for (size_t i = 0; i < count; at += (size_t)tensors[i++].bytes)
    memcpy(file + at, tensors[i].data, (size_t)tensors[i].bytes);
  support_write(path, file, at);
}

/* Changes one bit near the end of a file. */
static inline void revision_flip(const char *path)
{
  size_t size;
  char *data = support_read(path, &size);
  data[size - 6] ^= 1;
  support_write(path, data, size);
  free(data);
}

/* An entry of "files", with the pins of the file on disk or with nulls. */
static inline json_t *revision_pin(const char *path, const char *name, bool pinned)
{
  struct digest digest;
  struct error error = {0};
  size_t size;
  if (!pinned)
    return json_pack("{s:s, s:n, s:n, s:n}", "path", name, "bytes", "sha256", "xxh3_128");
  char *data = support_read(path, &size);
  assert_int_equal(digest_of(data, size, &digest, &error), 0);
  free(data);
  return json_pack("{s:s, s:I, s:s, s:s}", "path", name, "bytes", (json_int_t)size, "sha256",
                   digest.sha256, "xxh3_128", digest.xxh3_128);
}

/* The manifest of what lies in the folders now, json_decref(). */
static inline json_t *revisions_manifest(const char *place, bool pinned)
{
  static const char *const names[] = {"r0", "r1"}, *const files[] = {"config.json",
                                                                     "model.safetensors"};
  json_t *manifest =
      json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:{s:i, s:i, s:[i, i], s:i, s:i, s:i, "
                "s:n}, s:[]}",
                "format", 1, "model", "m", "family", "olmo", "kind", "trained", "source", "s",
                "caveat", "", "checkpoints", "c", "container", "protocol", "n", 1, "seq_len", 64,
                "vocab", 1, 97, "seed", 1, "pr_n", 1, "baseline_n", 1, "bos", "revisions");
  for (int i = 0; i < 2; i++) {
    json_t *list = json_array();
    for (int k = 0; k < 2; k++)
      json_array_append_new(
          list, revision_pin(revision_path(place, names[i], files[k]), files[k], pinned));
    json_array_append_new(json_object_get(manifest, "revisions"),
                          json_pack("{s:s, s:i, s:f, s:s, s:o}", "name", names[i], "step", i,
                                    "tokens", (double)i, "directory", names[i], "files", list));
  }
  return manifest;
}

/* Entry k of the files of revision i: 0 = config.json, 1 = model.safetensors. */
static inline json_t *revision_file(json_t *manifest, size_t i, size_t k)
{
  const json_t *revision = json_array_get(json_object_get(manifest, "revisions"), i);
  return json_array_get(json_object_get(revision, "files"), k);
}

/* Writes m.json; its path, static. */
static inline const char *revisions_save(const char *place, json_t *manifest)
{
  static char path[600];
  snprintf(path, sizeof path, "%s/m.json", place);
  workshop_json_write(path, manifest);
  json_decref(manifest);
  return path;
}

/* Makes a fresh place with the folders, whose weights differ, and m.json. Returns the place. */
static inline const char *revisions_make(const char *name, bool pinned)
{
  const char *place = workshop_path(name);
  workshop_shell("rm -rf %s && mkdir -p %s/c/r0 %s/c/r1", place, place, place);
  for (int i = 0; i < 2; i++) {
    const char *revision = i ? "r1" : "r0";
    support_write(revision_path(place, revision, "config.json"), "{}", 2);
    revision_write(revision_path(place, revision, "model.safetensors"), "", i ? 20.0F : 10.0F);
  }
  revisions_save(place, revisions_manifest(place, pinned));
  return place;
}

#endif
