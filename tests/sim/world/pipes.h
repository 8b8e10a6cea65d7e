#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/world/process.h"

namespace sim {

/// A tool's standard input: what somebody types into it, at their times.
class InputPipe : public Descriptor {
 public:
  explicit InputPipe(Process& process) : process_(process) {}
  void type(const std::string& text);
  void end();
  short ready() override;
  ssize_t read(char* room, std::size_t size) override;

 private:
  Process& process_;
  std::string bytes_;
  bool ended_ = false;
};

/// A tool's standard output: whoever reads it may stop for a while, then it fills.
class OutputPipe : public Descriptor {
 public:
  explicit OutputPipe(Process& process) : process_(process) {}
  /// Everything that was ever written.
  const std::string& text() const { return text_; }
  /// When this byte of it was written.
  Time written_at(std::size_t place) const;
  void block(Time until);
  short ready() override;
  ssize_t write(std::string_view bytes) override;

 private:
  bool blocked() const { return process_.world().now() < blocked_until_; }

  static constexpr std::size_t capacity = 512;  // of one that isn't read
  Process& process_;
  std::string text_;
  std::vector<std::pair<std::size_t, Time>> ends_;  // of what was written at once, and when
  Time blocked_until_ = 0;
  std::size_t unread_ = 0;
};

}  // namespace sim
