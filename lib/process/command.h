#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace chat {

class Keeper;

/// Runs commands, one after the other. When this process dies, the one under way is killed, with all that it
/// has started.
class CommandRunner {
 public:
  CommandRunner();
  ~CommandRunner();

  /// Runs `sh -c command` with `input` on its standard input and waits for its end, whatever signals come:
  /// its input is a file in memory, so a command may leave it unread. Meanwhile calls `keep` every
  /// `keep_every`, if given. Returns nothing when it exited with 0, else what it did, such as `exit status 3`
  /// or `signal 9`. Throws std::system_error when it can't be started.
  std::optional<std::string> run(const std::string& command, const std::string& input,
                                 std::optional<std::chrono::milliseconds> keep_every,
                                 const std::function<void()>& keep);

 private:
  std::unique_ptr<Keeper> keeper_;  // from the first one on
};

}  // namespace chat
