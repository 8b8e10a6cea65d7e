#pragma once

#include <string>

#include "redis/reply.h"

/// A reply in the form of its parts, for comparing.
inline std::string shape(chat::ReplyView reply) {
  if (reply.is_nil()) return "nil";
  if (reply.is_error()) return "error " + std::string(reply.text());
  if (reply.is_string()) return "'" + std::string(reply.text()) + "'";
  if (!reply.is_array()) return std::to_string(reply.integer());
  std::string text = "[";
  for (std::size_t i = 0; i < reply.size(); ++i) text += (i > 0 ? ", " : "") + shape(reply[i]);
  return text + "]";
}
