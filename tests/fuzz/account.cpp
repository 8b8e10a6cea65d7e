// The account of a reader, through histories that fork, merge and are trimmed, beside a model that remembers
// everything.
#include "chat/account.h"

#include "fuzz/target.h"
#include "unit/chat/naive_reader.h"

namespace {

using namespace chat;

// Two bytes a step, the first of them with `trims` or without.
void try_account(std::string_view input) {
  fuzz::Input pieces(input.substr(0, 400));
  model::Naive naive;
  const bool trims = pieces.up_to(1) == 1;
  const std::size_t before = pieces.up_to(29);
  naive.here.clock = naive.there.clock = 1000;
  if (trims || before == 0) {
    naive.reader.account.start_after(first_id);
    naive.read();
    naive.read();
  } else {
    for (unsigned i = 0; i < before; ++i) naive.before_start.insert(naive.here.store(naive.next(i)).pub);
    naive.there = naive.here;
    naive.reader.account.start_after(Anchor{naive.here.last, naive.here.all.back().pub}, false);
    naive.read();
  }
  naive.comes_back = !trims;
  std::vector<model::Step> steps;
  while (!pieces.empty()) {
    auto kind = static_cast<model::Step::Kind>(pieces.up_to(model::Step::kinds - 1));
    if (kind == model::Step::trim && !trims) kind = model::Step::publish;
    steps.push_back({kind, pieces.byte() * 4U + kind});
  }
  run(naive, steps);
  if (trims) naive.judge_counts();
}

const fuzz::Target target("account", &try_account);

}  // namespace
