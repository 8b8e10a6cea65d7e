#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace chat {

/// What kind of failure it is: each kind has one exit code, given in cli.cpp.
enum class Failure {
  usage,        ///< the caller asked for something that can't be: a bad URL, name, time or template
  input,        ///< bad input data
  no_topic,     ///< the topic doesn't exist
  unreachable,  ///< Redis can't be reached, or can't do what is asked of it
  denied,       ///< login or permission refused
  file,         ///< a file can't be read or written
  output,       ///< the output can't be written
  again,        ///< gave up for now: an outage was too long, something is in use
  lost,         ///< messages were lost, and the caller wanted to know
  command,      ///< a command failed for good
};

/// The exception of this library for everything that a user has to be told. what() is the whole
/// sentence: what was wrong, with which value, and what to do; without the program's name, without a
/// password, without a final newline.
class Error : public std::runtime_error {
 public:
  Error(Failure failure, const std::string& what) : std::runtime_error(what), failure_(failure) {}
  Failure failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

/// Redis can't do it now: the connection broke or got no answer, or the server refused for the time being
/// (is_temporary). Try again later on a new connection.
class Outage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  Outage(const std::string& what, std::string node) : std::runtime_error(what), node_(std::move(node)) {}
  /// The node of a cluster that it happened at, `host:port`; empty when that is not known.
  const std::string& node() const noexcept { return node_; }

 private:
  std::string node_;
};

/// A stop was requested while a call waited for Redis.
class Stopped {};

/// The reader of an output has gone. That is no error: the program just ends.
class ClosedOutput {};

}  // namespace chat
