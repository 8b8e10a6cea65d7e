#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/output.h"
#include "base/record_reader.h"
#include "base/wait.h"
#include "chat/publisher.h"

namespace chat {

struct InputPumpOptions {
  std::optional<std::string> topic;  ///< of all records; without it each JSON record names its own
  std::string user;                  ///< of records that name none
  bool json = false;                 ///< records are JSON objects (parse_input)
  bool skip_empty = false;
  double rate = 0;           ///< most messages a second; 0: no limit
  bool stop_at_bad = false;  ///< a bad record ends the run after what came before it
  Output* output = nullptr;  ///< flushed whenever there is nothing else to do
  bool tee = false;          ///< write each record that was read to it, with its separator
  char separator = '\n';
  std::size_t max_size = std::size_t{1} << 20;  ///< of a message in bytes: longer ones are bad
  /// Told the number of a record that a terminal may have cut: it gives at most 4,095 bytes of a line
  /// (termios(3)).
  std::function<void(std::uint64_t record)> cut;
  /// Told each bad record's number and what is wrong with it.
  std::function<void(std::uint64_t record, const std::string& why)> bad;
  std::function<void(std::uint64_t records)> reached;  ///< told now and then how many were read
};

/// How long the records may be that hold a message of max_size: as JSON it is longer.
std::size_t longest_record(const InputPumpOptions& options);

/// Publishes records until their end, or until a stop is requested or nobody reads the output any more: then
/// what was read so far, or with a rate only what its time had come for. Reads no faster than Redis takes it.
/// Returns how many records were bad. Throws what Publisher throws, Error(again) for what was read but not
/// published at a stop, and Error(output) when nobody reads the output and there was more input.
std::uint64_t pump_input(RecordReader& records, Publisher& publisher, const InputPumpOptions& options,
                         const StopToken& stop);

}  // namespace chat
