// IDs and names: what is taken is written as it was read, by plain rules that are told here once more.
#include "chat/entry_id.h"

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"
#include "chat/message.h"
#include "chat/topic.h"
#include "fuzz/target.h"

namespace {

using namespace chat;

// Digits that fit into 64 bits; leading zeros count for nothing.
bool is_number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return false;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  return text.size() < 20 || (text.size() == 20 && text <= "18446744073709551615");
}

bool is_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  return is_number(text.substr(0, dash)) && (dash == text.npos || is_number(text.substr(dash + 1)));
}

void try_id(std::string_view input) {
  const auto id = EntryId::parse(input, 7);
  fuzz::check(id.has_value() == is_id(input), "an ID or none", input);
  if (id) {
    fuzz::check(EntryId::parse(id->str()) == id, "an ID comes back", input);
    fuzz::check(before(*id) < *id || *id == first_id, "the one before is less", input);
  }
  if (const auto pub = PubId::parse(input)) {
    fuzz::check(valid_publisher(pub->publisher) && pub->sequence > 0, "a pub's parts", input);
    fuzz::check(PubId::parse(std::string(pub->publisher) + "-" + std::to_string(pub->sequence)) == pub,
                "a pub comes back", input);
  }
  const bool topic = valid_topic(input);
  if (topic) {
    fuzz::check(!input.empty() && input.size() <= 128 && input.front() != '-' && fuzz::harmless(input) &&
                    input.find_first_of(" {}*?[]\\\"'$`;&|<>()\xff") == input.npos,
                "a topic's name is harmless", input);
  }
  try {
    check_topic(input);
    fuzz::check(topic, "one that can't be a topic is told", input);
  } catch (const Error& error) {
    fuzz::check(!topic && error.failure() == Failure::usage, "one that can be a topic is taken", input);
  }
  fuzz::check(!valid_user(input) || (input.size() <= 64 && input.find_first_of("\n\t\x1b\x7f") == input.npos),
              "a user", input);
  fuzz::check(near_names(input, {"topic1", "topic2", "team/ops"}).size() <= 3, "few names", input);
}

const fuzz::Target target("ids", &try_id);

}  // namespace
