#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/output.h"
#include "base/wait.h"

namespace chat {

/// The whole of a terminal, to be drawn over; at its end the terminal is as it was before.
class Screen {
 public:
  /// out: the terminal.
  explicit Screen(Output& out);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    std::size_t columns;
    std::size_t rows;
  };
  Size size() const;

  struct Line {
    std::string text;     ///< from anywhere: what could drive a terminal is escaped, what is too long is cut
    std::string style{};  ///< an SGR sequence for all of it, such as `\x1b[1m`; empty: none
  };
  /// Draws as many of the lines as there is room for.
  void draw(const std::vector<Line>& lines);

  enum class Event : std::uint8_t { none, resized, quit };
  /// Waits for the deadline, a stop, the terminal's new size or the key q.
  Event wait_until(Deadline deadline, const StopToken& stop);

 private:
  void take_keyboard();

  Output& out_;
  bool has_keyboard_ = false;
  termios keyboard_{};  // as it was before
  int resizes_ = -1;    // readable when the size has changed
};

}  // namespace chat
