#include "chat/publish_reply.h"

#include <charconv>

#include "chat/topic.h"
#include "redis/connection.h"

namespace chat {

Position Position::parse(std::string_view text) {
  Position position;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint64_t* value : {&position.sequence, &position.id.ms, &position.id.n}) {
    at = std::from_chars(at, end, *value).ptr;
    if (at != end) ++at;
  }
  return position;
}

PublishReply PublishReply::read(ReplyView reply) {
  expect(reply.size() >= 7, "EVALSHA");
  const auto number = [&reply](std::size_t i) { return static_cast<std::uint64_t>(reply[i].integer()); };
  PublishReply read;
  read.before = Position::parse(reply[0].text());
  read.last = {number(1), {0, number(3)}};
  const std::string_view ms = reply[2].text();
  std::from_chars(ms.data(), ms.data() + ms.size(), read.last.id.ms);
  read.max_len = number(4);
  read.now = std::chrono::milliseconds(reply[5].integer());
  read.gone = number(6);
  if (reply.size() > 7) read.failure = reply[7].text();
  return read;
}

std::string publish_error_text(std::string_view error, std::string_view topic) {
  const std::string name(topic);
  if (error.starts_with("BADINFO ")) {
    const std::string_view rest = error.substr(error.find(' ') + 1);
    const std::size_t space = rest.find(' ');
    const std::string field(rest.substr(0, space));
    const std::string value(space == std::string_view::npos ? "" : rest.substr(space + 1));
    const bool setting = field.starts_with("max_");
    std::string cure = "chat-topics rm " + name + ", then chat-topics add " + name + ", counts anew";
    if (field == "max_len") cure = "chat-topics set " + name + " --max-len N mends it";
    if (field == "max_age") cure = "chat-topics set " + name + " --max-age DURATION mends it";
    return info_key(topic) + " holds " + field + " \"" + value + "\", which is no " +
           (setting ? "such number" : "count") + "; " + cure;
  }
  if (error.starts_with("FULL ")) {
    return stream_key(topic) + " ends with the ID " + std::string(error.substr(error.find(' ') + 1)) +
           ", after which Redis takes nothing; another program has put it there: rename the stream, or "
           "chat-topics rm " +
           name + " --purge deletes it";
  }
  return answer_text(error, "EVALSHA on " + stream_key(topic));
}

}  // namespace chat
