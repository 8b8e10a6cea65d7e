#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chat/entry_id.h"

namespace chat {

/// One chat message. `text` holds its exact bytes, which need not be UTF-8.
struct Message {
  std::optional<EntryId> id;  ///< absent when it is not part of a topic's history
  std::string user;
  std::string text;
  std::int64_t timestamp = 0;  ///< whole seconds since 1970, as the sender gave it
  std::string pub;             ///< `P-s`, or empty when it has none
};

/// Whether `name` can be a user's: 1 to 64 bytes of UTF-8 without control characters (C0, DEL, C1).
bool valid_user(std::string_view name);

/// Appends `text` as the inside of a JSON string, without the quotes: escaped as JSON demands, everything
/// else as it is. What is not valid UTF-8 becomes U+FFFD.
void append_json_escaped(std::string& out, std::string_view text);

/// Whether append_json_escaped would leave `text` as it is, told fast for ASCII without escapes;
/// may say false for other text.
bool plain_json(std::string_view text);

/// Standard base64 with padding (RFC 4648, section 4).
void append_base64(std::string& out, std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

/// Appends the value of a payload's "message": what stands between its quotes, and for text that is not
/// valid UTF-8 also `", "data": "<base64>`, so that the caller's closing quote ends that.
void append_message_json(std::string& out, std::string_view text);

/// Reads the JSON payload of a channel into `out`, whose strings are reused. `message` (string) must be
/// there, `user` (string), `timestamp` (number; fractions are cut) too; `data` (base64) wins over `message`;
/// unknown fields are ignored. `id` and `pub` are taken only when both are there and well formed: else the
/// message is a plain publisher's, and has none. Returns false with the reason in `why` when it is no chat
/// message.
bool parse_payload(std::string_view json, Message& out, std::string& why);

/// One record of chat-pub's --json input.
struct InputRecord {
  std::string text;
  std::optional<std::string> user;
  std::optional<std::string> topic;
  std::optional<std::int64_t> timestamp;
};

/// Reads a JSON object: `message` (string) or `data` (base64, which wins) must be there; `user`, `topic`,
/// `timestamp` may be; null counts as absent; unknown fields are ignored. Returns false with the reason in
/// `why`, such as `"message" is a number, not a string`.
bool parse_input(std::string_view json, InputRecord& out, std::string& why);

/// Appends a message as one JSON object without a newline: topic, id (when stored), user, message,
/// timestamp, and data when the text is not valid UTF-8; `"key": value` separated by `, ` as in the
/// payload. With `for_terminal` DEL, C1 and bidirectional controls are escaped too.
void append_json(std::string& out, std::string_view topic_name, const Message& said, bool for_terminal);

}  // namespace chat
