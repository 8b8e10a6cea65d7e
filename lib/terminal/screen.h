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

  /// Leaves the terminal as it was, for a process that dies: may be called in a handler of a signal.
  void give_back() const noexcept;

  struct Line {
    std::string text;     ///< from anywhere: what could drive a terminal is escaped, what is too long is cut
    std::string style{};  ///< an SGR sequence for all of it, such as `\x1b[1m`; empty: none
  };
  /// Draws as many of the lines as there is room for.
  void draw(const std::vector<Line>& lines);

  /// redraw: the size is another, or the program was stopped (Ctrl-Z) and goes on.
  enum class Event : std::uint8_t { none, redraw, quit, up, down, page_up, page_down, first, last };
  /// Waits for the deadline, a stop, a key that means something (q, j, k, g, G, space, b, arrows, Page Up,
  /// Page Down, Home, End), or for what makes a new drawing necessary.
  Event wait_until(Deadline deadline, const StopToken& stop);

 private:
  void enter();
  void leave();
  void suspend();
  void take_signals();
  Event take_key();

  Output& out_;
  bool has_keyboard_ = false;
  termios keyboard_{};  // as it was before
  int signals_ = -1;    // readable when the size has changed, or Ctrl-Z was typed
  std::string typed_;   // what no event was made of yet
};

}  // namespace chat
