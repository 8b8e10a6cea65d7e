#include "chat/input_pump.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"
#include "chat/message.h"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr auto time_to_write = 5s;
// So much of --rate is made up for: waiting is no finer than a millisecond.
constexpr auto late_at_most = 10ms;

constexpr std::size_t longest_typed_line = 4095;

class InputPump {
 public:
  InputPump(RecordReader& records, Publisher& publisher, const InputPumpOptions& options)
      : records_(records), publisher_(publisher), options_(options) {
    // Where there is something to publish already, that finds out whether the topic is there.
    const bool plain = !options_.json && !options_.tee && !options_.skip_empty;
    if (options_.topic && plain && has_input()) topic_ = publisher_.topic_unseen(*options_.topic);
    if (options_.topic && !topic_) topic_ = publisher_.topic(*options_.topic);
  }

  std::uint64_t run(const StopToken& stop) {
    try {
      publish(stop);
    } catch (const Error& error) {
      if (error.failure() != Failure::output) flush_rest();  // the IDs of what was acknowledged
      if (error.failure() != Failure::output || !has_more()) throw;
      fail(Failure::output, error.what(), publisher_.first_unacknowledged().value_or(read_ + 1));
    }
    return bad_;
  }

 private:
  void publish(const StopToken& stop) {
    while (!stop.requested() && !ended_ && !output_closed_) {
      take_records();
      publisher_.flush();
      publisher_.step(0);
      flush_output();
      if (options_.reached) options_.reached(read_);
      if (ended_) break;
      if (needs_input_ || not_due_ || !publisher_.has_room()) wait_and_step(stop);
    }
    finish_what_was_read();
    flush_rest();
    if (options_.reached) options_.reached(read_);
    if (stop.requested() && !ended_ && has_input()) {
      if (const auto next = records_.next()) fail(Failure::again, "stopped", next->number);
    }
    if (output_closed_ && has_more()) fail(Failure::output, "nobody reads the output any more", read_ + 1);
  }

  // With a rate only what its time had come for: the rest would be a burst.
  void finish_what_was_read() {
    do {
      if (!publisher_.finish(no_deadline)) {
        fail(Failure::again, "stopped", publisher_.first_unacknowledged().value_or(0));
      }
    } while (!ended_ && options_.rate <= 0 && take_records());
  }

  [[noreturn]] void fail(Failure failure, const std::string& why, std::uint64_t record) const {
    throw Error(failure, why + publisher_.unacknowledged(record));
  }

  // Reads what there is, without waiting. Returns whether it is more than an end.
  bool has_input() {
    pollfd input{records_.fd(), POLLIN, 0};
    if (!records_.ended() && wait({&input, 1}, Clock::now(), {}) > 0) records_.fill();
    return records_.has_bytes();
  }

  bool has_more() { return has_input() || !records_.ended(); }

  // When nobody reads it any more, the run ends with what was read. Returns false when a stop came before all
  // was written.
  bool flush_output(bool only_if_large = false) {
    if (options_.output == nullptr) return true;
    bool all = true;
    try {
      if (!output_closed_) all = only_if_large ? options_.output->flush_if_large() : options_.output->flush();
    } catch (const ClosedOutput&) {
      output_closed_ = true;
    }
    if (output_closed_) options_.output->buffer().clear();
    return all;
  }

  // After a stop too there is some time for it, as for what is not acknowledged.
  void flush_rest() {
    const Deadline deadline = Clock::now() + time_to_write;
    while (!flush_output() && Clock::now() < deadline) {
      pollfd room{options_.output->fd(), POLLOUT, 0};
      wait({&room, 1}, deadline, {});
    }
  }

  // Returns whether any was taken.
  bool take_records() {
    bool any = false;
    needs_input_ = false;
    not_due_ = false;
    // Not time(2), whose clock may lag behind by some milliseconds.
    now_ =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
    while (publisher_.has_room()) {
      if (!due()) {
        not_due_ = true;
        break;
      }
      const auto record = records_.next();
      if (!record) {
        needs_input_ = !records_.ended();
        ended_ = records_.ended();
        break;
      }
      any = true;
      take(*record);
      read_ = record->number;
      if (ended_) break;
    }
    return any;
  }

  bool due() const { return options_.rate <= 0 || Clock::now() >= next_due_; }

  void take(const RecordReader::Record& record) {
    if (options_.tee) {
      options_.output->buffer().append(record.text);
      if (record.separated) options_.output->buffer().push_back(options_.separator);
      flush_output(true);
    }
    if (options_.cut && record.text.size() == longest_typed_line) options_.cut(record.number);
    if (options_.skip_empty && record.text.empty()) return;
    if (record.too_long) return refuse_too_long(record.number);
    if (options_.json) {
      if (record.text.find_first_not_of(" \t\r") == std::string_view::npos) return;
      take_json(record);
    } else {
      add(*topic_, options_.user, now_, record.text, record.number);
    }
  }

  void take_json(const RecordReader::Record& record) {
    if (!parse_input(record.text, input_, why_)) return refuse(record.number, why_);
    if (input_.text.size() > options_.max_size) return refuse_too_long(record.number);
    std::size_t topic = topic_.value_or(0);
    if (!options_.topic) {
      if (!input_.topic) return refuse(record.number, "no \"topic\", and none was given");
      try {
        topic = publisher_.topic(*input_.topic);
      } catch (const Stopped&) {
        throw Error(Failure::again, "stopped" + publisher_.unacknowledged(record.number));
      } catch (const Error& error) {
        if (error.failure() == Failure::again && !publisher_.first_unacknowledged()) {
          throw Error(Failure::again, error.what() + publisher_.unacknowledged(record.number));
        }
        if (error.failure() != Failure::no_topic && error.failure() != Failure::usage) throw;
        return refuse(record.number, error.what());
      }
    }
    add(topic, input_.user.value_or(options_.user), input_.timestamp.value_or(now_), input_.text,
        record.number);
  }

  void add(std::size_t topic, std::string_view user, std::int64_t timestamp, std::string_view text,
           std::uint64_t number) {
    publisher_.add(topic, user, timestamp, text, number);
    if (options_.rate <= 0) return;
    const auto gap =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.rate));
    next_due_ = std::max(next_due_, Clock::now() - late_at_most) + gap;
  }

  void refuse_too_long(std::uint64_t number) {
    refuse(number, "longer than " + std::to_string(options_.max_size) + " bytes (--max-size)");
  }

  void refuse(std::uint64_t number, const std::string& why) {
    ++bad_;
    if (options_.bad) options_.bad(number, why);
    if (options_.stop_at_bad) ended_ = true;
  }

  void wait_and_step(const StopToken& stop) {
    std::array<pollfd, 2> fds{pollfd{needs_input_ ? records_.fd() : -1, POLLIN, 0},
                              pollfd{publisher_.fd(), publisher_.events(), 0}};
    const Deadline deadline = not_due_ ? next_due_ : no_deadline;
    wait(fds, std::min(deadline, publisher_.deadline()), stop);
    if (fds[0].revents != 0) records_.fill();
    publisher_.step(fds[1].revents);
  }

  RecordReader& records_;
  Publisher& publisher_;
  const InputPumpOptions& options_;
  std::optional<std::size_t> topic_;
  bool needs_input_ = false;  // nothing more can be taken before the input was read again
  bool not_due_ = false;      // the next message is not due yet
  bool ended_ = false;
  std::int64_t now_ = 0;  // the time of messages that bring none
  bool output_closed_ = false;
  std::uint64_t bad_ = 0;
  std::uint64_t read_ = 0;
  Deadline next_due_{};
  InputRecord input_;
  std::string why_;
};

}  // namespace

std::size_t longest_record(const InputPumpOptions& options) {
  // A byte takes 6 as \u0000, and one that is not UTF-8 up to 6 as \ufffd and then 4/3 as base64.
  constexpr std::size_t around = std::size_t{64} * 1024;
  return options.json ? 8 * options.max_size + around : options.max_size;
}

std::uint64_t pump_input(RecordReader& records, Publisher& publisher, const InputPumpOptions& options,
                         const StopToken& stop) {
  return InputPump(records, publisher, options).run(stop);
}

}  // namespace chat
