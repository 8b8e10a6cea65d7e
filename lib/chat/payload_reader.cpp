#include "chat/payload_reader.h"

#include <algorithm>

#include "base/utf8.h"

namespace chat {

namespace {

constexpr std::size_t most_digits = 19;

// What is left of a payload. Each function takes something from its beginning, or returns false.
class Rest {
 public:
  explicit Rest(std::string_view json) : rest_(json) {}

  bool empty() const { return rest_.empty(); }
  const char* at() const { return rest_.data(); }

  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  // Up to a quote, with nothing escaped in it.
  bool take_text(std::string_view& text) {
    const std::size_t plain = utf8::plain_prefix(rest_);
    const std::size_t size = std::min(rest_.find('"', plain), rest_.size());
    text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return size == plain || plain_json(text.substr(plain));
  }
  // Also one that begins with 0, if zeros are allowed; but nothing that might be too large.
  bool take_number(std::uint64_t& number, bool zeros) {
    std::size_t size = 0;
    for (number = 0; size < rest_.size() && rest_[size] >= '0' && rest_[size] <= '9'; ++size) {
      number = 10 * number + static_cast<std::uint64_t>(rest_[size] - '0');
    }
    if (size == 0 || size > most_digits || (rest_.front() == '0' && !zeros)) return false;
    rest_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view rest_;
};

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

struct Place {
  explicit Place(const char* end) : n(end), by(end) {}

  const char* n;   // where it stands; the end, if there is none
  const char* by;  // behind it
  std::optional<EntryId> id;
  std::string_view pub;
  std::size_t publisher = 0;  // so long it is, with its dash
};

bool take_place(Rest& rest, Place& place) {
  EntryId id;
  if (!rest.take(", \"id\": \"") || !rest.take_number(id.ms, true) || !rest.take("-")) return false;
  place.n = rest.at();
  if (!rest.take_number(id.n, true)) return false;
  place.by = rest.at();
  if (!rest.take("\", \"pub\": \"") || !rest.take_text(place.pub) || !rest.take("\"}")) return false;
  const auto pub = PubId::parse(place.pub);
  if (!pub) return false;
  place.id = id;
  place.publisher = pub->publisher.size() + 1;
  return true;
}

}  // namespace

bool PayloadReader::read(std::string_view json) {
  if (like_the_last(json) || plain(json)) return true;
  head_.clear();
  return parse_payload(json, message_, why_);
}

bool PayloadReader::like_the_last(std::string_view json) {
  Rest rest(json);
  std::string_view text;
  if (head_.empty() || !rest.take(head_) || !rest.take_text(text) || !rest.take(middle_)) return false;
  if (!message_.id && !rest.empty()) return false;
  if (message_.id) {
    std::uint64_t n = 0;
    std::uint64_t sequence = 0;
    if (!rest.take_number(n, true) || !rest.take(by_)) return false;
    const char* const digits = rest.at();
    if (!rest.take_number(sequence, false)) return false;
    const std::string_view written = between(digits, rest.at());
    if (!rest.take("\"}") || !rest.empty()) return false;
    message_.id->n = n;
    message_.pub.replace(publisher_, std::string::npos, written);
  }
  message_.text = text;
  return true;
}

bool PayloadReader::plain(std::string_view json) {
  Rest rest(json);
  std::string_view user;
  std::string_view text;
  std::uint64_t time = 0;
  if (!rest.take("{\"user\": \"") || !rest.take_text(user) || !rest.take("\", \"message\": \"")) return false;
  const char* const begin = rest.at();
  if (!rest.take_text(text) || !rest.take("\", \"timestamp\": ") || !rest.take_number(time, false))
    return false;
  const char* const end = json.data() + json.size();
  Place place(end);
  if (!rest.take("}") && !take_place(rest, place)) return false;
  if (!rest.empty() || time > std::uint64_t{INT64_MAX}) return false;
  message_.user = user;
  message_.text = text;
  message_.timestamp = static_cast<std::int64_t>(time);
  message_.id = place.id;
  message_.pub = place.pub;
  head_ = between(json.data(), begin);
  middle_ = between(text.data() + text.size(), place.n);
  publisher_ = place.publisher;
  by_ = place.id ? between(place.by, place.pub.data() + publisher_) : std::string_view();
  return true;
}

}  // namespace chat
