/* What attest inspect prints. Names come from files of strangers: see text_escape. */
#include "base/text.h"
#include "command/inspection.h"
#include "study/forecast.h"

#include <stdio.h>

#define SHOWN 5           /* names of a list */
#define LONG_SECONDS 60.0 /* a screen worth to be ended early */

static void print_files(const struct inspection *in)
{
  char name[600], size[32];
  const struct contents *c = &in->contents;
  for (size_t i = 0; i < c->count; i++) {
    const struct fileset_file *file = c->files[i];
    text_escape(name, sizeof name, file->name);
    printf("  %s: %zu bytes (%s)\n", name, file->blob.size,
           text_bytes(size, sizeof size, file->blob.size));
    if (in->digests)
      printf("    sha256 %s\n    xxh3_128 %s\n", in->digests[i].sha256, in->digests[i].xxh3_128);
  }
}

static void print_windows(const struct model_config *c)
{
  size_t layers = model_config_windows(c);
  if (layers)
    printf("; in %zu of %s attention goes to the last %s", layers,
           text_counted(c->layers, "layer").text, text_counted(c->window.keys, "position").text);
}

static void print_config(const struct model_config *c)
{
  static const char *const activations[] = {"GELU", "GELU (tanh)", "SiLU"};
  printf("  %s: %s, hidden %zu, %s of %zu, %s\n", model_family_name(c->family),
         text_counted(c->layers, "layer").text, c->hidden, text_counted(c->heads, "head").text,
         c->head_dim, text_counted(c->kv_heads, "key-value head").text);
  printf("  MLP %zu wide, %s", c->ffn, activations[c->activation]);
  if (c->experts)
    printf(", %s, %zu of them per token%s", text_counted(c->experts, "expert").text, c->top_k,
           c->norm_topk_prob ? ", routing weights normalised" : "");
  printf("; attention and MLP %s\n", c->parallel_residual ? "in parallel" : "in sequence");
  printf("  vocabulary %zu, %s; context %zu\n", c->vocab,
         c->tied ? "LM head tied to the embedding" : "separate LM head", c->context);
  if (c->learned_positions)
    printf("  learned positions");
  else
    printf("  rotary dimensions %zu, base %g", c->rotary_dims, c->rope_base);
  if (c->rope.type != ROPE_DEFAULT)
    printf(", scaled (%s, factor %g)", rope_type_name(c->rope.type), c->rope.factor);
  printf("; norm eps %g; attention bias %s", (double)c->norm_eps, c->attention_bias ? "yes" : "no");
  print_windows(c);
  if (c->clip_qkv > 0)
    printf("; queries, keys and values clipped at %g", (double)c->clip_qkv);
  printf("\n");
}

static void print_names(const char *what, const struct name_list *list)
{
  char name[600];
  if (!list->count)
    return;
  printf("  %s: ", what);
  for (size_t i = 0; i < list->count && i < SHOWN; i++) {
    text_escape(name, sizeof name, list->names[i]);
    printf("%s%s", i ? ", " : "", name);
  }
  if (list->count > SHOWN)
    printf(" and %zu more", list->count - SHOWN);
  printf("\n");
}

static void print_sums(const struct inspection *in)
{
  char size[32];
  printf("  %s, %llu parameters, %s\n", text_counted((size_t)in->all.tensors, "tensor").text,
         (unsigned long long)(in->all.elements - in->passed_over.elements),
         text_bytes(size, sizeof size, in->all.bytes));
  for (int i = 0; i < INSPECTION_DTYPES; i++)
    if (in->dtypes[i].tensors)
      printf("    %-4s %6llu tensors %14llu elements %15llu bytes\n", dtype_name((enum dtype)i),
             (unsigned long long)in->dtypes[i].tensors, (unsigned long long)in->dtypes[i].elements,
             (unsigned long long)in->dtypes[i].bytes);
  if (*checkpoint_naming(in->checkpoint))
    printf("  %s\n", checkpoint_naming(in->checkpoint));
  if (in->passed_over.tensors)
    printf("  %s of %llu bytes, which the forward pass does not read\n",
           text_counted((size_t)in->passed_over.tensors, "buffer").text,
           (unsigned long long)in->passed_over.bytes);
  print_names("missing", &in->missing);
  print_names("of another shape than config.json says", &in->wrong_shape);
  print_names("not in a model of this config.json", &in->unexpected);
}

static void print_tensors(const struct inspection *in)
{
  char name[2100], file[600];
  for (size_t i = 0; i < checkpoint_count(in->checkpoint); i++) {
    const struct tensor *tensor = checkpoint_at(in->checkpoint, i);
    text_escape(name, sizeof name, tensor->name);
    text_escape(file, sizeof file, tensor->file);
    printf("  %s %s [", name, dtype_name(tensor->dtype));
    for (int d = 0; d < tensor->rank; d++)
      printf("%s%lld", d ? ", " : "", (long long)tensor->shape[d]);
    printf("] %llu bytes in %s\n", (unsigned long long)tensor->bytes, file);
  }
}

static void print_screen(const struct inspection *in, const struct runtime *runtime)
{
  const struct protocol *p = &in->protocol;
  char size[32];
  if (in->obstacle.code) {
    printf("  cannot be screened: %s\n", in->obstacle.text);
    return;
  }
  if (!in->published)
    printf("  too small for the published protocol (256 tokens, ids 100:10000); cut to fit: "
           "--seq-len %lld --vocab %lld:%lld --baseline-n %lld\n",
           (long long)p->seq_len, (long long)p->vocab_lo, (long long)p->vocab_hi,
           (long long)p->baseline_n);
  if (p->vocab_lo < 100)
    printf("  (of so few ids the first 100 cannot be left out, as they are in the published "
           "protocol; special tokens at the ends are, if config.json names them)\n");
  printf(
      "  a screen of %s x %s: %.1f GFLOP, %s of memory, about %.*f s with "
      "%s on %s\n",
      text_counted((size_t)p->n, "sequence").text, text_counted((size_t)p->seq_len, "token").text,
      in->plan.gflop, text_bytes(size, sizeof size, in->plan.bytes), in->seconds < 10, in->seconds,
      runtime->kernels->name, text_counted((size_t)threads_count(runtime->threads), "thread").text);
  struct text text = {0};
  if (in->seconds >= LONG_SECONDS)
    forecast_until_sure(p->n, in->seconds, &text);
  if (text.length && !text.failed)
    printf("  %s\n", text.data);
  text_free(&text);
}

void inspection_print(const struct inspection *in, const struct runtime *runtime, bool tensors)
{
  char text[1100];
  size_t weights = in->contents.count - 1 - in->contents.indexed;
  text_escape(text, sizeof text, in->path);
  printf("%s: %s, %zu weight file%s%s\n", text, inspection_format(in), weights,
         weights == 1 ? "" : "s", in->contents.indexed ? " named by an index" : "");
  print_files(in);
  if (*checkpoint_choice(in->checkpoint))
    printf("  %s\n", checkpoint_choice(in->checkpoint));
  if (in->known) {
    print_config(&in->config);
  } else {
    text_escape(text, sizeof text, in->model_type ? in->model_type : "(none)");
    printf("  model_type %s\n", text);
  }
  print_sums(in);
  if (tensors)
    print_tensors(in);
  print_screen(in, runtime);
}
