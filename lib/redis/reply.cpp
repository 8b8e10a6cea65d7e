#include "redis/reply.h"

#include <hiredis/hiredis.h>

#include <array>
#include <charconv>
#include <limits>
#include <new>
#include <utility>

namespace chat {

namespace {

using Value = Received::Value;
using Type = Received::Type;

constexpr std::size_t deepest =
    9;  // what hiredis 0.14 takes: 8 arrays in each other, and a value in the last
constexpr std::size_t most_elements = std::size_t{1} << 24U;
constexpr std::size_t longest_line = std::size_t{64} * 1024;
constexpr std::size_t longest_text = std::size_t{512} * 1024 * 1024;  // Redis's own limit
constexpr std::size_t most_kept_room = std::size_t{4} * 1024 * 1024;  // of a buffer that is empty again

}  // namespace

// Puts together what hiredis reads. Nothing is thrown through hiredis, which is C: what went wrong is kept.
class ReplyBuilder {
 public:
  void* text(int type, const char* at, std::size_t size) {
    return guarded([&] {
      if (size > (type == REDIS_REPLY_STRING ? longest_text : longest_line))
        return refuse("a text is too long");
      if (at[size] != '\r' || at[size + 1] != '\n') return refuse("a text goes on behind its end");
      const Received& received = *received_;
      Value value{Type::bulk, static_cast<std::uint32_t>(size), received.texts.size()};
      if (type == REDIS_REPLY_STATUS) value.type = Type::status;
      if (type == REDIS_REPLY_ERROR) value.type = Type::error;
      if (value.type == Type::bulk && type != REDIS_REPLY_STRING) return refuse_type();
      received_->texts.append(at, size);
      return add(value);
    });
  }

  void* array(int type, std::size_t size) {
    return guarded([&] {
      if (type != REDIS_REPLY_ARRAY) return refuse_type();
      if (size > most_elements) return refuse("an array has " + std::to_string(size) + " elements");
      if (depth_ + 1 == deepest) return refuse("arrays are nested too deep");
      const Value value{Type::array, static_cast<std::uint32_t>(size), received_->values.size()};
      if (size == 0) return add(value);
      open_[depth_++] = {pending_.size(), size};
      pending_.push_back(value);
      return done();
    });
  }

  void* integer(long long number) {
    return guarded([&] { return add({Type::integer, 0, static_cast<std::uint64_t>(number)}); });
  }

  void* nil(int type) {
    return guarded([&] { return type == REDIS_REPLY_NIL ? refuse_type() : add({}); });
  }

  void* other() {
    return guarded([&] { return refuse_type(); });
  }

  // Between replies: those that were given keep their memory.
  void begin() {
    if (!pending_.empty()) return;
    if (received_.use_count() > 1 || received_->texts.capacity() > most_kept_room) {
      received_ = std::make_shared<Received>();
    }
    received_->texts.clear();
    received_->values.clear();
  }

  Reply take() {
    received_->values.push_back(pending_.front());
    pending_.clear();
    return Reply(received_);
  }

  [[noreturn]] void fail(const char* what) const {
    if (no_memory_) throw std::bad_alloc();
    throw NoReply(refusal_.empty() ? what : refusal_);
  }

 private:
  // An array that is not complete, and how many of its elements are to come.
  struct Open {
    std::size_t place;
    std::size_t left;
  };

  template <typename Work>
  void* guarded(const Work& work) noexcept {
    try {
      return work() ? this : nullptr;
    } catch (...) {
      no_memory_ = true;
      return nullptr;
    }
  }

  bool done() const { return true; }

  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  bool refuse_type() { return refuse("a value of a type that RESP2 doesn't have"); }

  // An array moves to the others once it is complete, so that its elements stand in a row.
  bool add(const Value& value) {
    pending_.push_back(value);
    while (depth_ > 0 && --open_[depth_ - 1].left == 0) {
      const std::size_t place = open_[--depth_].place;
      std::vector<Value>& values = received_->values;
      pending_[place].place = values.size();
      const auto elements = pending_.begin() + static_cast<std::ptrdiff_t>(place) + 1;
      values.insert(values.end(), elements, pending_.end());
      pending_.erase(elements, pending_.end());
    }
    return true;
  }

  std::shared_ptr<Received> received_ = std::make_shared<Received>();
  std::vector<Value> pending_;  // of arrays that are not complete; empty between replies
  std::array<Open, deepest> open_{};
  std::size_t depth_ = 0;  // of those open
  std::string refusal_;
  bool no_memory_ = false;
};

namespace {

ReplyBuilder& builder(const redisReadTask* task) { return *static_cast<ReplyBuilder*>(task->privdata); }

// An int in hiredis 0.14, a size_t later.
template <typename Size>
void* create_array(const redisReadTask* task, Size size) {
  return builder(task).array(task->type, static_cast<std::size_t>(size));
}

redisReplyObjectFunctions& functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions made{};
    made.createString = [](const redisReadTask* task, char* at, std::size_t size) {
      return builder(task).text(task->type, at, size);
    };
    made.createArray = create_array;
    made.createInteger = [](const redisReadTask* task, long long number) {
      return builder(task).integer(number);
    };
    made.createNil = [](const redisReadTask* task) { return builder(task).nil(task->type); };
#if HIREDIS_MAJOR > 0
    made.createDouble = [](const redisReadTask* task, double, char*, std::size_t) {
      return builder(task).other();
    };
    made.createBool = [](const redisReadTask* task, int) { return builder(task).other(); };
#endif
    return made;
  }();
  return functions;
}

// What hiredis waits for the rest of: a line without its end, or a text after the line with its length.
void check_rest(std::string_view rest) {
  constexpr std::size_t most = longest_line + 2;
  const std::size_t end = rest.substr(0, most).find("\r\n");
  std::size_t size = 0;
  if (end == std::string_view::npos) {
    if (rest.size() >= most) throw NoReply("a line is too long");
  } else if (std::from_chars(rest.data(), rest.data() + end, size).ec != std::errc() || size > longest_text) {
    throw NoReply("a text of " + std::string(rest.substr(0, end)) + " bytes is too long");
  }
}

}  // namespace

struct ReplyReader::State {
  struct Free {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };

  ReplyBuilder builder;
  std::unique_ptr<redisReader, Free> reader{redisReaderCreateWithFunctions(&functions())};
};

std::int64_t ReplyView::integer() const {
  if (is_integer()) return static_cast<std::int64_t>(value_->place);
  std::int64_t number = 0;
  const std::string_view digits = text();
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

ReplyReader::ReplyReader() : state_(std::make_shared<State>()) {
  redisReader* const reader = state_->reader.get();
  if (reader == nullptr) throw std::bad_alloc();
  reader->maxbuf = most_kept_room;
  reader->privdata = &state_->builder;
}

void ReplyReader::feed(std::string_view bytes) {
  if (redisReaderFeed(state_->reader.get(), bytes.data(), bytes.size()) != REDIS_OK) throw std::bad_alloc();
}

std::optional<Reply> ReplyReader::next() {
  auto& [builder, reader] = *state_;
  builder.begin();
  void* complete = nullptr;
  if (redisReaderGetReply(reader.get(), &complete) != REDIS_OK) builder.fail(reader->errstr);
  if (complete != nullptr) return builder.take();
  check_rest({reader->buf + reader->pos, reader->len - reader->pos});
  return std::nullopt;
}

}  // namespace chat
