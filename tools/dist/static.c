/* What a program without shared libraries does in their place; linked into the binary of `make
 * dist` alone. */
#include <netdb.h>
#include <nss.h>
#include <stddef.h>
#include <unistd.h>

/* Names of hosts and users come from files and DNS whatever /etc/nsswitch.conf says: for other
 * sources the C library would load shared objects, which must not be of another version. */
__attribute__((constructor)) static void choose_sources(void)
{
  (void)__nss_configure_lookup("hosts", "files dns");
  (void)__nss_configure_lookup("passwd", "files");
}

/* Nothing is loaded at run time: no OpenBLAS to compare with (attest bench), no modules of OpenSSL.
 * The C library's own functions of these names, which could, stay out of the program. */
void *dlopen(const char *file, int mode)
{
  (void)file, (void)mode;
  return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
  (void)handle, (void)name;
  return NULL;
}

int dlclose(void *handle)
{
  (void)handle;
  return -1;
}

char *dlerror(void)
{
  static char reason[] = "this is one static program, which loads no libraries";
  return reason;
}

/* The functions of absent.ld. */
void attest_absent(void);
void *attest_nothing(void);

void attest_absent(void)
{
  static const char text[] = "attest: libcurl asked for a library that this static program does "
                             "not have; use the program that is built with shared libraries\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  _exit(3);
}

/* 0 as a number and as an address. */
void *attest_nothing(void)
{
  return NULL;
}
