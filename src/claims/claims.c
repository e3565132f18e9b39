#include "claims/claims.h"

#include "claims/figure.h"
#include "claims/published.h"
#include "trajectory/circuit_course.h"

#include <stdlib.h>
#include <string.h>

const char *claim_verdict_name(enum claim_verdict verdict)
{
  static const char *const names[CLAIM_VERDICT_COUNT] = {
      "reproduced", "reproduced under another definition", "not reproduced", "not evaluated"};
  return names[verdict];
}

/* The claims take every revision to have the same heads and every model to come once a kind. */
static int check(const struct trajectory *trajectories, size_t index, struct error *error)
{
  const struct trajectory *trajectory = &trajectories[index];
  if (trajectory->count == 0)
    return error_set(error, EXIT_INPUT, "%s: no revisions; a claim needs at least one",
                     trajectory->model);
  for (size_t r = 0; r < trajectory->count; r++) {
    const struct revision *revision = &trajectory->revisions[r];
    if (revision->n_layers != trajectory->revisions[0].n_layers ||
        revision->n_heads != trajectory->revisions[0].n_heads ||
        revision->n_layers * revision->n_heads == 0)
      return error_set(error, EXIT_INPUT, "%s: revision %s has other heads than the first",
                       trajectory->model, revision->name);
  }
  for (size_t i = 0; i < index; i++)
    if (strcmp(trajectories[i].model, trajectory->model) == 0 &&
        trajectories[i].kind == trajectory->kind)
      return error_set(error, EXIT_INPUT, "%s: two %s trajectories of it are given; drop one",
                       trajectory->model, trajectory_kind_name(trajectory->kind));
  return 0;
}

/* Figures of different kinds are not mixed into one row. */
static int evaluate_all(const struct paper *paper, struct claim_list *list, struct error *error)
{
  for (int kind = TRAJECTORY_PUBLISHED; kind <= TRAJECTORY_SYNTHETIC; kind++) {
    const struct subject subject = {NULL, paper, NULL, ALL_MODELS, (enum trajectory_kind)kind,
                                    list, error};
    bool any = false;
    for (size_t i = 0; i < list->trajectory_count; i++)
      any = any || (list->trajectories[i].kind == subject.kind &&
                    paper_find_model(paper, list->trajectories[i].model));
    if (any && paper->evaluate_all(&subject))
      return error->code;
  }
  return 0;
}

static int evaluate_paper(const struct paper *paper, struct claim_list *list, struct error *error)
{
  for (size_t i = 0; i < list->trajectory_count; i++) {
    const struct trajectory *t = &list->trajectories[i];
    const struct subject subject = {
        t, paper, paper_find_model(paper, t->model), t->model, t->kind, list, error};
    if (paper->evaluate_model && paper->evaluate_model(&subject))
      return error->code;
  }
  return paper->evaluate_all ? evaluate_all(paper, list, error) : 0;
}

int claims_evaluate(struct trajectory *trajectories, size_t count, struct claim_list *list,
                    struct error *error)
{
  struct claim_list read = {.trajectories = trajectories, .trajectory_count = count};
  int status = 0;
  for (size_t i = 0; i < count && !status; i++)
    status = check(trajectories, i, error);
  for (const struct paper *const *paper = papers; *paper && !status; paper++)
    status = evaluate_paper(*paper, &read, error);
  if (status) {
    claims_free(&read);
    return status;
  }
  *list = read;
  return 0;
}

int claims_add_tables(const struct published_tables *tables, struct claim_list *list,
                      struct error *error)
{
  const struct subject subject = {.paper = tables->paper,
                                  .model = ALL_MODELS,
                                  .kind = tables->kind,
                                  .list = list,
                                  .error = error};
  return tables->paper->evaluate_tables(&subject, tables);
}

int claims_add_course(const struct circuit_course *course, struct claim_list *list,
                      struct error *error)
{
  for (const struct paper *const *paper = papers; *paper; paper++) {
    const struct subject subject = {.paper = *paper,
                                    .named = paper_find_model(*paper, course->model),
                                    .model = course->model,
                                    .kind = course->kind,
                                    .list = list,
                                    .error = error};
    if ((*paper)->evaluate_course && (*paper)->evaluate_course(&subject, course))
      return error->code;
  }
  return 0;
}

void claims_free(struct claim_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    json_decref(list->rows[i].evidence);
  free(list->rows);
  *list = (struct claim_list){0};
}

size_t claims_count(const struct claim_list *list, enum claim_verdict verdict)
{
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++)
    count += list->rows[i].stated && list->rows[i].verdict == verdict;
  return count;
}
