#include "terminal/screen.h"
#include "base/error.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <initializer_list>
#include <string_view>

#include "base/escape.h"
#include "terminal/columns.h"

namespace chat {

namespace {

// The other screen, on which nothing is scrolled away; no cursor; what is too long is cut.
constexpr std::string_view begin = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view end = "\x1b[?7h\x1b[?25h\x1b[?1049l";

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

const std::initializer_list<int> watched = {SIGWINCH, SIGTSTP, SIGCONT};

struct Key {
  std::string_view bytes;
  Screen::Event event;
};
// Both forms that terminals send (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html).
constexpr Key keys[] = {
    {"q", Screen::Event::quit},       {"Q", Screen::Event::quit},
    {"k", Screen::Event::up},         {"\x1b[A", Screen::Event::up},
    {"\x1bOA", Screen::Event::up},    {"j", Screen::Event::down},
    {"\x1b[B", Screen::Event::down},  {"\x1bOB", Screen::Event::down},
    {"b", Screen::Event::page_up},    {"\x1b[5~", Screen::Event::page_up},
    {" ", Screen::Event::page_down},  {"\x1b[6~", Screen::Event::page_down},
    {"g", Screen::Event::first},      {"\x1b[H", Screen::Event::first},
    {"\x1bOH", Screen::Event::first}, {"\x1b[1~", Screen::Event::first},
    {"G", Screen::Event::last},       {"\x1b[F", Screen::Event::last},
    {"\x1bOF", Screen::Event::last},  {"\x1b[4~", Screen::Event::last},
};

}  // namespace

Screen::Screen(Output& out) : out_(out) {
  const sigset_t signals = set_of(watched);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  has_keyboard_ = tcgetattr(STDIN_FILENO, &keyboard_) == 0;
  enter();
}

Screen::~Screen() {
  leave();
  if (signals_ >= 0) close(signals_);
  const sigset_t signals = set_of(watched);
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

void Screen::leave() {
  if (has_keyboard_) tcsetattr(STDIN_FILENO, TCSADRAIN, &keyboard_);
  try {
    Output last(out_.fd());
    last.buffer() = end;
    last.flush();
  } catch (const std::exception&) {  // the terminal is gone
  } catch (const ClosedOutput&) {
  }
}

void Screen::give_back() const noexcept {
  if (has_keyboard_) tcsetattr(STDIN_FILENO, TCSANOW, &keyboard_);
  pollfd room{out_.fd(), POLLOUT, 0};
  if (poll(&room, 1, 0) > 0) static_cast<void>(write(out_.fd(), end.data(), end.size()) < 0);
}

// What is typed must not appear in the middle of the screen.
void Screen::enter() {
  if (has_keyboard_) {
    termios quiet = keyboard_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    quiet.c_cc[VMIN] = 0;
    quiet.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
  }
  out_.buffer() += begin;
}

// Stops as Ctrl-Z does by itself, with the terminal as the shell wants it.
void Screen::suspend() {
  leave();
  const sigset_t stop = set_of({SIGTSTP});
  raise(SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &stop, nullptr);  // here it stops
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  enter();
}

void Screen::take_signals() {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) > 0) {
    if (info.ssi_signo == SIGTSTP) suspend();
    if (info.ssi_signo == SIGCONT) enter();  // whoever stopped it may have changed the terminal
  }
}

Screen::Event Screen::take_key() {
  for (const Key& key : keys) {
    if (!typed_.starts_with(key.bytes)) continue;
    typed_.erase(0, key.bytes.size());
    return key.event;
  }
  typed_.erase(0, 1);
  return Event::none;
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
    while (!typed_.empty()) {
      const Event event = take_key();
      if (event != Event::none) return event;
    }
    std::array<pollfd, 2> fds{pollfd{has_keyboard_ ? STDIN_FILENO : -1, POLLIN, 0},
                              pollfd{signals_, POLLIN, 0}};
    if (wait(fds, deadline, stop) == 0) return Event::none;
    if (fds[1].revents != 0) {
      take_signals();
      return Event::redraw;
    }
    std::array<char, 64> bytes{};
    const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count <= 0) {
      has_keyboard_ = false;
    } else {
      typed_.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }
}

}  // namespace chat
