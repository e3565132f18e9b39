/* A recipe as its identity sees it. */
#include "train/recipe.h"

static json_t *span_json(const struct span *span)
{
  return json_pack("[I, I]", (json_int_t)span->low, (json_int_t)span->high);
}

static json_t *data_json(const struct data *data)
{
  const struct data_settings *s = &data->settings;
  const struct phrases *p = &s->phrases;
  json_t *object = json_object();
  json_put(object, "kind", json_string(s->kind == DATA_TOKENS ? "tokens" : "phrases"));
  json_put(object, "sequences", json_integer((json_int_t)s->sequences));
  json_put(object, "length", json_integer((json_int_t)s->length));
  if (s->kind == DATA_TOKENS) {
    json_put(object, "sha256", json_string(data->file.digest.sha256));
    return object;
  }
  json_put(object, "begin", json_integer(p->begin));
  json_put(object, "separator", json_integer(p->separator));
  json_put(object, "plain", span_json(&p->plain));
  json_put(object, "phrase_documents", json_real(p->share));
  json_put(object, "phrases", span_json(&p->count));
  json_put(object, "phrase", span_json(&p->length));
  json_put(object, "stray", json_real(p->stray));
  json_put(object, "copy", json_real(p->copy));
  json_put(object, "copy_least", json_integer(p->copy_least));
  json_put(object, "copy_mean", json_real(p->copy_mean));
  return object;
}

static json_t *optimizer_json(const struct optimizer_settings *o)
{
  static const char *const kinds[] = {"adamw", "adam", "sgd"};
  json_t *object = json_object();
  json_put(object, "kind", json_string(kinds[o->method]));
  if (o->method != METHOD_SGD) {
    json_put(object, "beta1", json_real(o->beta1));
    json_put(object, "beta2", json_real(o->beta2));
    json_put(object, "eps", json_real(o->eps));
  }
  if (o->method != METHOD_ADAM)
    json_put(object, "weight_decay", json_real(o->weight_decay));
  json_put(object, "clip", o->clip > 0 ? json_real(o->clip) : json_null());
  return object;
}

static json_t *schedule_json(const struct schedule *s)
{
  json_t *object = json_object();
  json_put(object, "kind", json_string(s->kind == SCHEDULE_COSINE ? "cosine" : "constant"));
  json_put(object, "rate", json_real(s->rate));
  json_put(object, "warmup", json_integer((json_int_t)s->warmup));
  if (s->kind == SCHEDULE_COSINE) {
    json_put(object, "steps", json_integer((json_int_t)s->steps));
    json_put(object, "least", json_real(s->least));
  }
  return object;
}

static json_t *initial_json(const struct initial *i)
{
  return json_pack("{s:f, s:f, s:f, s:f}", "matrix", i->matrix, "embedding", i->embedding, "head",
                   i->head, "router", i->router);
}

static json_t *revisions_json(const struct train_recipe *r)
{
  json_t *array = json_array();
  for (size_t i = 0; i < r->revision_count; i++)
    json_add(array, json_integer((json_int_t)r->revisions[i]));
  return array;
}

int train_recipe_canonical(const struct train_recipe *r, const char *config_json,
                           const struct data *data, const char *values_sha256, struct text *text,
                           struct error *error)
{
  json_t *root = json_object();
  size_t micro = r->micro_batch ? r->micro_batch : data->settings.sequences;
  json_put(root, "format", json_integer(1));
  json_put(root, "name", json_string(r->name));
  json_put(root, "config", json_loads(config_json, 0, NULL));
  if (r->start)
    json_put(root, "start", json_pack("{s:s}", "sha256", values_sha256));
  else
    json_put(root, "initial", initial_json(&r->initial));
  json_put(root, "seed", json_integer((json_int_t)r->seed));
  json_put(root, "data", data_json(data));
  json_put(root, "optimizer", optimizer_json(&r->optimizer));
  json_put(root, "schedule", schedule_json(&r->schedule));
  json_put(root, "losses",
           json_pack("{s:f, s:f}", "load_balancing", r->load_balancing, "router_z", r->router_z));
  json_put(root, "steps", json_integer((json_int_t)r->steps));
  json_put(root, "micro_batch", json_integer((json_int_t)micro));
  json_put(root, "revisions", revisions_json(r));
  int status = json_format("recipe", root, text, error);
  json_decref(root);
  return status;
}
