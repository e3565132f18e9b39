#include "manifest/manifest_verifier.h"

#include <stdarg.h>
#include <stdio.h>

static void hand_over(manifest_report *report, void *context, const char *format, va_list arguments)
{
  struct error line;
  char text[sizeof line.text];
  vsnprintf(text, sizeof text, format, arguments);
  error_set(&line, EXIT_CHECK, "%s", text);
  report(context, line.text);
}

void verifier_finding(struct verifier *verifier, const char *format, ...)
{
  va_list arguments;
  verifier->result->findings++;
  va_start(arguments, format);
  hand_over(verifier->check->finding, verifier->check->context, format, arguments);
  va_end(arguments);
}

void verifier_note(struct verifier *verifier, const char *format, ...)
{
  va_list arguments;
  if (!verifier->check->note)
    return;
  va_start(arguments, format);
  hand_over(verifier->check->note, verifier->check->context, format, arguments);
  va_end(arguments);
}

int verifier_finding_or_error(struct verifier *verifier, struct error *error)
{
  if (error->code != EXIT_INPUT)
    return error->code;
  verifier_finding(verifier, "%s", error->text);
  *error = (struct error){0};
  return 0;
}
