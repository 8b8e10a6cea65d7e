#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "redis/endpoint.h"

namespace CLI {
class App;
}

namespace chat::cli {

/// The group of --help that all tools have.
inline constexpr const char* common_group = "Common";

/// The options that every tool has.
struct Common {
  std::optional<std::string> redis;
  std::optional<std::string> password_file;
  TlsFiles tls_files;
  std::optional<std::chrono::milliseconds> retry_for;
  std::string color = "auto";
  bool verbose = false;
  bool quiet = false;

  Endpoint endpoint() const;     ///< find_endpoint with the environment
  bool use_color(int fd) const;  ///< --color, NO_COLOR, TERM=dumb, and whether fd is a terminal
};

/// These refuse bad values while parsing.
void add_common(CLI::App& app, Common& common);

}  // namespace chat::cli
