#include "process/worker.h"

#include <ctime>
#include <system_error>

#include "base/error.h"
#include "chat/entry_id.h"
#include "process/command.h"
#include "redis/retry.h"

namespace chat {

bool Worker::message(const std::string& topic, const Message& message) {
  // What isn't part of the history can't be processed again.
  if (!message.id) return true;
  topic_ = topic;
  batch_.push_back(message);
  ++taken_;
  const bool enough = options_.count && taken_ >= *options_.count;
  if (batch_.size() < options_.batch && !enough) return true;
  return flush() && !enough;
}

bool Worker::flush() {
  if (batch_.empty()) return !stop_.requested();
  if (stop_.requested()) return false;
  try {
    if (!process()) return false;
  } catch (...) {
    batch_.clear();  // another flush, for what was told before, must not run the command again
    throw;
  }
  batch_.clear();
  return !stop_.requested();
}

// Returns whether to go on.
bool Worker::process() {
  std::optional<std::string> failure = run(0, batch_.size());
  if (!failure) {
    done(0, batch_.size());
  } else if (batch_.size() == 1) {
    if (!retry(0, *failure)) return false;
  } else {
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (stop_.requested()) return false;
      queue_.keep();
      failure = run(i, i + 1);
      if (failure && !retry(i, *failure)) return false;
      if (!failure) done(i, i + 1);
    }
  }
  return true;
}

std::optional<std::string> Worker::run(std::size_t begin, std::size_t end) {
  std::string input;
  for (std::size_t i = begin; i < end; ++i) {
    formatter_.append(input, topic_, batch_[i], std::time(nullptr));
  }
  Backoff backoff;
  for (bool told = false;; told = true) {
    try {
      return runner_.run(options_.command, input, queue_.keep_every(), [&] { queue_.keep(); });
    } catch (const std::system_error& error) {
      // No process, memory or descriptor is left: an outage of this machine.
      if (!told) notices_.warn(std::string("can't start the command (") + error.what() + "): trying again");
      wait({}, Clock::now() + backoff.next(), stop_);
      if (stop_.requested()) return error.what();
      queue_.keep();
    }
  }
}

// Tries a message that has failed again. Returns whether to go on.
bool Worker::retry(std::size_t index, std::string failure) {
  Backoff backoff;
  for (unsigned tries = 0; tries < options_.retries; ++tries) {
    wait({}, Clock::now() + backoff.next(), stop_);
    if (stop_.requested()) return false;
    queue_.keep();
    auto again = run(index, index + 1);
    if (!again) {
      done(index, index + 1);
      return true;
    }
    failure = *again;
  }
  // A stop from the keyboard ends the command too: that is not the message's fault.
  if (stop_.requested()) return false;
  const std::string what = "the command failed for message " + batch_[index].id->str() + " (" + failure + ")";
  if (!options_.dead_letter) {
    queue_.failed(*batch_[index].id);
    throw Error(Failure::command, what + "; it is still to be processed");
  }
  options_.dead_letter(batch_[index]);
  notices_.warn(what + ": put aside as a dead letter");
  done(index, index + 1);
  return true;
}

void Worker::done(std::size_t begin, std::size_t end) {
  std::vector<EntryId> ids;
  for (std::size_t i = begin; i < end; ++i) ids.push_back(*batch_[i].id);
  queue_.done(ids);
  queue_.commit();
}

}  // namespace chat
