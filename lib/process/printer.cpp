#include "process/printer.h"

#include <fcntl.h>
#include <unistd.h>

#include <ctime>

#include "base/error.h"
#include "terminal/terminal.h"

namespace chat {

Printer::Printer(PrinterOptions options, Output& output, CheckpointQueue& queue)
    : options_(std::move(options)), output_(output), queue_(queue), formatter_(options_.style) {
  // What this program has opened itself is closed on exec; what it was given can't be.
  if (options_.ready_fd >= 0 && fcntl(options_.ready_fd, F_GETFD) != 0) {
    throw Error(Failure::usage, "--ready-fd " + std::to_string(options_.ready_fd) +
                                    ": no such descriptor is open; a shell opens it with " +
                                    std::to_string(options_.ready_fd) + ">FILE");
  }
}

bool Printer::message(const std::string& topic, const Message& message) {
  if (!options_.hidden_user.empty() && message.user == options_.hidden_user) return true;
  if (options_.style.dressed()) formatter_.set_width(terminal_width(output_.fd()));
  formatter_.append(output_.buffer(), topic, message, std::time(nullptr));
  if (options_.bell && live_ && formatter_.mentions_me(message)) output_.buffer() += '\a';
  ++printed_;
  if (message.id && queue_.keeps_any()) unwritten_.push_back(*message.id);
  const bool more = output_.flush_if_large() && !has_enough();
  notice_written();
  return more;
}

bool Printer::flush() {
  const bool more = output_.flush();
  notice_written();
  return more;
}

void Printer::notice_written() {
  if (unwritten_.empty() || !output_.buffer().empty()) return;
  queue_.done(unwritten_);
  unwritten_.clear();
  queue_.commit();
}

void Printer::live() {
  live_ = true;
  if (options_.ready_fd < 0) return;
  output_.flush();
  Output ready(options_.ready_fd);
  ready.buffer() = "\n";
  try {
    ready.flush();
  } catch (const ClosedOutput&) {  // nobody waits
  }
  if (options_.ready_fd > STDERR_FILENO) close(options_.ready_fd);
}

}  // namespace chat
