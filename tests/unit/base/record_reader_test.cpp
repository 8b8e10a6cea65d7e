#include "base/record_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <ostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "unit/catch.h"

using chat::RecordReader;
using Split = chat::RecordReader::Split;

namespace {

struct Pipe {
  int in = -1;
  int out = -1;
  Pipe() {
    int fds[2];
    REQUIRE(pipe(fds) == 0);
    in = fds[0];
    out = fds[1];
  }
  ~Pipe() {
    close(in);
    close_out();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void write(std::string_view bytes) const {
    REQUIRE(::write(out, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void close_out() {
    if (out >= 0) close(out);
    out = -1;
  }
};

struct Got {
  std::string text;
  std::uint64_t number;
  bool too_long;
  bool operator==(const Got&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Got& got) {
  return out << got.number << (got.too_long ? " too long: '" : ": '") << got.text << "'";
}

using All = std::vector<Got>;

void drain(RecordReader& records, All& all) {
  while (const auto record = records.next()) {
    all.push_back({std::string(record->text), record->number, record->too_long});
  }
}

// The records of the pieces, each of which is read by one fill().
All read_all(const std::vector<std::string>& pieces, Split split, std::size_t max_size) {
  Pipe pipe;
  RecordReader records(pipe.in, split, max_size);
  All all;
  for (const std::string& piece : pieces) {
    if (piece.empty()) continue;
    pipe.write(piece);
    records.fill();
    drain(records, all);
  }
  CHECK(!records.ended());
  pipe.close_out();
  records.fill();
  CHECK(records.ended());
  drain(records, all);
  CHECK(!records.next());
  return all;
}

// However the input is cut into two reads, or comes byte by byte, the records are the same.
void check_every_cut(const std::string& input, Split split, std::size_t max_size, const All& expected) {
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    CHECK(read_all({input.substr(0, cut), input.substr(cut)}, split, max_size) == expected);
  }
  std::vector<std::string> bytes;
  for (const char c : input) bytes.emplace_back(1, c);
  CHECK(read_all(bytes, split, max_size) == expected);
}

}  // namespace

TEST_CASE("records end with a newline") {
  check_every_cut("one\n\ntwo\r\n\n", Split::newline, 100,
                  {{"one", 1, false}, {"", 2, false}, {"two\r", 3, false}, {"", 4, false}});
}

TEST_CASE("a last record needs no newline") {
  check_every_cut("one\ntwo", Split::newline, 100, {{"one", 1, false}, {"two", 2, false}});
}

TEST_CASE("an empty input has no records") { check_every_cut("", Split::newline, 100, {}); }

TEST_CASE("records may end with NUL") {
  using namespace std::string_literals;
  check_every_cut("a\nb\0\0c"s, Split::null, 100, {{"a\nb", 1, false}, {"", 2, false}, {"c", 3, false}});
  check_every_cut("a\0b\n"s, Split::newline, 100, {{"a\0b"s, 1, false}});
}

TEST_CASE("the whole input may be one record") {
  using namespace std::string_literals;
  check_every_cut("a\nb\0c\n"s, Split::whole, 100, {{"a\nb\0c\n"s, 1, false}});
  check_every_cut("", Split::whole, 100, {{"", 1, false}});
  check_every_cut("abcd", Split::whole, 4, {{"abcd", 1, false}});
  check_every_cut("abcde\nf", Split::whole, 4, {{"abcd", 1, true}});
}

TEST_CASE("a record that is too long is told once and dropped") {
  check_every_cut(
      "abcd\nabcde\nabcdefghij\n\nx", Split::newline, 4,
      {{"abcd", 1, false}, {"abcd", 2, true}, {"abcd", 3, true}, {"", 4, false}, {"x", 5, false}});
  check_every_cut("abcdefgh", Split::newline, 4, {{"abcd", 1, true}});
  check_every_cut("ab\nabcde\n", Split::newline, 1, {{"a", 1, true}, {"a", 2, true}});
}

TEST_CASE("long records come through pieces of 64 KiB") {
  const std::string piece(65536, 'x');
  const std::string line = piece + piece + piece + piece + piece;
  const std::vector<std::string> pieces = {"short\n", piece, piece, piece, piece, piece, "\nlast\n"};
  CHECK(read_all(pieces, Split::newline, line.size()) ==
        All{{"short", 1, false}, {line, 2, false}, {"last", 3, false}});
  CHECK(read_all(pieces, Split::newline, line.size() - 1) ==
        All{{"short", 1, false}, {line.substr(1), 2, true}, {"last", 3, false}});
  CHECK(read_all(pieces, Split::newline, SIZE_MAX) ==
        All{{"short", 1, false}, {line, 2, false}, {"last", 3, false}});
}

TEST_CASE("records that wait stay while more is read") {
  Pipe pipe;
  RecordReader records(pipe.in, Split::newline, 100000);
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string line(20000, static_cast<char>('a' + i));
    expected += line;
    pipe.write(line + "\n");
    records.fill();
  }
  std::string text;
  while (const auto record = records.next()) text += record->text;
  CHECK(text == expected);
}

TEST_CASE("nothing to read is no record and no end") {
  Pipe pipe;
  REQUIRE(fcntl(pipe.in, F_SETFL, O_NONBLOCK) == 0);
  RecordReader records(pipe.in, Split::newline, 100);
  records.fill();
  CHECK(!records.ended());
  CHECK(!records.next());
  pipe.write("a\n");
  records.fill();
  CHECK(records.next()->text == "a");
}

TEST_CASE("a read error tells the reason") {
  const int fd = open("/", O_RDONLY | O_DIRECTORY);
  REQUIRE(fd >= 0);
  RecordReader records(fd, Split::newline, 100);
  const std::string expected = "can't read file descriptor " + std::to_string(fd) + ": Is a directory";
  try {
    records.fill();
    FAIL("read a directory");
  } catch (const chat::Error& error) {
    CHECK(error.failure() == chat::Failure::input);
    CHECK(error.what() == expected);
  }
  close(fd);
}

TEST_CASE("the part of a file that was read") {
  FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fputs("skipped\n1234\n678\n", file);
  std::fflush(file);
  lseek(fileno(file), 8, SEEK_SET);
  RecordReader records(fileno(file), RecordReader::Split::newline, 100);
  CHECK(records.part_read() == 0.0);
  records.fill();
  CHECK(records.next()->text == "1234");
  CHECK(records.part_read() == 5.0 / 9);
  CHECK(records.next()->text == "678");
  CHECK(records.part_read() == 1.0);
  std::fclose(file);
}
