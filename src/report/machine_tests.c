/* Formats of test results: JUnit XML, TAP, annotations of GitHub. */
#include "report/cases.h"
#include "report/machine.h"
#include "report/markup.h"

#include <string.h>

#define MOST_ANNOTATIONS 10 /* of a kind that GitHub shows of a step */

static int check(const struct text *out, struct error *error)
{
  return out->failed ? error_set(error, EXIT_RUN, "report: out of memory") : 0;
}

static void add_attribute(struct text *out, const char *key, const char *value)
{
  text_add(out, " %s=\"", key);
  markup_add(out, value);
  text_add(out, "\"");
}

static void add_junit_case(const struct report_case *c, struct text *out)
{
  text_add(out, "    <testcase");
  add_attribute(out, "classname", c->suite);
  add_attribute(out, "name", c->name);
  if (c->outcome == CASE_PASSED) {
    text_add(out, "/>\n");
    return;
  }
  text_add(out, ">");
  if (c->outcome == CASE_FINDING) {
    text_add(out, "<system-out>FINDING: ");
    markup_add(out, c->message);
    text_add(out, "</system-out>");
  } else {
    text_add(out, c->outcome == CASE_FAILED ? "<failure" : "<skipped");
    add_attribute(out, "message", c->outcome == CASE_FAILED ? c->name : c->message);
    text_add(out, "/>");
  }
  text_add(out, "</testcase>\n");
}

/* Cases [from, to) are one suite. */
static void add_suite(const struct cases *cases, size_t from, size_t to, struct text *out)
{
  size_t counts[CASE_FAILED + 1] = {0};
  for (size_t i = from; i < to; i++)
    counts[cases->list[i].outcome]++;
  text_add(out, "  <testsuite");
  add_attribute(out, "name", cases->list[from].suite);
  text_add(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n", to - from,
           counts[CASE_FAILED], counts[CASE_SKIPPED]);
  for (size_t i = from; i < to; i++)
    add_junit_case(&cases->list[i], out);
  text_add(out, "  </testsuite>\n");
}

int machine_junit(const struct report *report, struct text *out, struct error *error)
{
  struct cases cases;
  if (cases_make(report, &cases, error))
    return error->code;
  text_add(out,
           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"attest\" "
           "tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n",
           cases.count, cases_count(&cases, CASE_FAILED), cases_count(&cases, CASE_SKIPPED));
  for (size_t from = 0, to; from < cases.count; from = to) {
    for (to = from + 1; to < cases.count; to++)
      if (strcmp(cases.list[to].suite, cases.list[from].suite) != 0)
        break;
    add_suite(&cases, from, to, out);
  }
  text_add(out, "</testsuites>\n");
  cases_free(&cases);
  return check(out, error);
}

/* A hash sign would begin a directive. */
static void add_tap_words(struct text *out, const char *words)
{
  for (const char *p = words; *p;) {
    size_t length = text_printable(p);
    if (*p == '\\' || *p == '#')
      text_add(out, "\\%c", *p);
    else if (length)
      text_add(out, "%.*s", (int)length, p);
    else
      text_add(out, "\\\\x%02x", (unsigned char)*p);
    p += length ? length : 1;
  }
}

int machine_tap(const struct report *report, int version, struct text *out, struct error *error)
{
  static const char *const directives[] = {[CASE_FINDING] = " # TODO finding, no failed check: ",
                                           [CASE_SKIPPED] = " # SKIP ",
                                           [CASE_FAILED] = NULL};
  struct cases cases;
  if (cases_make(report, &cases, error))
    return error->code;
  text_add(out, "TAP version %d\n1..%zu%s\n", version, cases.count,
           cases.count ? "" : " # SKIP there is nothing in this report");
  for (size_t i = 0; i < cases.count; i++) {
    const struct report_case *c = &cases.list[i];
    bool ok = c->outcome == CASE_PASSED || c->outcome == CASE_SKIPPED;
    text_add(out, "%sok %zu - ", ok ? "" : "not ", i + 1);
    add_tap_words(out, c->suite);
    text_add(out, ": ");
    add_tap_words(out, c->name);
    if (directives[c->outcome]) {
      text_add(out, "%s", directives[c->outcome]);
      add_tap_words(out, c->message);
    }
    text_add(out, "\n");
  }
  cases_free(&cases);
  return check(out, error);
}

/* What would end a command or its properties; a property has more of that. */
static void add_command_words(struct text *out, const char *words, bool property)
{
  for (const char *p = words; *p;) {
    size_t length = text_printable(p);
    if (*p == '%' || (property && (*p == ':' || *p == ',')))
      text_add(out, "%%%02X", (unsigned char)*p);
    else if (length)
      text_add(out, "%.*s", (int)length, p);
    else
      text_add(out, "\\x%02x", (unsigned char)*p);
    p += length ? length : 1;
  }
}

static void annotate(const char *level, const struct report_case *c, struct text *out)
{
  text_add(out, "::%s title=", level);
  add_command_words(out, c->suite, true);
  text_add(out, "::");
  add_command_words(out, c->name, false);
  if (c->outcome == CASE_FINDING) {
    text_add(out, ": ");
    add_command_words(out, c->message, false);
  }
  text_add(out, "\n");
}

int machine_annotations(const struct report *report, struct text *out, struct error *error)
{
  struct cases cases;
  size_t findings = 0, failures = 0;
  if (cases_make(report, &cases, error))
    return error->code;
  for (size_t i = 0; i < cases.count; i++) {
    const struct report_case *c = &cases.list[i];
    if (c->outcome == CASE_FAILED && failures++ < MOST_ANNOTATIONS)
      annotate("error", c, out);
    if (c->outcome == CASE_FINDING && findings++ < MOST_ANNOTATIONS)
      annotate("warning", c, out);
  }
  text_add(out,
           "::notice title=attest::%s: %s, %zu figures of %zu come out as "
           "stated, %zu do not\n",
           report_verdict(report), text_counted(failures, "failed check").text,
           report_count(report, CLAIM_REPRODUCED),
           report_count(report, CLAIM_REPRODUCED) + findings, findings);
  cases_free(&cases);
  return check(out, error);
}
