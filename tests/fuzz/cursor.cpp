// Cursor files: any content is a position or an error, and a position comes back as it was kept.
#include "process/cursor.h"

#include "base/error.h"
#include "fuzz/target.h"
#include "unit/folder.h"

namespace {

using namespace chat;

void is_position(const std::vector<Anchor>& position, std::string_view input) {
  for (std::size_t i = 0; i < position.size(); ++i) {
    const bool start = position.size() == 1 && position[i].pub == Cursor::start;
    fuzz::check(start || position[i].pub.empty() || PubId::parse(position[i].pub), "a pub or none", input);
    fuzz::check(i == 0 || position[i].id < position[i - 1].id, "IDs become smaller", input);
  }
}

void try_cursor(std::string_view input) {
  static const Folder folder;
  const std::string path = folder / "cursor";
  write_file(path, std::string(input));
  try {
    Cursor cursor(path);
    const std::vector<Anchor> position = cursor.load();
    is_position(position, input);
    fuzz::check(content(path) == input, "trying it out changes nothing", content(path));
    if (position.empty()) return fuzz::check(cursor.is_empty_file(), "nothing in it: it is empty", input);
    cursor.save(position);
    fuzz::check(cursor.load() == position, "a position comes back", content(path));
  } catch (const Error& error) {
    fuzz::check(error.failure() == Failure::input, "a damaged cursor is bad input", error.what());
    fuzz::check(content(path) == input, "and stays as it is", input);
  }
}

const fuzz::Target target("cursor", &try_cursor);

}  // namespace
