/* The report in formats that machines read (docs/MACHINES.md). */
#ifndef ATTEST_REPORT_MACHINE_H
#define ATTEST_REPORT_MACHINE_H

#include "report/report.h"

/* JUnit XML, as docs/schema/junit.xsd has it: a suite for the checks of each manifest and for each
 * claim; failures are failed checks, findings stand in <system-out>. Errors, of all below:
 * EXIT_RUN; EXIT_INPUT where a text is not UTF-8. */
int machine_junit(const struct report *report, struct text *out, struct error *error);

/* TAP (testanything.org): findings are "not ok ... # TODO", which fail nothing. Nothing is used in
 * which versions 13 and 14 differ; `version` is what the first line says, as readers refuse what
 * they do not know: prove (Perl) up to now knows 13. */
int machine_tap(const struct report *report, int version, struct text *out, struct error *error);

/* An in-toto Statement v1 with the predicate test-result v0.1 (github.com/in-toto/attestation). Its
 * subjects are the binary, the manifests and the tables of the trajectories, by SHA-256. It is not
 * signed. */
int machine_in_toto(const struct report *report, struct text *out, struct error *error);

/* The metadata file of an RO-Crate 1.1 (w3id.org/ro/crate) whose folder is the work folder of the
 * run. Every crate must have a date: that of the run or, where it is not "", `date`, YYYY-MM-DD.
 * EXIT_INPUT without a run or a date, too. */
int machine_ro_crate(const struct report *report, const char *date, struct text *out,
                     struct error *error);

/* Workflow commands of GitHub Actions: an error a failed check, a warning a finding (of these at
 * most ten, as GitHub shows no more), a notice with the verdict. */
int machine_annotations(const struct report *report, struct text *out, struct error *error);

#endif
