// The reader of Redis's protocol: in whatever pieces bytes come, it says the same as at once, and the same as
// hiredis's own, but for what it refuses. Replies that were given stay as they were.
#include "redis/reply.h"

#include <hiredis/hiredis.h>

#include <memory>
#include <vector>

#include "fuzz/target.h"

namespace {

using namespace chat;

std::string text_of(ReplyView view) {
  if (view.is_integer()) return ":" + std::to_string(view.integer()) + "\n";
  if (view.is_error()) return "-" + std::string(view.text()) + "\n";
  if (view.is_string()) return "$" + std::string(view.text()) + "\n";
  if (!view.is_array()) return "_\n";
  std::string text = "*" + std::to_string(view.size()) + "\n";
  for (std::size_t i = 0; i < view.size(); ++i) text += text_of(view[i]);
  fuzz::check(view[view.size()].is_nil(), "behind the end is nil");
  return text;
}

std::string text_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      return ":" + std::to_string(reply.integer) + "\n";
    case REDIS_REPLY_ERROR:
      return "-" + std::string(reply.str, static_cast<std::size_t>(reply.len)) + "\n";
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      return "$" + std::string(reply.str, static_cast<std::size_t>(reply.len)) + "\n";
    case REDIS_REPLY_ARRAY:
      break;
    default:
      return "_\n";
  }
  std::string text = "*" + std::to_string(reply.elements) + "\n";
  for (std::size_t i = 0; i < reply.elements; ++i) text += text_of(*reply.element[i]);
  return text;
}

struct Read {
  std::vector<std::string> replies;
  std::string refusal;  // empty: none
};

// first: the size of the first piece, from 1; the others are as large, or larger.
Read read(std::string_view bytes, std::size_t first, std::size_t more) {
  Read read;
  std::vector<Reply> kept;
  ReplyReader reader;
  try {
    for (std::size_t size = first; !bytes.empty(); size += more) {
      reader.feed(bytes.substr(0, size));
      bytes.remove_prefix(std::min(size, bytes.size()));
      while (auto reply = reader.next()) {
        read.replies.push_back(text_of(reply->view()));
        kept.push_back(*std::move(reply));
      }
    }
  } catch (const NoReply& no) {
    read.refusal = no.what();
    fuzz::check(!read.refusal.empty(), "a refusal says why");
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    fuzz::check(text_of(kept[i].view()) == read.replies[i], "a reply stays as it was", read.replies[i]);
  }
  return read;
}

Read read_by_hiredis(std::string_view bytes) {
  Read read;
  const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreate(), &redisReaderFree);
  redisReaderFeed(reader.get(), bytes.data(), bytes.size());
  while (true) {
    void* reply = nullptr;
    if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK) read.refusal = reader->errstr;
    if (reply == nullptr) return read;
    read.replies.push_back(text_of(*static_cast<redisReply*>(reply)));
    freeReplyObject(reply);
  }
}

void try_replies(std::string_view input) {
  fuzz::Input pieces(input);
  const std::size_t first = 1 + pieces.up_to(99);
  const std::size_t more = pieces.up_to(3);
  const std::string_view bytes = pieces.rest();
  const Read whole = read(bytes, bytes.size() + 1, 0);
  const Read parts = read(bytes, first, more);
  fuzz::check(whole.replies == parts.replies, "pieces say the same");
  fuzz::check(whole.refusal.empty() == parts.refusal.empty(), "pieces are refused the same way",
              whole.refusal);
  // It may give memory for what is only announced.
  if (bytes.find('*') != bytes.npos && bytes.find_first_of("%~>|") != bytes.npos) return;
  for (std::size_t at = 0; (at = bytes.find('*', at)) != bytes.npos; ++at) {
    if (at + 6 < bytes.size() && bytes.substr(at + 1, 6).find_first_not_of("0123456789") == bytes.npos)
      return;
  }
  const Read other = read_by_hiredis(bytes);
  const std::size_t both = std::min(whole.replies.size(), other.replies.size());
  for (std::size_t i = 0; i < both; ++i) {
    fuzz::check(whole.replies[i] == other.replies[i], "hiredis reads the same", other.replies[i]);
  }
  if (whole.replies.size() < other.replies.size())
    fuzz::check(!whole.refusal.empty(), "it is told", other.replies[both]);
  fuzz::check(whole.replies.size() <= other.replies.size(), "hiredis takes it too", other.refusal);
}

const fuzz::Target target("reply", &try_replies);

}  // namespace
