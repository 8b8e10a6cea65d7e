#include "terminal/screen.h"
#include "base/error.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>

#include "base/escape.h"
#include "terminal/columns.h"

namespace chat {

namespace {

// The other screen, on which nothing is scrolled away; no cursor; what is too long is cut.
constexpr std::string_view begin = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view end = "\x1b[?7h\x1b[?25h\x1b[?1049l";

sigset_t size_signal() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  return set;
}

}  // namespace

Screen::Screen(Output& out) : out_(out) {
  const sigset_t signals = size_signal();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  resizes_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  take_keyboard();
  out_.buffer() += begin;
}

Screen::~Screen() {
  if (has_keyboard_) tcsetattr(STDIN_FILENO, TCSADRAIN, &keyboard_);
  if (resizes_ >= 0) close(resizes_);
  const sigset_t signals = size_signal();
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  try {
    Output last(out_.fd());
    last.buffer() = end;
    last.flush();
  } catch (const std::exception&) {  // the terminal is gone
  } catch (const ClosedOutput&) {
  }
}

// What is typed must not appear in the middle of the screen, and Ctrl-Z not leave it like this.
void Screen::take_keyboard() {
  has_keyboard_ = tcgetattr(STDIN_FILENO, &keyboard_) == 0;
  if (!has_keyboard_) return;
  termios quiet = keyboard_;
  quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  quiet.c_cc[VMIN] = 0;
  quiet.c_cc[VTIME] = 0;
  quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
}

Screen::Size Screen::size() const {
  winsize size{};
  if (ioctl(out_.fd(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

void Screen::draw(const std::vector<Line>& lines) {
  std::string& buffer = out_.buffer();
  buffer += "\x1b[H";
  const std::size_t count = std::min(lines.size(), size().rows);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) buffer += "\r\n";
    buffer += "\x1b[2K";  // before the line: behind one that is full it would erase its last character
    std::string text;
    append_escaped(text, lines[i].text, true);
    buffer += lines[i].style;
    append_cut(buffer, text, size().columns);
    if (!lines[i].style.empty()) buffer += "\x1b[0m";
  }
  // Rows that a larger list took before.
  for (std::size_t row = count + 1; row <= size().rows; ++row) {
    buffer += "\x1b[" + std::to_string(row) + ";1H\x1b[2K";
  }
  out_.flush();
}

Screen::Event Screen::wait_until(Deadline deadline, const StopToken& stop) {
  while (true) {
    std::array<pollfd, 2> fds{pollfd{has_keyboard_ ? STDIN_FILENO : -1, POLLIN, 0},
                              pollfd{resizes_, POLLIN, 0}};
    if (wait(fds, deadline, stop) == 0) return Event::none;
    if (fds[1].revents != 0) {
      signalfd_siginfo info{};
      while (read(resizes_, &info, sizeof info) > 0) {
      }
      return Event::resized;
    }
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) <= 0) {
      has_keyboard_ = false;
    } else if (key == 'q' || key == 'Q') {
      return Event::quit;
    }
  }
}

}  // namespace chat
