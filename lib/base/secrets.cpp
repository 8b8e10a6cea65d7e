#include "base/secrets.h"

#include <algorithm>
#include <string_view>

namespace chat {

void hide_password(std::span<char> url) {
  const std::string_view text(url.data(), url.size());
  const std::size_t scheme = text.find("://");
  const std::size_t colon = text.find(':', scheme == text.npos ? 0 : scheme + 3);
  const std::size_t at = text.rfind('@');
  if (colon == text.npos || at == text.npos || at < colon) return;
  std::ranges::fill(url.subspan(colon + 1, at - colon - 1), '*');
}

std::string without_passwords(std::string text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::span<char> word(text.data() + begin, end - begin);
    if (std::string_view(word.data(), word.size()).find("://") != std::string_view::npos) hide_password(word);
    begin = end + 1;
  }
  return text;
}

}  // namespace chat
