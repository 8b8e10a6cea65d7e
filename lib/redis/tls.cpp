#include "redis/tls.h"

#include <cerrno>
#include <cstring>
#include <new>

#include "base/error.h"
#include "redis/libssl.h"

namespace chat {

namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

// What OpenSSL says of a failure, which is then forgotten. What it adds to the first reason tells less.
std::string reason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* const text = ERR_reason_error_string(code);
  return text == nullptr ? "unknown error " + std::to_string(code) : text;
}

void require(int result, const std::string& what, const std::string& file) {
  if (result == 1) return;
  throw Error(Failure::file, "can't use the " + what + " in \"" + file + "\": " + reason());
}

// OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Context make_context(const TlsFiles& files) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  // What is left to be written may be elsewhere and longer the next time.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  if (files.cacert.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    const int loaded = SSL_CTX_load_verify_file(context.get(), files.cacert.c_str());
    require(loaded, "certificates", files.cacert);
  }
  if (!files.cert.empty()) {
    const int read = SSL_CTX_use_certificate_chain_file(context.get(), files.cert.c_str());
    require(read, "certificate", files.cert);
    const int key = SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM);
    require(key, "key", files.key);
  }
  return context;
}

void expect_host(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* const checks = SSL_get0_param(session);
  const std::string address = host.substr(0, host.find('%'));
  if (X509_VERIFY_PARAM_set1_ip_asc(checks, address.c_str()) == 1) return;
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool expected =
      SSL_set1_host(session, host.c_str()) == 1 && SSL_set_tlsext_host_name(session, host.c_str()) == 1;
  if (!expected) throw Error(Failure::usage, "\"" + host + "\" can't be a host's name for TLS");
}

std::string what_is_wrong(const SSL* session, const std::string& host) {
  const long result = SSL_get_verify_result(session);
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has expired";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "is not for \"" + host + "\"";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return std::string("is signed by nobody that is trusted here (") +
             X509_verify_cert_error_string(result) + "); --cacert FILE names whom to trust";
    default:
      return std::string("is not valid: ") + X509_verify_cert_error_string(result);
  }
}

// The server's alerts about our certificate.
bool is_refusal(int reason) {
  return (reason >= SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && reason <= SSL_R_TLSV1_ALERT_ACCESS_DENIED) ||
         reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED;
}

}  // namespace

void Tls::Free::operator()(ssl_st* session) const { SSL_free(session); }

Tls::Tls(const Endpoint& endpoint)
    : session_(SSL_new(make_context(endpoint.tls_files).get())),
      host_(endpoint.host),
      url_(endpoint.str()),
      has_certificate_(!endpoint.tls_files.cert.empty()) {
  if (!session_) throw std::bad_alloc();
  expect_host(session_.get(), host_);
}

void Tls::start(int fd, Deadline deadline, const StopToken& stop) {
  SSL* const session = session_.get();
  ERR_clear_error();
  errno = 0;
  if (SSL_set_fd(session, fd) != 1) fail();
  for (int done = 0; done != 1;) {
    ERR_clear_error();
    errno = 0;
    done = SSL_connect(session);
    const int missing = done == 1 ? SSL_ERROR_NONE : SSL_get_error(session, done);
    if (missing == SSL_ERROR_NONE) break;
    if (missing != SSL_ERROR_WANT_READ && missing != SSL_ERROR_WANT_WRITE) fail();
    pollfd ready{fd, static_cast<short>(missing == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
    if (wait({&ready, 1}, deadline, stop) > 0) continue;
    if (stop.requested()) throw Stopped();
    throw Outage("no answer to TLS in time; is this a port without it?");
  }
}

std::size_t Tls::read(std::span<char> room) {
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int done = SSL_read_ex(session_.get(), room.data(), room.size(), &count);
  if (done != 1) throw_if_broken(done, errno);
  return count;
}

std::size_t Tls::write(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int done = SSL_write_ex(session_.get(), bytes.data() + written, bytes.size() - written, &count);
    written += count;
    if (done == 1) continue;
    throw_if_broken(done, errno);
    break;
  }
  return written;
}

bool Tls::pending() const { return SSL_pending(session_.get()) > 0; }

void Tls::throw_if_denied() const {
  const unsigned long code = ERR_peek_error();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || !is_refusal(ERR_GET_REASON(code))) return ERR_clear_error();
  throw Error(Failure::denied, "Redis at " + url_ +
                                   (has_certificate_ ? " refuses the certificate given with --cert ("
                                                     : " wants a certificate: give --cert and --key (") +
                                   reason() + ")");
}

void Tls::throw_if_broken(int result, int saved_errno) const {
  const int missing = SSL_get_error(session_.get(), result);
  if (missing == SSL_ERROR_WANT_READ || missing == SSL_ERROR_WANT_WRITE) return;
  throw_if_denied();
  throw Outage(saved_errno != 0 ? std::strerror(saved_errno) : "Server closed the connection");
}

void Tls::fail() const {
  const int saved_errno = errno;
  if (SSL_get_verify_result(session_.get()) != X509_V_OK) {
    ERR_clear_error();
    throw Error(Failure::unreachable,
                "the certificate of Redis at " + url_ + " " + what_is_wrong(session_.get(), host_));
  }
  const unsigned long code = ERR_peek_error();
  throw_if_denied();
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
    throw Outage("there is no TLS there; redis:// goes without");
  }
  const char* const said = ERR_reason_error_string(code);
  throw Outage("the TLS handshake failed: " + std::string(said != nullptr    ? said
                                                          : saved_errno != 0 ? std::strerror(saved_errno)
                                                                             : "the connection was closed"));
}

}  // namespace chat
