#include "cli/find_endpoint.h"

#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace chat::cli {

namespace {

TlsFiles find_files(const Endpoint& endpoint, TlsFiles files,
                    const std::function<std::string(const char*)>& variable) {
  if (!endpoint.tls) {
    if (files.cacert.empty() && files.cert.empty() && files.key.empty()) return {};
    throw Error(Failure::usage, "--cacert, --cert and --key are for TLS, and " + endpoint.str() +
                                    " goes without: write rediss:// or rediss-sentinel://");
  }
  if (files.cacert.empty()) files.cacert = variable("REDIS_TLS_CACERT");
  if (files.cert.empty() && files.key.empty())
    files = {files.cacert, variable("REDIS_TLS_CERT"), variable("REDIS_TLS_KEY")};
  if (files.cert.empty() != files.key.empty()) {
    throw Error(Failure::usage,
                "a certificate and its key belong together: --cert and --key, or $REDIS_TLS_CERT and "
                "$REDIS_TLS_KEY");
  }
  return files;
}

// Without the blanks and the newline that a value got from a file or a copied line.
std::string trimmed(const std::string& text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

Endpoint from_port(const std::string& text) {
  try {
    if (text.starts_with("tcp://")) return parse_url("redis" + text.substr(3));
    if (text.find_first_not_of("0123456789") == std::string::npos) return parse_url("redis://:" + text);
  } catch (const Error&) {
  }
  throw Error(Failure::usage, "$REDIS_PORT is \"" + redacted_url(text) +
                                  "\", neither a number from 1 to 65535 nor tcp://host:port");
}

Endpoint from_host_and_port(const std::string& host, const std::string& port) {
  Endpoint endpoint = port.empty() ? Endpoint{} : from_port(port);
  if (host.empty()) return endpoint;
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  endpoint.host = brackets ? host.substr(1, host.size() - 2) : host;
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  if (!is_host(endpoint.host) || (brackets && !ipv6)) {
    const bool url = host.find("://") != std::string::npos;
    const bool has_port = !brackets && host.find(':') != std::string::npos;
    throw Error(Failure::usage, "$REDIS_HOST is \"" + redacted_url(host) +
                                    "\", not a host's name or address" +
                                    (url        ? "; a URL goes into $REDIS_URL"
                                     : has_port ? "; a port goes into $REDIS_PORT"
                                                : ""));
  }
  return endpoint;
}

}  // namespace

Endpoint find_endpoint(const std::optional<std::string>& url, const std::optional<std::string>& password_file,
                       const TlsFiles& tls_files, const std::function<const char*(const char*)>& getenv) {
  const auto variable = [&](const char* name) {
    const char* value = getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  Endpoint endpoint;
  if (url) {
    endpoint = parse_url(*url);
  } else if (const std::string from = trimmed(variable("REDIS_URL")); !from.empty()) {
    try {
      endpoint = parse_url(from);
    } catch (const Error& error) {
      throw Error(error.failure(), std::string("$REDIS_URL: ") + error.what());
    }
  } else {
    endpoint = from_host_and_port(trimmed(variable("REDIS_HOST")), variable("REDIS_PORT"));
  }
  if (password_file) {
    endpoint.password = read_password(*password_file);
    if (std::filesystem::is_regular_file(*password_file)) endpoint.password_file = *password_file;
  } else if (!endpoint.password) {
    const std::string password = variable("REDISCLI_AUTH");
    if (!password.empty()) endpoint.password = password;
  }
  endpoint.tls_files = find_files(endpoint, tls_files, variable);
  const std::string sentinel_password = variable("REDIS_SENTINEL_AUTH");
  if (!sentinel_password.empty()) endpoint.sentinel_password = sentinel_password;
  return endpoint;
}

}  // namespace chat::cli
