/* What was checked and what was not, and where everything is from. */
#include "report/write.h"

#include <string.h>

static void write_lines(struct page *page, const char *before, const struct report_texts *texts)
{
  for (size_t i = 0; i < texts->count; i++)
    page_item(page, "%s%s", before, texts->lines[i]);
}

static void write_manifest(struct page *page, const struct report_manifest *m)
{
  page_heading(page, 3, NULL, "%s (%s)", m->model, m->kind);
  page_text(page, "", "%s", m->source);
  if (*m->caveat)
    page_text(page, "caveat", "%s", m->caveat);
  page_list(page);
  write_lines(page, "FAILED: ", &m->failures);
  write_lines(page, "compared: ", &m->compared);
  write_lines(page, "", &m->found);
  write_lines(page, "note: ", &m->notes);
  page_list_end(page);
}

/* Why nothing can be said of something, beside what a run itself lists. */
static void write_unchecked(struct page *page, const struct report *report)
{
  bool real = false;
  page_heading(page, 2, "unchecked", "What was not checked, and why");
  page_list(page);
  for (size_t i = 0; i < report->manifest_count; i++) {
    const struct report_manifest *m = &report->manifests[i];
    for (size_t l = 0; l < m->not_compared.count; l++)
      page_item(page, "%s: not compared: %s", m->model, m->not_compared.lines[l]);
    for (size_t l = 0; l < m->left_out.count; l++)
      page_item(page, "%s: left out, because its files failed verification: %s", m->model,
                m->left_out.lines[l]);
    if (m->unpinned > 0)
      page_item(page, "%s: %lld files have no pin: nobody vouches for them", m->model,
                (long long)m->unpinned);
    real = real || strcmp(m->kind, trajectory_kind_name(TRAJECTORY_REAL)) == 0;
  }
  for (size_t i = 0; i < report->trajectory_count; i++)
    real = real || report->trajectories[i].trajectory.kind == TRAJECTORY_REAL;
  if (!real)
    page_item(page, "the paper's real checkpoints: they are not among the inputs of this report, "
                    "and no verdict in it was computed from them");
  for (size_t i = 0; i < report->claim_count; i++) {
    const struct report_claim *c = &report->claims[i];
    if (c->stated && c->verdict == CLAIM_NOT_EVALUATED && *c->source_id)
      page_item(page, "%s %s, %s: %s", c->source_id, c->model, c->figure,
                *c->missing ? c->missing : "not evaluated");
  }
  page_list_end(page);
}

void write_checks(struct page *page, const struct report *report)
{
  page_heading(page, 2, "checks", "What was checked");
  if (!report->manifest_count)
    page_text(page, "", "Nothing: there was no run.");
  for (size_t i = 0; i < report->manifest_count; i++)
    write_manifest(page, &report->manifests[i]);
  write_unchecked(page, report);
}

static void write_pair(struct page *page, const char *name, const char *value)
{
  if (!*value)
    return;
  page_row(page, "hash");
  page_cell(page, "%s", name);
  page_cell(page, "%s", value);
  page_row_end(page);
}

static void write_run(struct page *page, const struct report_run *run)
{
  static const char *const columns[] = {"what", "value"};
  const char *name;
  json_t *version;
  if (!*run->version && !*run->command)
    return; /* trajectories alone */
  page_table(page, "", "The run, as its own JSON says", columns, 2);
  write_pair(page, "attest", run->version);
  write_pair(page, "SHA-256 of the binary", run->binary_sha256);
  write_pair(page, "command", run->command);
  write_pair(page, "date (UTC)", run->date);
  write_pair(page, "CPU", run->cpu);
  write_pair(page, "instruction set", run->isa);
  if (run->threads > 0) {
    page_row(page, "");
    page_cell(page, "threads");
    page_cell(page, "%lld", (long long)run->threads);
    page_row_end(page);
  }
  json_object_foreach((json_t *)(uintptr_t)run->libraries, name, version)
      write_pair(page, name, json_is_string(version) ? json_string_value(version) : "");
  page_table_end(page);
}

static void write_files(struct page *page, const struct report *report)
{
  static const char *const columns[] = {"file", "bytes", "SHA-256", "XXH3-128"};
  page_fold(page, "Every file that was read, with its hashes");
  page_table(page, "", "Manifests and files read", columns, 4);
  for (size_t i = 0; i < report->manifest_count; i++) {
    const struct report_manifest *m = &report->manifests[i];
    page_row(page, "hash");
    page_cell(page, "%s", m->path);
    page_cell(page, "-");
    page_cell(page, "%s", *m->sha256 ? m->sha256 : "-");
    page_cell(page, "%s", m->xxh3_128);
    page_row_end(page);
    for (size_t f = 0; f < m->read_count; f++) {
      page_row(page, "hash");
      page_cell(page, "%s", m->read[f].path);
      page_cell(page, "%lld", (long long)m->read[f].bytes);
      page_cell(page, "%s", *m->read[f].sha256 ? m->read[f].sha256 : "-");
      page_cell(page, "%s", *m->read[f].xxh3_128 ? m->read[f].xxh3_128 : "-");
      page_row_end(page);
    }
  }
  page_table_end(page);
  page_fold_end(page);
}

static void write_trajectories(struct page *page, const struct report *report)
{
  static const char *const columns[] = {"trajectory", "revision", "SHA-256 of its CSV", "XXH3-128"};
  page_fold(page, "Hashes of every trajectory");
  page_table(page, "", "Trajectories", columns, 4);
  for (size_t i = 0; i < report->trajectory_count; i++) {
    const struct report_trajectory *t = &report->trajectories[i];
    for (size_t r = 0; r < t->trajectory.count; r++) {
      page_row(page, "hash");
      page_cell(page, "%s (%s)", t->trajectory.model, trajectory_kind_name(t->trajectory.kind));
      page_cell(page, "%s", t->trajectory.revisions[r].name);
      page_cell(page, "%s", t->digests[r].sha256);
      page_cell(page, "%s", t->digests[r].xxh3_128);
      page_row_end(page);
    }
  }
  page_table_end(page);
  page_fold_end(page);
}

void write_provenance(struct page *page, const struct report *report)
{
  page_heading(page, 2, "provenance", "Provenance");
  for (size_t i = 0; i < report->document_count; i++)
    write_run(page, &report->runs[i]);
  if (page->format == PAGE_MARKDOWN) {
    page_text(page, "",
              "The hashes of all files and trajectories are in the JSON and in the HTML.");
    for (size_t i = 0; i < report->manifest_count; i++)
      page_item(page, "%s: SHA-256 %s, XXH3-128 %s", report->manifests[i].path,
                *report->manifests[i].sha256 ? report->manifests[i].sha256 : "-",
                report->manifests[i].xxh3_128);
    page_list_end(page);
    return;
  }
  if (report->manifest_count)
    write_files(page, report);
  if (report->trajectory_count)
    write_trajectories(page, report);
}
