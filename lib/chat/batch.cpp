#include "chat/batch.h"

#include <utility>

#include "chat/message.h"
#include "redis/connection.h"

namespace chat {

namespace {

constexpr std::size_t batch_messages = 128;
constexpr std::size_t batch_bytes = std::size_t{64} * 1024;
constexpr std::size_t count_digits = 6;
constexpr std::size_t run_arguments = 5;

}  // namespace

BatchBuilder::BatchBuilder(std::size_t topic, std::string_view name, std::string_view publish_command)
    : topic_(topic) {
  if (publish_command.empty()) return;
  append_array_header(publish_command_, 3);
  append_bulk(publish_command_, publish_command);
  append_bulk(publish_command_, name);
}

bool BatchBuilder::full() const {
  return batch_.records.size() >= batch_messages || batch_.body.size() >= batch_bytes;
}

Batch BatchBuilder::take() {
  batch_.bytes = batch_.body.size();
  return std::exchange(batch_, {});
}

std::size_t BatchBuilder::add(std::uint64_t sequence, std::string_view user, std::int64_t timestamp,
                              std::string_view text, std::uint64_t record, const Batch* like) {
  const bool plain = plain_json(text);
  const bool first = batch_.records.empty();
  const std::size_t size = batch_.body.size();
  if (first) {
    batch_.topic = topic_;
    batch_.first_sequence = sequence;
  }
  if (first && like != nullptr) {
    batch_.records.reserve(like->records.size());
    batch_.body.reserve(like->bytes);
  }
  if (first || run_.plain != plain || run_.timestamp != timestamp || run_.user != user) {
    start_run(user, timestamp, plain);
  }
  batch_.records.push_back(record);
  append_message(text, plain);
  return batch_.body.size() - size;
}

void BatchBuilder::start_run(std::string_view user, std::int64_t timestamp, bool plain) {
  run_.user = user;
  run_.timestamp = timestamp;
  run_.plain = plain;
  run_.count = 0;
  run_.head = "{\"user\": \"";
  append_json_escaped(run_.head, user);
  run_.head += "\", \"message\": \"";
  run_.tail = "\", \"timestamp\": " + std::to_string(timestamp) + "}";
  if (ephemeral()) return;
  std::string& body = batch_.body;
  append_bulk(body, std::string(count_digits, '0'));
  run_.count_at = body.size() - 2 - count_digits;
  append_bulk(body, plain ? "1" : "0");
  append_bulk(body, user);
  append_bulk(body, run_.head);
  append_bulk(body, std::to_string(timestamp));
  batch_.arguments += run_arguments;
}

void BatchBuilder::append_message(std::string_view text, bool plain) {
  std::string_view json = text;
  if (!plain) {
    scratch_.clear();
    append_message_json(scratch_, text);
    json = scratch_;
  }
  if (ephemeral()) {
    batch_.body += publish_command_;
    append_bulk(batch_.body, {run_.head, json, run_.tail});
    return;
  }
  ++run_.count;
  std::size_t value = run_.count;
  for (std::size_t i = count_digits; value > 0; value /= 10) {
    batch_.body[run_.count_at + --i] = static_cast<char>('0' + value % 10);
  }
  append_bulk(batch_.body, text);
  ++batch_.arguments;
  if (plain) return;
  append_bulk(batch_.body, json);
  ++batch_.arguments;
}

}  // namespace chat
