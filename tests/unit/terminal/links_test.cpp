#include "terminal/links.h"

#include <cstdlib>
#include <map>
#include <string>

#include "unit/catch.h"

using namespace chat;

namespace {

// The addresses in a text, each in brackets.
std::string found(const std::string& text) {
  std::string all;
  for (const Link& link : find_links(text)) all += "[" + text.substr(link.begin, link.end - link.begin) + "]";
  return all;
}

// With these variables, and none of the others that are looked at.
bool known(const std::map<std::string, std::string>& variables) {
  for (const char* name : {"TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "STY", "WT_SESSION",
                           "VTE_VERSION", "KONSOLE_VERSION"}) {
    unsetenv(name);
  }
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  return knows_links();
}

}  // namespace

TEST_CASE("web addresses in a text") {
  CHECK(found("see https://example.org/a?b=c#d and http://x.") == "[https://example.org/a?b=c#d][http://x]");
  CHECK(found("(http://a/b), <http://c>; \"http://d\"!") == "[http://a/b][http://c][http://d]");
  CHECK(found("http://a/b_(c) [http://[::1]:8080] http://e))") ==
        "[http://a/b_(c)][http://[::1]:8080][http://e]");
  CHECK(found("http://z\u00fcrich.example/\u65e5\u672c\u3002") ==
        "[http://z\u00fcrich.example/\u65e5\u672c]");
  CHECK(found("https://a,https://b") == "[https://a,https://b]");
  CHECK(found("http:// https://. xhttp://a ftp://a ://a http").empty());
  CHECK(found("http://a\\x1b http://b\\n") == "[http://a][http://b]");
  CHECK(found("http://a" + std::string(2000, 'b')).empty());
}

TEST_CASE("what nobody sees is no part of an address") {
  CHECK(found("http://a\u200bb http://c\u00adb http://d\u3164 http://e\u00a0f") ==
        "[http://a][http://c][http://d][http://e]");
  CHECK(found("http://a\xff http://b\x1b]8;; http://c\x07 http://d\x7f") ==
        "[http://a][http://b][http://c][http://d]");
}

TEST_CASE("between the edges of a link stands printable ASCII alone") {
  CHECK(link_start("http://a/%41;b") == "\x1b]8;;http://a/%41;b\x1b\\");
  CHECK(link_start("http://\u00e9") == "\x1b]8;;http://%C3%A9\x1b\\");
  for (int value = 0; value < 256; ++value) {
    const std::string start = link_start("http://" + std::string(1, static_cast<char>(value)));
    for (const char c : start.substr(5, start.size() - 7)) CHECK((c > ' ' && c < 0x7f));
  }
}

TEST_CASE("terminals that know links") {
  CHECK_FALSE(known({}));
  CHECK_FALSE(known({{"TERM", "xterm-256color"}}));
  CHECK(known({{"TERM", "xterm-kitty"}}));
  CHECK(known({{"TERM", "xterm-256color"}, {"VTE_VERSION", "6800"}}));
  CHECK_FALSE(known({{"TERM", "xterm-256color"}, {"VTE_VERSION", "5000"}}));
  CHECK(known({{"TERM", "xterm-256color"}, {"KONSOLE_VERSION", "220401"}}));
  CHECK(known({{"TERM_PROGRAM", "vscode"}}));
  CHECK(known({{"WT_SESSION", "x"}}));
  CHECK_FALSE(known({{"TERM", "screen"}, {"VTE_VERSION", "6800"}}));
  CHECK_FALSE(known({{"TERM", "xterm"}, {"TMUX", "/tmp/x"}, {"VTE_VERSION", "6800"}}));
  CHECK_FALSE(known({{"TMUX", "x"}, {"TERM_PROGRAM", "tmux"}, {"TERM_PROGRAM_VERSION", "3.3a"}}));
  CHECK(known({{"TMUX", "x"}, {"TERM_PROGRAM", "tmux"}, {"TERM_PROGRAM_VERSION", "3.4"}}));
  CHECK_FALSE(known({}));
}
