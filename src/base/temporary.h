/* Temporary files beside outputs. They do not outlive the program, and what a kill left behind goes
 * when the next program writes into the same folder. */
#ifndef ATTEST_BASE_TEMPORARY_H
#define ATTEST_BASE_TEMPORARY_H

/* Removes the temporary files in the folder of `path` that nobody locks and whose process is gone;
 * nothing to do when it was the last that was looked through. */
void temporary_sweep(const char *path);

/* Creates ".attest.tmp.PID.N" in the folder of `path` and locks it, after temporary_sweep. The
 * descriptor, and the name to *name; then temporary_done and free(). -1 and errno on failure. */
int temporary_open(const char *path, char **name);

/* `name`, which must stay until temporary_done, is removed by temporary_remove_all. temporary_open
 * lists its own. */
void temporary_list(const char *name);

/* It was removed or renamed. */
void temporary_done(const char *name);

/* For signal handlers, before the program ends. */
void temporary_remove_all(void);

#endif
