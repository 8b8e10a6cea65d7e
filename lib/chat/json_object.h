#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chat {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

/// `a string`, `null`: the kind in a sentence.
const char* name_of(JsonKind kind);

struct JsonValue {
  JsonKind kind = JsonKind::null;
  std::string_view text;   ///< of a string, unescaped; valid only during the call
  std::int64_t whole = 0;  ///< of a number, without its fraction
  bool fits = false;       ///< the number into `whole`

  explicit JsonValue(JsonKind its_kind = JsonKind::null, std::string_view its_text = {})
      : kind(its_kind), text(its_text) {}
  JsonValue(std::int64_t number, bool it_fits) : kind(JsonKind::number), whole(number), fits(it_fits) {}
};

/// Is given the members of a JSON object in their order; a name may come again.
class JsonMembers {
 public:
  virtual ~JsonMembers() = default;
  virtual void member(std::string_view name, const JsonValue& value) = 0;
};

/// Reads one JSON object (RFC 8259, strictly: all of it is valid UTF-8, with whole surrogate pairs), however
/// deep it is nested; a byte order mark before it is passed over. Returns an empty text, or why it is none:
/// `not valid JSON at byte 7` (counted from 1; where the fault was seen, one behind the end when something is
/// missing there), `a number, not a JSON object`. Then some members may have been given.
std::string read_json_object(std::string_view text, JsonMembers& members);

}  // namespace chat
