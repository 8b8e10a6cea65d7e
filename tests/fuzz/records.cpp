// Records beside a naive splitter, from a pipe that gives them in pieces.
#include "base/record_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace {

using namespace chat;
using Split = RecordReader::Split;

struct Piece {
  std::string text;
  bool separated;
  bool too_long;

  bool operator==(const Piece&) const = default;
};

std::vector<Piece> split(std::string_view bytes, Split how, std::size_t most) {
  std::vector<Piece> pieces;
  const auto add = [&](std::string_view text, bool separated) {
    pieces.push_back(
        {std::string(text.substr(0, most)), separated && text.size() <= most, text.size() > most});
  };
  if (how == Split::whole) {
    add(bytes, false);
    return pieces;
  }
  const char separator = how == Split::null ? '\0' : '\n';
  while (!bytes.empty()) {
    const std::size_t end = bytes.find(separator);
    add(bytes.substr(0, end), end != bytes.npos);
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
  }
  return pieces;
}

// A file descriptor that gives these bytes, some at a time.
class Source {
 public:
  Source(std::string_view bytes, std::size_t at_once) : rest_(bytes), at_once_(at_once) {
    fuzz::check(pipe2(ends_, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
  }
  ~Source() {
    close(ends_[0]);
    if (ends_[1] >= 0) close(ends_[1]);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  int fd() const { return ends_[0]; }
  void more() {
    const std::string_view piece = rest_.substr(0, at_once_);
    const ssize_t written = write(ends_[1], piece.data(), piece.size());
    if (written > 0) rest_.remove_prefix(static_cast<std::size_t>(written));
    if (!rest_.empty() || ends_[1] < 0) return;
    close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
  std::string_view rest_;
  std::size_t at_once_;
};

void try_records(std::string_view input) {
  fuzz::Input pieces(input);
  const auto how = static_cast<Split>(pieces.up_to(2));
  const std::size_t most = 1 + pieces.up_to(99);
  const std::size_t at_once = 1 + std::size_t{pieces.byte()} * 17;
  const std::string_view bytes = pieces.rest();
  std::vector<Piece> read;
  Source source(bytes, at_once);
  RecordReader reader(source.fd(), how, most);
  std::uint64_t number = 0;
  while (true) {
    while (const auto record = reader.next()) {
      fuzz::check(record->number == ++number, "counted from 1");
      read.push_back({std::string(record->text), record->separated, record->too_long});
    }
    if (reader.ended()) break;
    source.more();
    reader.fill();
  }
  const std::vector<Piece> expected = split(bytes, how, most);
  fuzz::check(read.size() == expected.size(), "so many records", std::to_string(read.size()));
  for (std::size_t i = 0; i < read.size(); ++i) {
    fuzz::check(read[i].text == expected[i].text, "a record's text", read[i].text);
    fuzz::check(read[i].too_long == expected[i].too_long, "whether it is too long", read[i].text);
    fuzz::check(read[i].too_long || read[i].separated == expected[i].separated, "its separator",
                read[i].text);
  }
}

const fuzz::Target target("records", &try_records);

}  // namespace
