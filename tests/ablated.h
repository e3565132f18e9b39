/* What the tests of ablations share: a model with its batch, and conditions by heads. */
#ifndef ATTEST_TESTS_ABLATED_H
#define ATTEST_TESTS_ABLATED_H

#include "head_sets.h"
#include "support.h"

#include "circuit/ablation.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFORMANCE "tests/fixtures/conformance/"
#define MEMORY ((uint64_t)1 << 30)

/* Nobody measured float32 code on the trained models: what it was off by on that conformance model
 * of usual sharpness where it was off least. */
#define LEAST_ERROR 9.2e-6

struct subject {
  struct checkpoint *checkpoint;
  struct model model;
  struct batch batch;
  struct threads *threads;
  const struct kernels *kernels;
  double bound; /* of a logit */
};

static inline double conformance_protocol(const char *name, struct protocol *p)
{
  char path[256];
  json_error_t parse;
  snprintf(path, sizeof path, CONFORMANCE "%s/expected/meta.json", name);
  json_t *meta = json_load_file(path, 0, &parse);
  const json_t *b = json_object_get(meta, "batch");
  assert_non_null(b);
  p->n = json_integer_value(json_object_get(b, "n"));
  p->seq_len = json_integer_value(json_object_get(b, "T"));
  p->vocab_lo = json_integer_value(json_object_get(b, "lo"));
  p->vocab_hi = json_integer_value(json_object_get(b, "hi"));
  double error = json_number_value(
      json_object_get(json_object_get(meta, "max_abs_difference_float32_run"), "logits"));
  json_decref(meta);
  return 10 * error;
}

static inline void open_subject(const char *name, int64_t n, struct subject *s)
{
  struct error error = {0};
  struct protocol p = {64, 64, 1, 97, 42, 500, 50, -1};
  char path[256];
  bool nursery = strncmp(name, "nursery", 7) == 0;
  *s = (struct subject){.bound = 10 * LEAST_ERROR};
  snprintf(path, sizeof path, nursery ? "manifests/nursery.tar.zst:%s" : CONFORMANCE "%s/model",
           name);
  if (!nursery)
    s->bound = conformance_protocol(name, &p);
  if (n)
    p.n = n;
  if (checkpoint_open(path, &s->checkpoint, &error) ||
      model_load(s->checkpoint, &s->model, &error) || batch_create(&p, &s->batch, &error) ||
      threads_start(3, &s->threads, &error) || kernels_select(ISA_AUTO, &s->kernels, &error))
    fail_msg("%s", error.text);
}

static inline void close_subject(struct subject *s)
{
  threads_stop(s->threads);
  batch_free(&s->batch);
  model_free(&s->model);
  checkpoint_close(s->checkpoint);
}

/* Conditions without controls: each is a row of the reference. */
static inline void add(struct conditions *conditions, const char *heads)
{
  static const struct control_choice none = {0};
  struct error error = {0};
  struct head_set set = set_of(heads);
  if (set.count ? conditions_add_circuit(conditions, heads, &set, &none, &error)
                : conditions_add_baseline(conditions, &error))
    fail_msg("%s", error.text);
  head_set_free(&set);
}

static inline struct conditions start(const struct subject *s)
{
  return (struct conditions){.grid = {s->model.config.layers, s->model.config.heads}};
}

static inline struct ablation *run(const struct subject *s, const struct conditions *conditions,
                                   uint64_t memory)
{
  struct error error = {0};
  struct ablation *ablation;
  struct ablation_plan plan;
  const struct forward_options options = {
      .kernels = s->kernels, .threads = s->threads, .memory = memory};
  if (ablation_create(conditions, &s->batch, &ablation, &error) ||
      ablation_plan(ablation, &s->model, &options, &plan, &error) ||
      ablation_run(ablation, &s->model, &options, &plan, &error))
    fail_msg("%s", error.text);
  assert_int_equal(ablation_done(ablation), s->batch.n);
  return ablation;
}

#endif
