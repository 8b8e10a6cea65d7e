#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "chat/entry_id.h"
#include "chat/subscriber.h"
#include "cli/arguments.h"
#include "cli/common_options.h"
#include "process/filter.h"
#include "process/formatter.h"

namespace chat::cli {

// What chat-sub and chat-replay share. These refuse bad values while parsing, as those of cli do.

/// The output options that chat-sub and chat-replay share.
struct OutputOptions {
  bool json = false;
  bool raw = false;
  bool null_separated = false;
  std::optional<std::string> format;

  /// The style for stdout. Throws Error(usage) when options exclude each other.
  Style style(const Common& common, bool with_topic, Form default_form = Form::text) const;
};

void add_output(CLI::App& app, OutputOptions& options);

/// Where chat-sub and chat-replay begin; at most one is given.
struct StartOptions {
  std::optional<std::uint64_t> last;
  std::optional<std::string> since;  ///< a TIME
  std::optional<EntryId> from;

  StartAt start(const StartAt& without) const;
};
std::array<CLI::Option*, 3> add_start(CLI::App& app, StartOptions& options);

/// Where chat-replay ends; both may be given.
struct EndOptions {
  std::optional<std::string> until;  ///< a TIME
  std::optional<EntryId> to;
};
std::array<CLI::Option*, 2> add_end(CLI::App& app, EndOptions& options);

/// Throws Error(usage) when nothing can lie between the two.
void check_bounds(const StartOptions& start, const EndOptions& end);

/// Adds --read-from, which sets whether replicas are read.
CLI::Option* add_read_from(CLI::App& app, bool& replica);

/// --grep and --from-user, which chat-sub and chat-replay share.
void add_filter(CLI::App& app, FilterOptions& options);

}  // namespace chat::cli
