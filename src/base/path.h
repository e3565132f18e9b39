/* Paths as users read them. */
#ifndef ATTEST_BASE_PATH_H
#define ATTEST_BASE_PATH_H

#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Joins two path parts as file_join does, without "." and with every "NAME/.." dropped where NAME
 * is a directory and no symbolic link: the result is shorter and names the same file. New string,
 * free(). NULL and error when out of memory. */
char *path_resolve(const char *directory, const char *name, struct error *error);

/* Whether no two of the files that were named are the same one, by whatever path. Errors:
 * EXIT_INPUT, naming both. */
int path_check_distinct(const char *const *paths, size_t count, struct error *error);

/* The folder of a file, "." for a name alone. New string, free(); NULL when out of memory. */
char *path_folder(const char *path);

/* The file of this program: whether the system tells one that is there. Not /proc/self/exe itself,
 * which under an emulator is another file when it is opened than when it is looked at. */
bool path_of_program(char path[PATH_MAX]);

#endif
