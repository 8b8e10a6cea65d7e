#include "process/dead_letters.h"

namespace chat {

namespace {

PublisherOptions options_for(std::optional<std::chrono::milliseconds> retry_for, Notices& notices) {
  PublisherOptions options;
  options.retry_without_end = !retry_for;
  options.warn = [&notices](const std::string& text) { notices.warn(text); };
  options.note = [&notices](const std::string& text) { notices.note(text); };
  options.retry_for = retry_for.value_or(options.retry_for);
  return options;
}

}  // namespace

DeadLetters::DeadLetters(ConnectionPool& pool, const std::string& topic,
                         std::optional<std::chrono::milliseconds> retry_for, Notices& notices,
                         const StopToken& stop)
    : publisher_(pool, options_for(retry_for, notices), stop), topic_(publisher_.topic(topic)) {}

void DeadLetters::put(const Message& message) {
  const std::string user = valid_user(message.user) ? message.user : "?";
  publisher_.add(topic_, user, message.timestamp, message.text, ++count_);
  if (!publisher_.finish(no_deadline)) throw Stopped();
}

}  // namespace chat
