#include "base/json_fault.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 2048 /* jansson's */
#define KEY_DEPTH 16   /* levels whose keys are remembered */

/* What may come next. */
enum state { START, VALUE, ELEMENT, KEY, MEMBER, COLON, NEXT, END };

struct scan {
  const char *name, *text;
  size_t line;                         /* of the file, which the text is; 0 = it is all of it */
  size_t size, at;                     /* at: the byte looked at */
  size_t depth;                        /* open brackets */
  unsigned char object[MAX_DEPTH + 1]; /* by depth: a brace */
  struct {
    size_t at, size;
  } keys[KEY_DEPTH]; /* by depth, in an object: the last key, without its quotes */
  enum state state;
  size_t stop; /* where jansson stopped */
  enum json_error_code code;
  struct error *error;
};

static size_t line_start(const struct scan *scan, size_t *line)
{
  size_t start = 0;
  *line = scan->line ? scan->line : 1;
  for (size_t i = 0; i < scan->at; i++)
    if (scan->text[i] == '\n') {
      start = i + 1;
      ++*line;
    }
  return start;
}

/* "FILE: line 3, column 7, key "a": WHAT", for the place that is looked at. */
static int refuse(const struct scan *scan, const char *what)
{
  size_t line, start = line_start(scan, &line), level = scan->depth;
  char key[120] = "";
  while (level > 0 && !scan->object[level])
    level--;
  if (level > 0 && level < KEY_DEPTH && scan->keys[level].size > 0) {
    size_t size = scan->keys[level].size;
    snprintf(key, sizeof key, ", key \"%.*s\"", size < 100 ? (int)size : 100,
             scan->text + scan->keys[level].at);
  }
  return error_set(scan->error, EXIT_INPUT, "%.400s: line %zu, column %zu%s: %s", scan->name, line,
                   scan->at - start + 1, key, what);
}

static bool is_word(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t word_size(const struct scan *scan)
{
  size_t end = scan->at;
  end += end < scan->size && (scan->text[end] == '-' || scan->text[end] == '+');
  while (end < scan->size && is_word(scan->text[end]))
    end++;
  return end - scan->at;
}

/* What is found here: a word, a character, or a byte by its number and offset. */
static void describe(const struct scan *scan, char out[80])
{
  size_t word = word_size(scan);
  unsigned char byte = (unsigned char)scan->text[scan->at];
  if (word > 0)
    snprintf(out, 80, "'%.*s'", word < 40 ? (int)word : 40, scan->text + scan->at);
  else if (byte > ' ' && byte < 0x7F)
    snprintf(out, 80, "'%c'", byte);
  else
    snprintf(out, 80, "byte 0x%02X (offset %zu)", byte, scan->at);
}

/* What other writers put into JSON, and what should be there; NULL = nothing known. */
static const char *remedy(const struct scan *scan)
{
  static const struct {
    const char *word, *instead;
  } words[] = {
      {"NaN", "which JSON does not know: put a number or null there"},
      {"-NaN", "which JSON does not know: put a number or null there"},
      {"nan", "which JSON does not know: put a number or null there"},
      {"Infinity", "which JSON does not know: put a finite number or null there"},
      {"-Infinity", "which JSON does not know: put a finite number or null there"},
      {"inf", "which JSON does not know: put a finite number or null there"},
      {"-inf", "which JSON does not know: put a finite number or null there"},
      {"None", "Python's word: JSON writes null"},
      {"True", "Python's word: JSON writes true"},
      {"False", "Python's word: JSON writes false"},
  };
  size_t size = word_size(scan);
  char first = scan->text[scan->at];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strlen(words[i].word) == size && memcmp(words[i].word, scan->text + scan->at, size) == 0)
      return words[i].instead;
  if (first == '\'')
    return "JSON has double quotes only";
  if (first == '/' || first == '#')
    return "JSON has no comments: remove it";
  if ((first == '}' || first == ']') && (scan->state == KEY || scan->state == VALUE))
    return "remove the comma before it, or put in what is missing";
  if (first == '"' && scan->state == NEXT)
    return "a comma is missing before it";
  return NULL;
}

static int unexpected(const struct scan *scan)
{
  static const char *const wanted[] = {[START] = "'{', with which a JSON object begins",
                                       [VALUE] = "a value",
                                       [ELEMENT] = "a value or ']'",
                                       [KEY] = "a key in double quotes",
                                       [MEMBER] = "a key in double quotes or '}'",
                                       [COLON] = "':' after the key",
                                       [END] = "the end of the file after the last '}'"};
  const char *expected = scan->state != NEXT         ? wanted[scan->state]
                         : scan->object[scan->depth] ? "',' or '}'"
                                                     : "',' or ']'";
  char found[80], what[400];
  if (scan->at == scan->size) {
    snprintf(what, sizeof what, "expected %s, found the end of the %s: it is %s", expected,
             scan->line ? "line" : "file",
             scan->state == START ? "empty; get it again" : "cut short; get it again");
    return refuse(scan, what);
  }
  describe(scan, found);
  const char *more = remedy(scan);
  snprintf(what, sizeof what, "expected %s, found %s%s%s", expected, found, more ? ", " : "",
           more ? more : "");
  return refuse(scan, what);
}

static bool hex_digits(const struct scan *scan, size_t at, unsigned *code)
{
  *code = 0;
  for (size_t i = at; i < at + 4; i++) {
    char c = i < scan->size ? scan->text[i] : ' ';
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return false;
    *code = *code << 4 | (unsigned)digit;
  }
  return true;
}

/* Goes past an escape inside quotes; false = it is none that JSON knows. */
static bool skip_escape(struct scan *scan)
{
  unsigned code, low;
  char kind = scan->at + 1 < scan->size ? scan->text[scan->at + 1] : 0;
  if (kind != 'u') {
    scan->at += 2;
    return kind && strchr("\"\\/bfnrt", kind);
  }
  if (!hex_digits(scan, scan->at + 2, &code) || code == 0 || (code >= 0xDC00 && code <= 0xDFFF))
    return false;
  scan->at += 6;
  if (code < 0xD800 || code > 0xDBFF)
    return true;
  if (scan->at + 1 >= scan->size || scan->text[scan->at] != '\\' ||
      scan->text[scan->at + 1] != 'u' || !hex_digits(scan, scan->at + 2, &low) || low < 0xDC00 ||
      low > 0xDFFF)
    return false;
  scan->at += 6;
  return true;
}

/* Goes past a string from its opening quote on. */
static int skip_string(struct scan *scan)
{
  size_t opening = scan->at++;
  while (scan->at < scan->size && scan->text[scan->at] != '"') {
    unsigned char byte = (unsigned char)scan->text[scan->at];
    size_t before = scan->at, length = 1;
    uint32_t code;
    char what[120];
    if (byte == '\n' || byte == '\r') {
      scan->at = opening;
      return refuse(scan, "this string has no closing double quote on its line");
    }
    if (byte == '\\' && !skip_escape(scan)) {
      scan->at = before;
      return refuse(scan, "an escape that JSON does not know; a backslash itself is written \\\\");
    }
    if (byte == '\\')
      continue;
    if (byte >= 0x80)
      length = text_utf8(scan->text + scan->at, scan->size - scan->at, &code);
    if (byte < ' ' || length == 0) {
      snprintf(what, sizeof what, "byte 0x%02X (offset %zu) inside a string: %s", byte, scan->at,
               length ? "control characters must be escaped" : "it is not UTF-8; save it as UTF-8");
      return refuse(scan, what);
    }
    scan->at += length;
  }
  if (scan->at == scan->size) {
    scan->at = opening;
    return refuse(scan, "this string has no closing double quote: the file is cut short");
  }
  scan->at++;
  return 0;
}

static void skip_digits(struct scan *scan)
{
  while (scan->at < scan->size && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9')
    scan->at++;
}

static bool digit_here(const struct scan *scan)
{
  return scan->at < scan->size && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9';
}

static bool here(const struct scan *scan, const char *characters)
{
  return scan->at < scan->size && scan->text[scan->at] && strchr(characters, scan->text[scan->at]);
}

/* Goes past a number; false = it is none. */
static bool skip_number(struct scan *scan)
{
  scan->at += here(scan, "-");
  if (!digit_here(scan))
    return false;
  if (here(scan, "0"))
    scan->at++;
  else
    skip_digits(scan);
  if (here(scan, ".")) {
    scan->at++;
    if (!digit_here(scan))
      return false;
    skip_digits(scan);
  }
  if (here(scan, "eE")) {
    scan->at++;
    scan->at += here(scan, "+-");
    if (!digit_here(scan))
      return false;
    skip_digits(scan);
  }
  return true;
}

static int number(struct scan *scan)
{
  size_t start = scan->at;
  bool whole = skip_number(scan), last = scan->at >= scan->stop;
  if (whole && !(last && scan->code == json_error_numeric_overflow)) {
    scan->state = NEXT;
    return 0;
  }
  scan->at = start;
  return whole ? refuse(scan, "a number too big: integers have 64 bits, others end at 1e308")
               : unexpected(scan);
}

static int word(struct scan *scan)
{
  static const char *const known[] = {"true", "false", "null"};
  size_t size = word_size(scan);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i]) == size && memcmp(known[i], scan->text + scan->at, size) == 0) {
      scan->at += size;
      scan->state = NEXT;
      return 0;
    }
  return unexpected(scan);
}

static int open_bracket(struct scan *scan, bool object)
{
  if (scan->depth == MAX_DEPTH)
    return refuse(scan, "nested more than 2048 deep, as no such file is");
  scan->at++;
  scan->object[++scan->depth] = object;
  if (scan->depth < KEY_DEPTH)
    scan->keys[scan->depth].size = 0;
  scan->state = object ? MEMBER : ELEMENT;
  return 0;
}

static void close_bracket(struct scan *scan)
{
  scan->at++;
  scan->depth--;
  scan->state = scan->depth ? NEXT : END;
}

static int value(struct scan *scan)
{
  char first = scan->text[scan->at];
  if (first == '{' || (first == '[' && scan->state != START))
    return open_bracket(scan, first == '{');
  if (scan->state == START)
    return unexpected(scan);
  if (first == ']' && scan->state == ELEMENT) {
    close_bracket(scan);
    return 0;
  }
  if (first == '"') {
    scan->state = NEXT;
    return skip_string(scan);
  }
  return digit_here(scan) ||
                 (first == '-' && word_size(scan) > 1 && scan->text[scan->at + 1] <= '9')
             ? number(scan)
             : word(scan);
}

static int key(struct scan *scan)
{
  char first = scan->text[scan->at];
  size_t start = scan->at + 1;
  if (first == '}' && scan->state == MEMBER) {
    close_bracket(scan);
    return 0;
  }
  if (first != '"')
    return unexpected(scan);
  if (scan->depth < KEY_DEPTH)
    scan->keys[scan->depth].size = 0;
  if (skip_string(scan))
    return scan->error->code;
  size_t size = scan->at - 1 - start;
  if (scan->code == json_error_duplicate_key && scan->at >= scan->stop) {
    char what[300];
    scan->at = start - 1;
    snprintf(what, sizeof what, "duplicate key \"%.*s\": it is in this object already; keep one",
             size < 200 ? (int)size : 200, scan->text + start);
    return refuse(scan, what);
  }
  if (scan->depth < KEY_DEPTH) {
    scan->keys[scan->depth].at = start;
    scan->keys[scan->depth].size = size;
  }
  scan->state = COLON;
  return 0;
}

/* What comes after a value. */
static int next(struct scan *scan)
{
  char first = scan->text[scan->at];
  bool object = scan->object[scan->depth];
  if (first == ',') {
    scan->at++;
    scan->state = object ? KEY : VALUE;
    return 0;
  }
  if (first != (object ? '}' : ']'))
    return unexpected(scan);
  close_bracket(scan);
  return 0;
}

static int step(struct scan *scan)
{
  switch (scan->state) {
  case START:
  case VALUE:
  case ELEMENT:
    return value(scan);
  case KEY:
  case MEMBER:
    return key(scan);
  case COLON:
    if (scan->text[scan->at] != ':')
      return unexpected(scan);
    scan->at++;
    scan->state = VALUE;
    return 0;
  case NEXT:
    return next(scan);
  case END:
    return unexpected(scan);
  }
  return 0;
}

int json_fault(const char *name, size_t line, const char *text, size_t size,
               const json_error_t *reason, struct error *error)
{
  struct scan scan = {.name = name,
                      .line = line,
                      .text = text,
                      .size = size,
                      .stop = (size_t)reason->position,
                      .code = json_error_code(reason),
                      .error = error};
  for (;;) {
    while (here(&scan, " \t\n\r"))
      scan.at++;
    if (scan.at == scan.size && scan.state == END)
      return error_set(error, EXIT_RUN, "%s: out of memory for its JSON text of %zu bytes", name,
                       size);
    if (scan.at == scan.size ? unexpected(&scan) : step(&scan))
      return error->code;
  }
}
