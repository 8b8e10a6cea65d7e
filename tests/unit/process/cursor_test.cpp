#include "process/cursor.h"

#include <filesystem>

#include "base/error.h"
#include "chat/entry_id.h"
#include "unit/failure.h"
#include "unit/folder.h"

using namespace chat;
namespace fs = std::filesystem;

namespace {

std::vector<Anchor> at(EntryId id) { return {{id, {}}}; }

}  // namespace

TEST_CASE("a cursor holds an ID and a newline") {
  const Folder folder;
  const std::string path = folder / "cursor";
  Cursor cursor(path);
  CHECK(cursor.load().empty());
  cursor.save(at({1732400000000, 12345}));
  CHECK(content(path) == "1732400000000-12345\n");
  CHECK(cursor.load() == at({1732400000000, 12345}));
  cursor.save(at({7, 1}));
  CHECK(content(path) == "7-1\n");
  CHECK_FALSE(fs::exists(path + ".part"));
}

TEST_CASE("a cursor holds who published the last message, and some before it") {
  const Folder folder;
  const std::string path = folder / "cursor";
  Cursor cursor(path);
  const std::vector<Anchor> done{{{7, 12}, "ana-5"}, {{7, 11}, ""}, {{6, 3}, "b.-n_-1"}};
  cursor.save(done);
  CHECK(content(path) == "7-12 ana-5\n7-11\n6-3 b.-n_-1\n");
  CHECK(cursor.load() == done);
  // The longest that there can be.
  std::vector<Anchor> many;
  for (std::uint64_t n = UINT64_MAX; many.size() < 32; --n)
    many.push_back({{UINT64_MAX, n}, std::string(64, 'P') + "-18446744073709551615"});
  cursor.save(many);
  CHECK(cursor.load() == many);
}

TEST_CASE("a cursor reads what other programs wrote") {
  const Folder folder;
  const std::string path = folder / "cursor";
  const Cursor cursor(path);
  write_file(path, "");
  CHECK(cursor.load().empty());
  write_file(path, "\n");
  CHECK(cursor.load().empty());
  write_file(path, "5-6");
  CHECK(cursor.load() == at({5, 6}));
}

TEST_CASE("a cursor refuses what is no ID, and leaves it there") {
  const Folder folder;
  const std::string path = folder / "cursor";
  const Cursor cursor(path);
  for (const std::string& junk :
       {std::string("hello\n"), std::string("1-2 \n"), std::string("1-2\n\n"), std::string("1-2\n3-4\n"),
        std::string(200, '1'), std::string("3-4 ana\n"), std::string("3-4  a-1\n"), std::string("3-4 a-1"),
        std::string("3-4 a-1 \n"), std::string("3-4 a-1\n3-3 a-"), std::string("3-4 a-1\n3-3"),
        std::string("3-4 a-1\n3-4 a-1\n"), std::string("3-4 begin\n"), std::string("3-4 start"),
        std::string("3-4 start\n3-3\n"), std::string("3-4 a-1\n3-3 start\n"), std::string("3-4 a-1\n\n"),
        std::string(9000, '\n'), std::string(1, '\0')}) {
    INFO(junk);
    write_file(path, junk);
    const Error error = error_of([&] { cursor.load(); });
    CHECK(error.failure() == Failure::input);
    CHECK(has(error.what(), path));
    CHECK(content(path) == junk);
  }
}

TEST_CASE("one cursor has one run at a time") {
  const Folder folder;
  const std::string path = folder / "cursor";
  {
    Cursor cursor(path);
    const Error error = error_of([&] { const Cursor second(path); });
    CHECK(error.failure() == Failure::again);
    CHECK(has(error.what(), path + " is in use"));
    cursor.save(at({1, 1}));
    CHECK(error_of([&] { const Cursor second(path); }).failure() == Failure::again);
    CHECK_NOTHROW(Cursor(folder / "other"));
  }
  CHECK(Cursor(path).load() == at({1, 1}));
}

TEST_CASE("a symbolic link to a cursor stays one") {
  const Folder folder;
  const std::string path = folder / "cursor";
  const std::string link = folder / "link";
  write_file(path, "1-1\n");
  fs::create_symlink("cursor", link);
  Cursor cursor(link);
  CHECK(cursor.load() == at({1, 1}));
  cursor.save(at({2, 2}));
  CHECK(fs::is_symlink(link));
  CHECK(content(path) == "2-2\n");
  CHECK(error_of([&] { const Cursor same(path); }).failure() == Failure::again);
}

TEST_CASE("a cursor that can't be written says so") {
  const Folder folder;
  CHECK(error_of([&] { const Cursor cursor(folder / "missing/cursor"); }).failure() == Failure::file);

  fs::create_directory(folder / "gone");
  Cursor cursor(folder / "gone/cursor");
  fs::remove_all(folder / "gone");
  const Error error = error_of([&] { cursor.save(at({1, 1})); });
  CHECK(error.failure() == Failure::file);
  CHECK(has(error.what(), "No such file or directory"));
}

TEST_CASE("a cursor that can't be kept is found out at once") {
  const Folder folder;
  const std::string long_name(252, 'x');  // FILE.part is too long
  const Error error = error_of([&] { const Cursor cursor(folder / long_name); });
  CHECK(error.failure() == Failure::file);
  fs::create_directories(folder / "cursor.part/in-the-way");
  CHECK(error_of([&] { const Cursor cursor(folder / "cursor"); }).failure() == Failure::file);
  CHECK_FALSE(fs::exists(folder / "cursor"));
}

TEST_CASE("a stranger's links are not followed") {
  const Folder folder;
  write_file(folder / "victim", "precious\n");
  fs::create_symlink("victim", folder / "cursor.part");
  {
    Cursor cursor(folder / "cursor");
    cursor.save(at({1, 1}));
  }
  CHECK(content(folder / "victim") == "precious\n");
  CHECK(content(folder / "cursor") == "1-1\n");
  CHECK_FALSE(fs::is_symlink(folder / "cursor"));
  fs::create_symlink("nowhere", folder / "other.lock");
  CHECK(error_of([&] { const Cursor cursor(folder / "other"); }).failure() == Failure::file);
  CHECK_FALSE(fs::exists(folder / "nowhere"));
}

TEST_CASE("a link to a cursor that isn't there yet stays a link") {
  const Folder folder;
  fs::create_directory(folder / "there");
  fs::create_symlink("there/cursor", folder / "link");
  Cursor cursor(folder / "link");
  cursor.save(at({3, 3}));
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(content(folder / "there/cursor") == "3-3\n");
}

TEST_CASE("a cursor keeps its mode, and an empty one is known") {
  const Folder folder;
  const std::string path = folder / "cursor";
  write_file(path, "");
  fs::permissions(path, fs::perms(0640));
  Cursor cursor(path);
  CHECK(cursor.is_empty_file());
  cursor.save(at({1, 1}));
  CHECK_FALSE(cursor.is_empty_file());
  CHECK(fs::status(path).permissions() == fs::perms(0640));
}

TEST_CASE("a folder is no cursor") {
  const Folder folder;
  fs::create_directory(folder / "cursor");
  const Error error = error_of([&] { Cursor{folder / "cursor"}; });
  CHECK(error.failure() == Failure::file);
  CHECK(has(error.what(), "is no regular file"));
  CHECK_FALSE(fs::exists(folder / "cursor.lock"));
}
