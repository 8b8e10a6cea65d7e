#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>

namespace chat {

/// The address of a function of libssl or of libcrypto, which comes with it. The first call loads the
/// library: that takes longer than the whole start of a tool, so a tool without TLS must not pay for it.
/// Throws Error(usage) when it isn't there.
void* find_in_libssl(const char* function);

template <std::size_t size>
struct FunctionName {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is one
  consteval FunctionName(const char (&literal)[size]) { std::copy_n(literal, size, text); }
  char text[size];
};

template <FunctionName name, class Function>
struct FromLibssl;

/// Is called as the function with this name, which it looks up once.
template <FunctionName name, class Result, class... Arguments>
struct FromLibssl<name, Result(Arguments...)> {
  Result operator()(Arguments... arguments) const {
    static const auto function = reinterpret_cast<Result (*)(Arguments...)>(find_in_libssl(name.text));
    return function(arguments...);
  }
};

// Inside this namespace these names hide OpenSSL's own, in its macros too.
#define CHAT_FROM_LIBSSL(name) inline constexpr FromLibssl<#name, decltype(::name)> name
CHAT_FROM_LIBSSL(ERR_clear_error);
CHAT_FROM_LIBSSL(ERR_peek_error);
CHAT_FROM_LIBSSL(ERR_reason_error_string);
CHAT_FROM_LIBSSL(SSL_CTX_ctrl);
CHAT_FROM_LIBSSL(SSL_CTX_free);
CHAT_FROM_LIBSSL(SSL_CTX_load_verify_file);
CHAT_FROM_LIBSSL(SSL_CTX_new);
CHAT_FROM_LIBSSL(SSL_CTX_set_default_passwd_cb);
CHAT_FROM_LIBSSL(SSL_CTX_set_default_verify_paths);
CHAT_FROM_LIBSSL(SSL_CTX_set_options);
CHAT_FROM_LIBSSL(SSL_CTX_set_verify);
CHAT_FROM_LIBSSL(SSL_CTX_use_PrivateKey_file);
CHAT_FROM_LIBSSL(SSL_CTX_use_certificate_chain_file);
CHAT_FROM_LIBSSL(SSL_connect);
CHAT_FROM_LIBSSL(SSL_ctrl);
CHAT_FROM_LIBSSL(SSL_free);
CHAT_FROM_LIBSSL(SSL_get0_param);
CHAT_FROM_LIBSSL(SSL_get_error);
CHAT_FROM_LIBSSL(SSL_get_verify_result);
CHAT_FROM_LIBSSL(SSL_new);
CHAT_FROM_LIBSSL(SSL_pending);
CHAT_FROM_LIBSSL(SSL_read_ex);
CHAT_FROM_LIBSSL(SSL_set1_host);
CHAT_FROM_LIBSSL(SSL_set_fd);
CHAT_FROM_LIBSSL(SSL_set_hostflags);
CHAT_FROM_LIBSSL(SSL_write_ex);
CHAT_FROM_LIBSSL(TLS_client_method);
CHAT_FROM_LIBSSL(X509_VERIFY_PARAM_set1_ip_asc);
CHAT_FROM_LIBSSL(X509_verify_cert_error_string);
#undef CHAT_FROM_LIBSSL

}  // namespace chat
