#include "op_case.h"

#include <stdlib.h>
#include <string.h>

static void check(int status, const struct error *error)
{
  if (status)
    fail_msg("%s", error->text);
}

struct npy op_case_array(const struct op_case *c, const char *name)
{
  char file[64];
  snprintf(file, sizeof file, "%.40s.npy", name);
  return gradients_array(c->files, file);
}

double op_case_parameter(const struct op_case *c, const char *name)
{
  const json_t *value = json_object_get(c->params, name);
  assert_true(json_is_number(value));
  return json_number_value(value);
}

/* What index.csv bounds an array with. */
static double bound_of(const struct op_case *c, const char *name)
{
  char key[96];
  snprintf(key, sizeof key, "\n%s,%s,%s,", c->operation, c->name, name);
  const char *line = strstr(c->index, key);
  assert_non_null(line);
  line = strchr(line + strlen(key), ',') + 1; /* role, then shape */
  char *end;
  double most = strtod(strchr(line, ',') + 1, &end);
  return fmax(10 * strtod(end + 1, NULL), 4e-7 * most);
}

void op_case_compare(struct op_case *c, const char *name, const struct npy *want, const float *got)
{
  double bound = bound_of(c, name);
  for (size_t i = 0; i < want->count; i++) {
    double difference = fabs((double)got[i] - want->data[i]);
    if (!(difference <= bound))
      fail_msg("%s, %s, %s[%zu]: %.9g, %.9g expected within %.2e", c->operation, c->name, name, i,
               (double)got[i], want->data[i], bound);
    c->used = bound > 0 ? fmax(c->used, difference / bound) : c->used;
  }
  c->compared++;
}

float *op_case_floats(const struct npy *npy)
{
  float *data = malloc((npy->count + 1) * sizeof *data);
  assert_non_null(data);
  for (size_t i = 0; i < npy->count; i++)
    data[i] = (float)npy->data[i];
  return data;
}

size_t op_case_leaf(struct op_case *c, const char *name, size_t columns, bool wanted)
{
  struct npy npy = op_case_array(c, name);
  struct op_case_input *input = &c->inputs[c->input_count++];
  assert_true(c->input_count <= OP_CASE_MOST);
  columns = columns ? columns : npy.shape[npy.rank - 1];
  snprintf(input->name, sizeof input->name, "%s", name);
  input->count = npy.count;
  input->data = op_case_floats(&npy);
  input->gradient = wanted ? malloc((npy.count + 1) * sizeof *input->gradient) : NULL;
  input->value = tape_leaf(c->tape, npy.count / columns, columns, input->data, input->gradient);
  free(npy.data);
  return input->value;
}

const int32_t *op_case_integers(struct op_case *c, const char *name, size_t *count)
{
  struct npy npy = op_case_array(c, name);
  c->integers = malloc(npy.count * sizeof *c->integers);
  assert_non_null(c->integers);
  for (size_t i = 0; i < npy.count; i++)
    c->integers[i] = (int32_t)npy.data[i];
  *count = npy.count;
  free(npy.data);
  return c->integers;
}

void op_case_open(struct op_case *c, const char *index, const char *operation, const char *name)
{
  char directory[128];
  struct error error = {0};
  const struct kernels *kernels;
  *c = (struct op_case){.operation = operation, .name = name, .index = index, .output = TAPE_NONE};
  snprintf(directory, sizeof directory, "ops/%s/%s", operation, name);
  c->files = gradients_open(directory);
  char *text = gradients_text(c->files, "params.json");
  c->params = json_loads(text, 0, NULL);
  assert_non_null(c->params);
  free(text);
  check(kernels_select(ISA_AUTO, &kernels, &error), &error);
  check(tape_create(kernels, NULL, &c->tape, &error), &error);
}

void op_case_run(struct op_case *c)
{
  struct error error = {0};
  if (c->output != TAPE_NONE)
    tape_keep(c->tape, c->output);
  check(tape_plan(c->tape, false, &error), &error);
  check(tape_allocate(c->tape, &error), &error);
  tape_forward(c->tape);
  tape_backward(c->tape, false);
  check(tape_check(c->tape, &error), &error);
}

void op_case_compare_gradients(struct op_case *c)
{
  char name[48];
  for (size_t i = 0; i < c->input_count; i++) {
    if (!c->inputs[i].gradient)
      continue;
    snprintf(name, sizeof name, "d_%s", c->inputs[i].name);
    struct npy want = op_case_array(c, name);
    assert_int_equal(want.count, c->inputs[i].count);
    op_case_compare(c, name, &want, c->inputs[i].gradient);
    free(want.data);
  }
}

void op_case_close(struct op_case *c)
{
  tape_free(c->tape);
  for (size_t i = 0; i < c->input_count; i++) {
    free(c->inputs[i].data);
    free(c->inputs[i].gradient);
  }
  free(c->integers);
  fileset_close(c->files);
  json_decref(c->params);
}

size_t op_case_each(const char *index, const char *operation,
                    double (*one)(const char *index, size_t which, const char *operation,
                                  const char *name),
                    size_t which)
{
  char key[48], last[48] = "";
  size_t count = 0;
  double used = 0;
  snprintf(key, sizeof key, "\n%s,", operation);
  for (const char *at = index; (at = strstr(at, key)); at++) {
    char name[48] = "";
    const char *from = at + strlen(key);
    memcpy(name, from, strcspn(from, ","));
    if (strcmp(name, last) == 0)
      continue;
    used = fmax(used, one(index, which, operation, name));
    memcpy(last, name, sizeof last);
    count++;
  }
  print_message("  %-20s %2zu cases, %.2f of the bound used\n", operation, count, used);
  assert_true(count > 0);
  return count;
}

char *op_case_index(void)
{
  struct fileset *files = gradients_open("ops");
  char *index = gradients_text(files, "index.csv");
  fileset_close(files);
  return index;
}
