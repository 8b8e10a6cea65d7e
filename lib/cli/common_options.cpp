#include "cli/common_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>

#include "cli/arguments.h"
#include "cli/find_endpoint.h"
#include "cli/secrets.h"

namespace chat::cli {

Endpoint Common::endpoint() const {
  Endpoint found =
      find_endpoint(redis, password_file, tls_files, [](const char* name) { return std::getenv(name); });
  if (found.password || found.sentinel_password || found.hide_user) keep_memory_private();
  return found;
}

bool Common::use_color(int fd) const {
  if (color != "auto") return color == "always";
  const char* const no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* const term = std::getenv("TERM");
  return (term == nullptr || std::strcmp(term, "dumb") != 0) && isatty(fd) == 1;
}

void add_common(CLI::App& app, Common& common) {
  const auto add_file = [&](const char* name, auto& file, const char* help) {
    app.add_option(name, file, help)->type_name("FILE")->group(common_group)->check(not_empty());
  };
  app.add_option("--color", common.color, "[auto: on a terminal, unless $NO_COLOR is set]")
      ->type_name("auto|always|never")
      ->check(one_of({"auto", "always", "never"}))
      ->group("Output");
  app.add_option("--redis", common.redis, "Server [$REDIS_URL, else redis://127.0.0.1:6379]")
      ->type_name("URL")
      ->group(common_group);
  add_file("--password-file", common.password_file, "Password, its first line [$REDISCLI_AUTH]");
  add_file("--cacert", common.tls_files.cacert, "TLS: trust these authorities [the system's]");
  add_file("--cert", common.tls_files.cert, "TLS: my certificate");
  add_file("--key", common.tls_files.key, "TLS: the key of my certificate");
  add_duration(app, "--retry-for", common.retry_for, "Wait so long for Redis [30s; readers: no end]")
      ->group(common_group);
  app.add_flag("-v,--verbose", common.verbose, "Tell more on standard error")->group(common_group);
  app.add_flag("-q,--quiet", common.quiet, "Tell errors only")->group(common_group);
}

}  // namespace chat::cli
