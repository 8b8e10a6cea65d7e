#pragma once

#include <functional>
#include <optional>
#include <string>

#include "redis/endpoint.h"

namespace chat::cli {

/// The endpoint of a command: `url` if given, else $REDIS_URL, else $REDIS_HOST with $REDIS_PORT (a number,
/// or tcp://host:port as container links set it, which also stands for $REDIS_HOST), else
/// redis://127.0.0.1:6379. An empty variable counts as unset; blanks and line ends around $REDIS_URL and
/// $REDIS_HOST are left out. The password comes from the first of:
/// `password_file` (which is kept for later logins when it is no pipe), the URL, $REDISCLI_AUTH; that of the
/// sentinels from $REDIS_SENTINEL_AUTH. With TLS, files that are not given come from $REDIS_TLS_CACERT,
/// $REDIS_TLS_CERT and $REDIS_TLS_KEY; without it, given ones are refused. `getenv` returns nullptr for what
/// is unset. Throws Error(usage), and Error(file) when the password file can't be read.
Endpoint find_endpoint(const std::optional<std::string>& url, const std::optional<std::string>& password_file,
                       const TlsFiles& tls_files, const std::function<const char*(const char*)>& getenv);

}  // namespace chat::cli
