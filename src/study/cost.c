#include "study/cost.h"

#include "probe/observe.h"
#include "study/calibrate.h"

/* Longer passes are worth two seconds of calibration. */
#define HOURS_GFLOP 20000.0

/* What a whole pass reaches of the speed of its matrix products. */
#define PASS_SHARE 0.8

uint64_t cost_resident_bytes(const struct checkpoint *checkpoint)
{
  uint64_t bytes = 0;
  for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(checkpoint, i);
    bytes += tensor->mapped ? 0 : tensor->bytes;
  }
  return bytes;
}

int cost_plan(const struct model *model, const struct protocol *protocol,
              const struct runtime *runtime, struct forward_options *options,
              struct forward_plan *plan, struct error *error)
{
  const struct model_config *c = &model->config;
  uint64_t tokens = (uint64_t)protocol->n * (uint64_t)protocol->seq_len * sizeof(int32_t);
  options->kernels = runtime->kernels;
  options->threads = runtime->threads;
  options->memory = runtime->memory;
  options->reserved +=
      tokens + observations_bytes(protocol, (int)c->layers, (int)c->heads, (int)c->head_dim) +
      cost_resident_bytes(model->checkpoint);
  struct hook screen[OBSERVATION_HOOKS];
  struct forward_options planned = *options;
  observations_hooks(NULL, screen);
  if (!planned.hooks.count)
    planned.hooks = (struct hooks){screen, OBSERVATION_HOOKS};
  return forward_plan(model, (size_t)protocol->n, (size_t)protocol->seq_len, &planned, plan, error);
}

double cost_seconds(const struct runtime *runtime, double gflop, double patience)
{
  double speed = calibrate_gflops(runtime, gflop > HOURS_GFLOP ? patience : 0.2);
  return speed > 0 ? gflop / (PASS_SHARE * speed) : 0;
}

json_t *cost_protocol_json(const struct protocol *p)
{
  return json_pack("{s:I, s:I, s:[I,I], s:I, s:I, s:I, s:o}", "n", (json_int_t)p->n, "seq_len",
                   (json_int_t)p->seq_len, "vocab", (json_int_t)p->vocab_lo,
                   (json_int_t)p->vocab_hi, "seed", (json_int_t)p->seed, "pr_n",
                   (json_int_t)p->pr_n, "baseline_n", (json_int_t)p->baseline_n, "bos",
                   p->bos < 0 ? json_null() : json_integer(p->bos));
}
