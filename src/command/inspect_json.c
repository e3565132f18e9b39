#include "base/json.h"
#include "base/text.h"
#include "command/inspection.h"
#include "probe/sure.h"
#include "study/cost.h"

static json_t *files_json(const struct inspection *in)
{
  json_t *files = json_array();
  for (size_t i = 0; i < in->contents.count; i++) {
    const struct fileset_file *file = in->contents.files[i];
    const struct digest *digest = in->digests ? &in->digests[i] : NULL;
    json_add(files, json_pack("{s:s, s:I, s:s?, s:s?}", "name", file->name, "bytes",
                              (json_int_t)file->blob.size, "sha256", digest ? digest->sha256 : NULL,
                              "xxh3_128", digest ? digest->xxh3_128 : NULL));
  }
  return files;
}

static json_t *config_json(const struct model_config *c)
{
  static const char *const activations[] = {"gelu", "gelu_tanh", "silu"};
  size_t windows = model_config_windows(c);
  return json_pack(
      "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:I, s:I, "
      "s:b, s:b, s:b, s:b, s:s, s:f, s:I, s:I}",
      "family", model_family_name(c->family), "activation", activations[c->activation], "layers",
      (json_int_t)c->layers, "heads", (json_int_t)c->heads, "kv_heads", (json_int_t)c->kv_heads,
      "head_dim", (json_int_t)c->head_dim, "hidden", (json_int_t)c->hidden, "ffn",
      (json_int_t)c->ffn, "vocab", (json_int_t)c->vocab, "context", (json_int_t)c->context,
      "rotary_dims", (json_int_t)c->rotary_dims, "rope_base", c->rope_base, "norm_eps",
      (double)c->norm_eps, "clip_qkv",
      c->clip_qkv > 0 ? json_real((double)c->clip_qkv) : json_null(), "experts",
      (json_int_t)c->experts, "top_k", (json_int_t)c->top_k, "norm_topk_prob", c->norm_topk_prob,
      "parallel_residual", c->parallel_residual, "attention_bias", c->attention_bias, "tied",
      c->tied, "rope_type", c->learned_positions ? "none" : rope_type_name(c->rope.type),
      "rope_factor", c->rope.factor, "window", (json_int_t)c->window.keys * (windows > 0),
      "window_layers", (json_int_t)windows);
}

static json_t *names_json(const struct name_list *list)
{
  json_t *names = json_array();
  for (size_t i = 0; i < list->count; i++)
    json_add(names, json_string(list->names[i]));
  return names;
}

static json_t *sum_json(const struct tensor_sum *sum)
{
  return json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)sum->tensors, "elements",
                   (json_int_t)sum->elements, "bytes", (json_int_t)sum->bytes);
}

static json_t *tensor_json(const struct tensor *tensor)
{
  json_t *shape = json_array();
  for (int i = 0; i < tensor->rank; i++)
    json_add(shape, json_integer(tensor->shape[i]));
  return json_pack("{s:s, s:s?, s:s, s:o, s:I, s:s}", "name", tensor->name, "stored",
                   tensor->stored, "dtype", dtype_name(tensor->dtype), "shape", shape, "bytes",
                   (json_int_t)tensor->bytes, "file", tensor->file);
}

static json_t *tensors_json(const struct inspection *in)
{
  json_t *dtypes = json_object(), *list = json_array();
  for (int i = 0; i < INSPECTION_DTYPES; i++)
    if (in->dtypes[i].tensors)
      json_put(dtypes, dtype_name((enum dtype)i), sum_json(&in->dtypes[i]));
  for (size_t i = 0; i < checkpoint_count(in->checkpoint); i++)
    json_add(list, tensor_json(checkpoint_at(in->checkpoint, i)));
  return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "naming",
                   checkpoint_naming(in->checkpoint), "count", (json_int_t)in->all.tensors,
                   "parameters", (json_int_t)(in->all.elements - in->passed_over.elements), "bytes",
                   (json_int_t)in->all.bytes, "dtypes", dtypes, "passed_over",
                   sum_json(&in->passed_over), "missing", names_json(&in->missing), "wrong_shape",
                   names_json(&in->wrong_shape), "unexpected", names_json(&in->unexpected), "list",
                   list);
}

/* What looks could save (forecast_until_sure). */
static json_t *looks_json(const struct inspection *in)
{
  int64_t n = in->protocol.n;
  json_t *looks = json_array();
  for (int64_t look = sure_next_look(n, 0); look < n; look = sure_next_look(n, look)) {
    double seconds = in->seconds * (double)look / (double)n;
    json_add(looks, json_pack("{s:I, s:f, s:f}", "sequences", (json_int_t)look, "seconds", seconds,
                              "seconds_saved", in->seconds - seconds));
  }
  return looks;
}

static json_t *screen_json(const struct inspection *in, const struct runtime *runtime)
{
  return json_pack("{s:b, s:o, s:f, s:I, s:I, s:f, s:s, s:i, s:o}", "published", in->published,
                   "protocol", cost_protocol_json(&in->protocol), "gflop", in->plan.gflop,
                   "memory_bytes", (json_int_t)in->plan.bytes, "sequences_at_a_time",
                   (json_int_t)in->plan.chunk, "seconds", in->seconds, "isa",
                   runtime->kernels->name, "threads", threads_count(runtime->threads), "until_sure",
                   looks_json(in));
}

json_t *inspection_json(const struct inspection *in, const struct runtime *runtime)
{
  bool blocked = in->obstacle.code != 0;
  return json_pack("{s:s, s:s, s:s, s:b, s:o, s:s?, s:o, s:o, s:s?, s:o}", "path",
                   text_shown(in->path).text, "choice", checkpoint_choice(in->checkpoint), "format",
                   inspection_format(in), "indexed", in->contents.indexed, "files", files_json(in),
                   "model_type", in->model_type, "config",
                   in->known ? config_json(&in->config) : json_null(), "tensors", tensors_json(in),
                   "obstacle", blocked ? in->obstacle.text : NULL, "screen",
                   blocked ? json_null() : screen_json(in, runtime));
}
