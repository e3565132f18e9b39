#include "task/items.h"

#include "task/words.h"

#include <stdio.h>
#include <string.h>

/* Copies a template; {a}, {b} ... stand for values[0], values[1] ... */
static void fill(char out[ITEM_TEXT], const char *pattern, const char *const *values)
{
  size_t used = 0;
  *out = 0;
  for (const char *p = pattern; *p && used < ITEM_TEXT; p++) {
    if (*p == '{') {
      used += (size_t)snprintf(out + used, ITEM_TEXT - used, "%s", values[p[1] - 'a']);
      p += 2;
    } else
      used += (size_t)snprintf(out + used, ITEM_TEXT - used, "%c", *p);
  }
}

static size_t draw_index(struct random *random, size_t count)
{
  return (size_t)random_integer(random, 0, (int64_t)count);
}

/* Drawn again until it is another one. */
static size_t draw_other(struct random *random, size_t count, size_t than)
{
  size_t index = draw_index(random, count);
  while (index == than)
    index = draw_index(random, count);
  return index;
}

static const char *draw_word(struct random *random, const struct word_list *list)
{
  return list->words[draw_index(random, list->count)];
}

static void answer(struct item *item, const char *positive, const char *negative)
{
  item->positive[0] = positive;
  item->negative[0] = negative;
  item->positive_count = item->negative_count = 1;
}

/* Two names, women's and men's in one list. */
static void draw_names(struct random *random, const char *names[2])
{
  size_t count = words_women.count + words_men.count;
  size_t first = draw_index(random, count), indices[2] = {first, draw_other(random, count, first)};
  for (int i = 0; i < 2; i++)
    names[i] = indices[i] < words_women.count ? words_women.words[indices[i]]
                                              : words_men.words[indices[i] - words_women.count];
}

/* {a}, {b}: as they are introduced; {c}: who gives, in the corrupted prompt the other one. */
static void draw_ioi(struct random *random, size_t index, struct item *item)
{
  static const char *const patterns[] = {
      "After {a} and {b} arrived at the {d}, {c} passed the {e} to",
      "While {a} and {b} were waiting outside the {d}, {c} showed the {e} to",
      "Once {a} and {b} had walked around the {d}, {c} offered the {e} to"};
  const char *names[2];
  draw_names(random, names);
  const char *place = draw_word(random, &words_places), *object = draw_word(random, &words_objects);
  const char *pattern = patterns[draw_index(random, sizeof patterns / sizeof *patterns)];
  const char *first = names[index % 2], *second = names[1 - index % 2];
  fill(item->clean, pattern, (const char *[]){first, second, names[1], place, object});
  fill(item->corrupted, pattern, (const char *[]){first, second, names[0], place, object});
  answer(item, names[0], names[1]);
}

static void draw_years(struct random *random, int64_t century, int64_t centuries, int64_t years,
                       struct item *item)
{
  static const char pattern[] = "The {a} began in the year {b}{c} and ended in the year {b}";
  const char *const *digits = words_two_digits.words;
  const char *event = draw_word(random, &words_events);
  const char *first = digits[random_integer(random, century, century + centuries)];
  size_t year = (size_t)random_integer(random, 2, years);
  fill(item->clean, pattern, (const char *[]){event, first, digits[year]});
  fill(item->corrupted, pattern, (const char *[]){event, first, digits[1]});
  item->positive_count = item->negative_count = 0;
  for (size_t y = 0; y < words_two_digits.count; y++)
    if (y > year)
      item->positive[item->positive_count++] = digits[y];
    else
      item->negative[item->negative_count++] = digits[y];
}

/* 1102 to 1798, and, as in arXiv 2606.02378, 1402 to 1988. */
static void draw_greater_than(struct random *random, size_t index, struct item *item)
{
  (void)index;
  draw_years(random, 11, 7, 99, item);
}

static void draw_greater_than_late(struct random *random, size_t index, struct item *item)
{
  (void)index;
  draw_years(random, 14, 6, 89, item);
}

static void draw_pronoun(struct random *random, size_t index, struct item *item)
{
  static const char *const patterns[] = {"Yesterday {a} left the room early because",
                                         "At the news {a} smiled, and then",
                                         "Last week {a} repaired the old clock before"};
  const char *names[2] = {draw_word(random, &words_women), draw_word(random, &words_men)};
  const char *pattern = patterns[draw_index(random, sizeof patterns / sizeof *patterns)];
  bool man = index % 2 == 1;
  fill(item->clean, pattern, (const char *[]){names[man]});
  fill(item->corrupted, pattern, (const char *[]){names[!man]});
  answer(item, man ? "he" : "she", man ? "she" : "he");
}

static void draw_agreement(struct random *random, size_t index, struct item *item)
{
  static const char *const patterns[] = {"The {a} near the {b}", "The {a} behind the {b}",
                                         "The {a} beside the {b}", "The {a} in front of the {b}"};
  const struct word_list *people[2] = {&words_people_singular, &words_people_plural};
  const struct word_list *things[2] = {&words_things_singular, &words_things_plural};
  const struct word_list *verbs[2] = {&words_verb_singular, &words_verb_plural};
  size_t who = draw_index(random, people[0]->count);
  const char *thing = draw_word(random, things[draw_index(random, 2)]);
  const char *pattern = patterns[draw_index(random, sizeof patterns / sizeof *patterns)];
  size_t many = index % 2;
  fill(item->clean, pattern, (const char *[]){people[many]->words[who], thing});
  fill(item->corrupted, pattern, (const char *[]){people[1 - many]->words[who], thing});
  item->positive_count = item->negative_count = verbs[0]->count;
  memcpy(item->positive, verbs[many]->words, verbs[0]->count * sizeof *item->positive);
  memcpy(item->negative, verbs[1 - many]->words, verbs[0]->count * sizeof *item->negative);
}

/* A family, and how many places a row of five may begin at so that something follows it. */
static const struct {
  const struct word_list *list;
  size_t starts;
} families[] = {{&words_days, 7}, {&words_months, 12}, {&words_ordinals, 5}, {&words_numbers, 94}};
#define SUCCESSORS (7 + 12 + 5 + 94)

static const char *fill_row(char out[ITEM_TEXT], const struct word_list *list, size_t start)
{
  const char *row[6];
  for (size_t i = 0; i < 6; i++)
    row[i] = list->words[(start + i) % list->count];
  fill(out, " {a} {b} {c} {d} {e}", row);
  return row[5];
}

static void draw_successor(struct random *random, size_t index, struct item *item)
{
  size_t family = 0, start = index % SUCCESSORS;
  while (start >= families[family].starts)
    start -= families[family++].starts;
  size_t other = draw_other(random, families[family].starts, start);
  const char *next = fill_row(item->clean, families[family].list, start);
  answer(item, next, fill_row(item->corrupted, families[family].list, other));
}

static void draw_binding(struct random *random, size_t index, struct item *item)
{
  static const char pattern[] = " {a} works in {b}. {c} works in {d}. {e} works in";
  const char *names[2], *const *cities = words_cities.words;
  draw_names(random, names);
  size_t first = draw_index(random, words_cities.count);
  const char *where[2] = {cities[first], cities[draw_other(random, words_cities.count, first)]};
  size_t asked = index % 2;
  fill(item->clean, pattern,
       (const char *[]){names[0], where[0], names[1], where[1], names[asked]});
  fill(item->corrupted, pattern,
       (const char *[]){names[0], where[0], names[1], where[1], names[1 - asked]});
  answer(item, where[asked], where[1 - asked]);
}

static const struct item_kind kinds[] = {
    {"ioi", TASK_LOGIT, true, false, false, "to whom something is given, of two named", draw_ioi},
    {"greater-than", TASK_PROB, false, true, false, "a year after that of the beginning",
     draw_greater_than},
    {"gendered-pronoun", TASK_LOGIT, true, false, false, "he or she after a given name",
     draw_pronoun},
    {"sva", TASK_PROB, true, false, true, "verbs that agree with their subject in number",
     draw_agreement},
    {"greater-than-late", TASK_PROB, false, true, false,
     "as greater-than, of the centuries of arXiv 2606.02378", draw_greater_than_late},
    {"successor", TASK_LOGIT, true, false, false, "the next day, month, ordinal or number",
     draw_successor},
    {"variable-binding", TASK_LOGIT, true, false, false, "where the one of two works who is named",
     draw_binding},
};

const struct item_kind *item_kinds(size_t *count)
{
  *count = sizeof kinds / sizeof *kinds;
  return kinds;
}

const struct item_kind *item_kind_find(const char *name)
{
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, name) == 0)
      return &kinds[i];
  return NULL;
}
