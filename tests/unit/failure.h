#pragma once

#include <stdexcept>
#include <string>

#include "base/error.h"
#include "unit/catch.h"

/// The Error that `work` ends with; fails the test when there is none.
template <typename Work>
chat::Error error_of(const Work& work) {
  try {
    work();
  } catch (const chat::Error& error) {
    return error;
  }
  FAIL("no error");
  throw std::logic_error("unreachable");
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
