#include "study/run_obtain.h"

static void add_digests(void *run, const char *checkpoints,
                        const struct manifest_revision *revision, const struct pinned_file *found)
{
  run_add_digests(run, checkpoints, revision, found);
}

int run_obtain(struct manifest_run *run, const struct manifest_revision *m, const struct work *work,
               bool keep, struct obtained *obtained, struct error *error)
{
  const struct manifest *manifest = run->manifest;
  const struct obtaining obtaining = {.manifest = manifest,
                                      .tensors = references_list(&run->references),
                                      .checkpoints = run->all->checkpoints,
                                      .runtime = run->all->runtime,
                                      .dir = &run->work,
                                      .work = work,
                                      .stream = run->all->stream,
                                      .verified = manifest->has_container,
                                      .keep = keep || !manifest->has_container ||
                                              (!run->contradicted && !run->unpinned),
                                      .finding = run_finding,
                                      .note = run_note,
                                      .digests = add_digests,
                                      .context = run};
  int status = obtain_revision(&obtaining, m, obtained, error);
  run_add_findings(run, obtained->findings, obtained->unpinned);
  return status;
}
