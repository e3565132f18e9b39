#include "claims/stated.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* The length of a word that stands for no number of its own, or of parentheses; 0: neither. */
static size_t skip_words(const char *at)
{
  if (*at == '(')
    return strcspn(at, ")") + (at[strcspn(at, ")")] == ')');
  if (!isalpha((unsigned char)*at))
    return 0;
  size_t length = 0;
  while (isalnum((unsigned char)at[length]) || at[length] == '_')
    length++;
  return length;
}

static bool is_word(const char *at, size_t length, const char *word)
{
  return strlen(word) == length && memcmp(at, word, length) == 0;
}

/* 10 to a power, as the nearest double. */
static double power_of_ten(int power)
{
  char text[16];
  double value = NAN;
  snprintf(text, sizeof text, "1e%d", power);
  text_to_double(text, strlen(text), &value);
  return value;
}

/* Digits that count: without leading zeros and, of an integer, trailing ones. */
static int significant(const char *digits, size_t length, bool integer)
{
  int count = 0, zeros = 0;
  for (size_t i = 0; i < length; i++) {
    if (!is_digit(digits[i]) || (digits[i] == '0' && count == 0))
      continue;
    count++;
    zeros = digits[i] == '0' ? zeros + 1 : 0;
  }
  return integer ? count - zeros : count;
}

/* A number that begins with a digit or a point at `at`, the sign before it. */
static size_t read_number(const char *at, bool negative, bool approximate,
                          struct stated_number *number)
{
  size_t whole = strspn(at, "0123456789"), length = whole;
  int exponent = 0;
  if (at[length] == '.' && is_digit(at[length + 1])) {
    length += 1 + strspn(at + length + 1, "0123456789");
    number->decimals = (int)(length - whole - 1);
  }
  number->digits = approximate ? significant(at, length, length == whole) : 0;
  if (at[length] == 'e' && at[length + 1] && is_digit(at[length + 2])) {
    const char *digits = at + length + 2;
    uint64_t power;
    size_t digit_count = strspn(digits, "0123456789");
    if (text_to_u64(digits, digit_count, &power) && power < 300) {
      exponent = at[length + 1] == '-' ? -(int)power : (int)power;
      number->exponent = true;
      length += 2 + digit_count;
    }
  }
  if (!text_to_double(at, length, &number->value))
    number->value = NAN;
  if (negative)
    number->value = -number->value;
  number->unit = power_of_ten(exponent - number->decimals);
  return length;
}

size_t stated_parse(const char *text, struct stated_number numbers[STATED_MOST])
{
  size_t count = 0, at = 0;
  while (text[at] && count < STATED_MOST) {
    size_t start = at, words = skip_words(text + at);
    struct stated_number number = {0};
    if (words) {
      bool endless = is_word(text + at, words, "never") || is_word(text + at, words, "infinite");
      at += words;
      number = (struct stated_number){.value = INFINITY, .start = start, .end = at};
      if (endless)
        numbers[count++] = number;
      continue;
    }
    bool approximate = text[at] == '~', joined = text[at] == '-' && at && is_digit(text[at - 1]);
    at += approximate || joined;
    bool negative = !joined && text[at] == '-';
    at += negative;
    if (!is_digit(text[at]) && !(text[at] == '.' && is_digit(text[at + 1]))) {
      at = start + 1;
      continue;
    }
    at += read_number(text + at, negative, approximate, &number);
    number.start = joined ? start + 1 : start;
    number.end = at;
    number.band_end = joined && count > 0;
    numbers[count++] = number;
  }
  return count;
}

/* The value as a text of so many significant digits, and back. */
static double rounded_to_digits(double value, int digits)
{
  char text[40];
  double rounded = NAN;
  snprintf(text, sizeof text, "%.*e", digits - 1, value);
  text_to_double(text, strlen(text), &rounded);
  return rounded;
}

bool stated_about(double a, double b)
{
  return rounded_to_digits(a, 1) == rounded_to_digits(b, 1);
}

static double left_open(const struct stated_number *number, double slack)
{
  return number->unit / 2 + 1e-12 * fmax(1, fabs(number->value)) + slack * fabs(number->value);
}

bool stated_meets(const struct stated_number *number, double value, double slack)
{
  if (isinf(number->value) || !isfinite(value))
    return number->value == value;
  if (number->digits)
    return rounded_to_digits(value, number->digits) == number->value;
  return fabs(value - number->value) <= left_open(number, slack);
}

static bool is_band(const struct stated_number *numbers, size_t count, size_t value_count)
{
  return value_count == 1 && count == 2 && numbers[1].band_end;
}

bool stated_all_meet(const struct stated_number *numbers, size_t count, const double *values,
                     size_t value_count, double slack)
{
  if (is_band(numbers, count, value_count))
    return values[0] >= numbers[0].value - left_open(&numbers[0], slack) &&
           values[0] <= numbers[1].value + left_open(&numbers[1], slack);
  bool all = count == value_count && count > 0;
  for (size_t i = 0; all && i < count; i++)
    all = stated_meets(&numbers[i], values[i], slack);
  return all;
}

/* As printed where that shows whether it is met, else with more digits. */
static void add_number(const struct stated_number *number, double value, bool meets,
                       struct text *text)
{
  char shown[64];
  double back = NAN;
  if (!isfinite(value)) {
    text_add(text, "%s", isinf(value) ? "never" : "-");
    return;
  }
  if (number->digits || number->exponent || isinf(number->value)) {
    text_add(text, "%.*g", number->exponent ? number->decimals + 1 : 4, value);
    return;
  }
  int decimals = number->decimals;
  do {
    snprintf(shown, sizeof shown, "%.*f", decimals++, value);
    text_to_double(shown, strlen(shown), &back);
  } while (!meets && back == number->value && decimals < number->decimals + 4);
  text_add(text, "%s", back == 0 && shown[0] == '-' ? shown + 1 : shown);
}

void stated_fill(const char *stated, const struct stated_number *numbers, size_t count,
                 const double *values, size_t value_count, double slack, struct text *text)
{
  size_t at = 0;
  bool band = is_band(numbers, count, value_count);
  for (size_t i = 0; i < (band ? 1 : count); i++) {
    bool meets = band ? stated_all_meet(numbers, count, values, 1, slack)
                      : stated_meets(&numbers[i], values[i], slack);
    text_add(text, "%.*s", (int)(numbers[i].start - at), stated + at);
    add_number(&numbers[i], values[i], meets, text);
    at = numbers[band ? 1 : i].end;
    if (isinf(values[i]) && !isinf(numbers[i].value) && stated[at] == 'B')
      at++; /* never has no unit */
  }
  text_add(text, "%s", stated + at);
}
