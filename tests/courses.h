/* A course of circuits made up for tests: one task over four revisions, its files, and what claims
 * say of it. */
#ifndef ATTEST_TESTS_COURSES_H
#define ATTEST_TESTS_COURSES_H

#include "support.h"

#include "base/file.h"
#include "circuit/found.h"
#include "claims/claims.h"
#include "claims/figure.h"
#include "study/course_files.h"
#include "trajectory/circuit_course.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REVISIONS 4

static inline struct graph make_graph(void)
{
  struct error error = {0};
  const struct model_config config = {.layers = 1, .heads = 1, .parallel_residual = true};
  struct graph graph;
  assert_int_equal(graph_create(&config, &graph, &error), 0);
  return graph;
}

/* A circuit of the graph's edges whose bits are set, of this ratio. */
static inline void make_circuit(struct found_circuit *c, size_t edges, unsigned bits, double ratio)
{
  size_t count = 0;
  c->kept = calloc(edges, 1);
  for (size_t e = 0; e < edges; e++)
    count += c->kept[e] = bits >> e & 1;
  c->met = true;
  c->is = (struct evaluated){count, count, count ? 2 : 0, ratio, ratio, ratio};
}

static inline struct found make_found(double clean, double corrupted, unsigned bits)
{
  struct found f = {.graph = make_graph(),
                    .pairs = 4,
                    .clean = clean,
                    .corrupted = corrupted,
                    .correct = 3,
                    .completeness = {corrupted - clean, corrupted - clean, true}};
  f.scores = calloc(f.graph.edges, sizeof *f.scores);
  for (size_t e = 0; e < f.graph.edges; e++)
    f.scores[e] = (double)e + clean / 8;
  for (int by = 0; by < FOUND_WAYS; by++)
    make_circuit(&f.by[by], f.graph.edges, bits, .9);
  return f;
}

/* One task; the metric emerges at the third of four revisions. */
static inline struct circuit_course make_course(void)
{
  static const char *const names[REVISIONS] = {"step0", "step1", "step2", "step4"};
  static const double clean[REVISIONS] = {.1, .2, 2, 2.1};
  static const unsigned bits[REVISIONS] = {0, 0x21, 0x23, 0x7f};
  struct circuit_course c = {.model = "toy",
                             .source = "a test",
                             .caveat = "none",
                             .kind = TRAJECTORY_TRAINED,
                             .graph = make_graph(),
                             .method = "ig5_first1",
                             .choose = "greedy",
                             .threshold = .8};
  c.tasks = calloc(1, sizeof *c.tasks);
  c.tasks[c.task_count++] = (struct course_task){.name = strdup("copy"), .metric = TASK_LOGIT};
  c.revisions = calloc(REVISIONS, sizeof *c.revisions);
  for (size_t r = 0; r < REVISIONS; r++) {
    struct found *found = calloc(1, sizeof *found);
    *found = make_found(clean[r], -clean[r], bits[r]);
    c.revisions[c.revision_count++] =
        (struct course_revision){names[r], r ? 1u << (r - 1) : 0, (double)r + 1, found};
  }
  return c;
}

/* Scores of the only head. */
static inline void give_component(struct found *found, const struct component *scores)
{
  found->component_count = 1;
  found->components = calloc(1, sizeof *found->components);
  *found->components = *scores;
}

/* course_files_free() */
static inline struct course_files make_files(const struct circuit_course *course)
{
  struct error error = {0};
  struct course_files files;
  if (course_files_make(course, &files, &error))
    fail_msg("%s", error.text);
  return files;
}

/* Writes finished work that many times; the bytes of the file, blob_free(). */
static inline struct blob save_found(const char *path, const struct found *found, int times)
{
  struct error error = {0};
  struct file_writer writer;
  struct blob blob;
  assert_int_equal(file_writer_open(path, &writer, &error), 0);
  for (int i = 0; i < times; i++)
    assert_int_equal(found_write(found, &writer, &error), 0);
  assert_int_equal(file_writer_finish(&writer, &error), 0);
  assert_int_equal(file_writer_publish(&writer, &error), 0);
  file_writer_close(&writer);
  assert_int_equal(file_read(path, 1 << 20, &blob, &error), 0);
  return blob;
}

/* One finished work of `size` bytes does not come back when bits of any byte are others. */
static inline void refuse_damaged(const char *path, const uint8_t *data, size_t size, size_t step,
                                  uint8_t bits)
{
  for (size_t i = 0; i < size; i += step) {
    struct error error = {0};
    struct found back;
    uint8_t *bytes = malloc(size);
    size_t at = 0;
    assert_non_null(bytes);
    memcpy(bytes, data, size);
    bytes[i] ^= bits;
    const struct blob bad = {bytes, size, false};
    assert_int_equal(found_read(path, &bad, &at, &back, &error), EXIT_INPUT);
    support_assert_error(&error, EXIT_INPUT, "damaged");
    free(bytes);
  }
}

/* Cell of a row of a CSV, by the name of its column. */
static inline const char *cell(const struct text *csv, size_t row, const char *column)
{
  static char copy[4][256];
  static int next;
  const char *line = csv->data;
  size_t index = 0;
  for (const char *at = line;
       strncmp(at, column, strlen(column)) != 0 || !strchr(",\n", at[strlen(column)]); index++) {
    at = strpbrk(at, ",\n");
    assert_true(at && *at == ',');
    at++;
  }
  for (size_t i = 0; i <= row; i++)
    line = strchr(line, '\n') + 1;
  for (size_t i = 0; i < index; i++)
    line += strcspn(line, ",\n") + 1;
  char *out = copy[next++ % 4];
  snprintf(out, 256, "%.*s", (int)strcspn(line, ",\n"), line);
  return out;
}

static inline struct claim_list evaluate(const struct circuit_course *course)
{
  struct error error = {0};
  struct claim_list list = {0};
  if (claims_add_course(course, &list, &error))
    fail_msg("%s", error.text);
  return list;
}

/* Not inline: gcc would follow the way on which nothing is found. */
static __attribute__((noinline, unused)) const struct claim_row *
find(const struct claim_list *list, const char *id, size_t reading)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp(list->rows[i].source->id, id) == 0 && reading-- == 0)
      return &list->rows[i];
  fail_msg("no row of %s", id);
  return NULL;
}

static inline void expect(const struct claim_list *list, const char *id, const char *recomputed,
                          enum claim_verdict verdict)
{
  const struct claim_row *row = find(list, id, 0);
  if (strcmp(row->recomputed_text, recomputed) != 0 || row->verdict != verdict)
    fail_msg("%s: \"%s\", %s", id, row->recomputed_text, claim_verdict_name(row->verdict));
}

#endif
