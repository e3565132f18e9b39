/* The word lists of the tasks in English, all of them written for this project. */
#ifndef ATTEST_TASK_WORDS_H
#define ATTEST_TASK_WORDS_H

#include <stddef.h>

struct word_list {
  const char *const *words;
  size_t count;
};

/* Given names, women's and men's; the two lists have the same length and no name in common. */
extern const struct word_list words_women, words_men;

/* Where two people meet, what one gives, what begins and ends; singular. */
extern const struct word_list words_places, words_objects, words_events;

extern const struct word_list words_cities;

/* Nouns of people, and of things, and verbs: singular and plural by index. */
extern const struct word_list words_people_singular, words_people_plural, words_things_singular,
    words_things_plural;
extern const struct word_list words_verb_singular, words_verb_plural;

/* 00 to 99, as the end of a year. */
extern const struct word_list words_two_digits;

/* Families whose members follow each other. */
extern const struct word_list words_days, words_months, words_ordinals, words_numbers;

#endif
