/* TLS to a server that nobody vouches for: refused at once, with what to do about it. */
#define _GNU_SOURCE
#include "misbehaving.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define TLS_LINE "fetch %s --to %s --base https://127.0.0.1:%d --stall-seconds 5 --quiet"

static int port;
static pid_t child;

/* A certificate for 127.0.0.1 that is signed by itself. */
static X509 *own_certificate(EVP_PKEY *key)
{
  X509 *certificate = X509_new();
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_set_version(certificate, 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"hub", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION *place =
      X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  X509_add_ext(certificate, place, -1);
  X509_EXTENSION_free(place);
  assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
  return certificate;
}

static void serve_for_ever(int listener, SSL_CTX *context)
{
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
  char request[4096];
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    if (SSL_accept(tls) > 0 && SSL_read(tls, request, sizeof request) > 0) {
      __atomic_add_fetch(&server.shared->connections, 1, __ATOMIC_SEQ_CST);
      SSL_write(tls, answer, sizeof answer - 1);
    }
    SSL_free(tls);
    close(fd);
  }
}

static void start_tls(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EVP_PKEY *key = EVP_EC_gen("P-256");
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  X509 *certificate = own_certificate(key);
  assert_true(SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(listener, 16), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  port = ntohs(address.sin_port);
  child = fork();
  assert_true(child >= 0);
  if (child == 0)
    serve_for_ever(listener, context);
  close(listener);
  X509_free(certificate);
  EVP_PKEY_free(key);
  SSL_CTX_free(context);
}

static void test_nobody_vouches(void **state)
{
  (void)state;
  clear();
  int connections = server.shared->connections;
  char *err = workshop_refuse(EXIT_RUN, "ca-certificates", TLS_LINE, one("config.json", UNPINNED),
                              to, port);
  workshop_contains(err, "/config.json: SSL certificate problem: ");
  assert_null(strstr(err, "given up after")); /* no other try would help */
  free(err);
  assert_int_equal(server.shared->connections, connections); /* nothing was sent */
  workshop_shell("test -z \"$(find %s -type f)\"", to);
}

/* Where a plain server leads to TLS, it is the same; and plain text is no TLS. */
static void test_led_to_tls(void **state)
{
  (void)state;
  server.shared->other_port = port;
  char *err = workshop_refuse(EXIT_RUN, "ca-certificates", LINE, one("other-scheme", PINNED), to,
                              server.port);
  workshop_contains(err, "https://127.0.0.1:");
  free(err);
  free(workshop_refuse(EXIT_RUN, "SSL", TLS_LINE " --retries 0", one("plain", PINNED), to,
                       server.port));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_nobody_vouches),
                                     cmocka_unit_test(test_led_to_tls)};
  misbehaving_start();
  start_tls();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  kill(child, SIGKILL);
  server_stop(&server);
  return failed;
}
