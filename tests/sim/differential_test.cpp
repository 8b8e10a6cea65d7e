// Runs random commands on the simulated server and on a real Redis, and compares every reply.
//
//   scripts/with-redis differential_test [--commands N] [--seed N]
//
// Says which history of commands they disagree about, cut down to what is needed for it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "sim/differential/compare.h"
#include "sim/differential/grammar.h"
#include "sim/differential/real_redis.h"
#include "sim/script.h"
#include "sim/server.h"

namespace {

using namespace sim;
using namespace sim::differential;

constexpr std::size_t steps_per_history = 150;
constexpr int skipped = 77;  // what ctest takes for a skipped test

std::int64_t wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

struct Disagreement {
  std::size_t step;
  std::string text;
  bool silence = false;  // the real one gave no reply: waiting for that takes its time
};

std::vector<std::string_view> views(const std::vector<std::string>& args) {
  return {args.begin(), args.end()};
}

// The node that with-node starts.
void join_cluster(ServerOptions& options) {
  options.mode = Mode::cluster;
  options.address = {"127.0.0.1", 7001};
  const Address other{"127.0.0.1", 7002};
  options.slots = {{0, 11999, {options.address}}, {12000, 13000, {other}}, {13001, 15500, {options.address}}};
  const char* const moving = std::getenv("CHAT_MOVING");
  std::istringstream slots(moving == nullptr ? "" : moving);
  for (std::uint16_t slot = 0; slots >> slot;) options.migrating[slot] = other;
}

// It takes some seconds to find out that it may serve.
void wait_for_cluster(RealClient& control) {
  while (control.command({"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos) {
    control.command({"WAIT", "1", "20"});
  }
}

// One history on both.
class Run {
 public:
  Run(RealClient& control, const std::string& path, ScriptEngine& scripts, const History& history,
      bool cluster)
      : history_(history), simulated_(scripts) {
    if (cluster) join_cluster(simulated_.options);
    simulated_.options.node_limits = {history.node_entries, history.node_bytes};
    for (const std::string_view type : {"normal", "pubsub"}) {
      control.command({"CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"});
    }
    control.command({"FLUSHALL"});
    control.command({"SCRIPT", "FLUSH"});
    control.command({"CONFIG", "SET", "stream-node-max-entries", std::to_string(history.node_entries)});
    control.command({"CONFIG", "SET", "stream-node-max-bytes", std::to_string(history.node_bytes)});
    for (std::size_t i = 0; i < clients; ++i) {
      real_.push_back(std::make_unique<RealClient>(path));
      simulated_clients_.push_back(&simulated_.connect());
    }
  }

  std::optional<Disagreement> run() {
    for (std::size_t i = 0; i < history_.steps.size(); ++i) {
      if (auto found = answered_step(i, history_.steps[i])) return found;
    }
    // Whatever the real one said on top of it would come before these.
    for (std::size_t client = 0; client < clients; ++client) {
      if (auto found = answered_step(history_.steps.size(), {client, {"PING", "end"}})) return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<Disagreement> answered_step(std::size_t index, const Step& step) {
    try {
      return this->step(index, step);
    } catch (const std::runtime_error& silence) {
      return Disagreement{index,
                          "client " + std::to_string(step.client) + ": " + printable(step.args) +
                              "\n  real:      " + silence.what(),
                          true};
    }
  }

  std::optional<Disagreement> step(std::size_t index, const Step& step) {
    Client& client = *simulated_clients_[step.client];
    if (client.is_blocked()) return std::nullopt;
    const auto args = views(step.args);
    RealClient& real = *real_[step.client];
    real.send(args);
    std::optional<std::string> early;
    simulated_.set_time(std::max(wall_clock(), simulated_.now()));
    if (makes_up_time(step.args)) {
      early = real.receive();
      if (const auto time = made_up_time(step.args, *early);
          time > 1'000'000'000'000 && time < wall_clock() + 1000) {
        simulated_.set_time(time);
      }
    }
    simulated_.execute(client, args);
    if (client.is_blocked() && client.blocked.until != 0) simulated_.set_time(client.blocked.until);
    return compare(index, step, early);
  }

  std::optional<Disagreement> compare(std::size_t index, const Step& step,
                                      std::optional<std::string>& early) {
    for (std::size_t client = 0; client < clients; ++client) {
      const std::string output = std::exchange(simulated_clients_[client]->output, {});
      for (std::string_view left = output; !left.empty();) {
        const std::string_view simulated = left.substr(0, reply_size(left));
        left.remove_prefix(simulated.size());
        std::string real;
        if (client == step.client && early) {
          real = *std::exchange(early, std::nullopt);
        } else {
          real = real_[client]->receive();
        }
        if (agree(step.args, real, simulated)) continue;
        return Disagreement{index, "client " + std::to_string(client) + ": " + printable(step.args) +
                                       "\n  real:      " + printable(real) +
                                       "\n  simulated: " + printable(simulated)};
      }
    }
    if (early)
      return Disagreement{index, printable(step.args) + ": only the real one replied: " + printable(*early)};
    return std::nullopt;
  }

  const History& history_;
  Server simulated_;
  std::vector<Client*> simulated_clients_;
  std::vector<std::unique_ptr<RealClient>> real_;
};

// Leaves steps out as long as the two still disagree, the biggest parts first.
History shorten(History history, const std::function<bool(const History&)>& fails) {
  for (std::size_t part = history.steps.size() / 2; part > 0; part /= 2) {
    for (std::size_t at = 0; at < history.steps.size();) {
      History shorter = history;
      const auto begin = shorter.steps.begin() + static_cast<std::ptrdiff_t>(at);
      const std::size_t count = std::min(part, shorter.steps.size() - at);
      shorter.steps.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
      if (fails(shorter)) {
        history = std::move(shorter);
      } else {
        at += part;
      }
    }
  }
  return history;
}

struct Options {
  std::uint64_t commands = 30000;
  std::uint64_t seed = 1;
  bool cluster = false;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--commands") options.commands = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--cluster") options.cluster = true;
    if (name == "--seed") options.seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return options;
}

void report(std::uint64_t seed, const History& history, const Disagreement& found) {
  std::printf("seed %llu: they disagree, with stream-node-max-entries %zu and stream-node-max-bytes %zu\n",
              static_cast<unsigned long long>(seed), history.node_entries, history.node_bytes);
  for (const Step& step : history.steps)
    std::printf("  %zu> %s\n", step.client, printable(step.args).c_str());
  std::printf("%s\n", found.text.c_str());
}

int test(const Options& options) {
  const char* url = std::getenv("REDIS_URL");
  if (url == nullptr) {
    std::puts("run it beside a server: scripts/with-redis differential_test");
    return 64;
  }
  const std::string path = std::string(url).substr(std::string_view("unix://").size());
  RealClient control(path);
  const std::string info = control.command({"INFO", "server"});
  if (info.find("redis_version:7.0.") == std::string::npos) {
    std::puts("skipped: the simulated server is a Redis 7.0, the real one isn't");
    return skipped;
  }
  ScriptEngine scripts;
  const auto run = [&](const History& history) {
    return Run(control, path, scripts, history, options.cluster).run();
  };
  if (options.cluster) wait_for_cluster(control);
  std::uint64_t done = 0;
  std::uint64_t seed = options.seed;
  for (; done < options.commands; ++seed) {
    const History history = Grammar(seed).history(steps_per_history);
    done += history.steps.size();
    if (const auto found = run(history)) {
      History shorter = history;
      shorter.steps.resize(std::min(shorter.steps.size(), found->step + 1));
      if (!found->silence)
        shorter = shorten(shorter, [&](const History& candidate) { return run(candidate).has_value(); });
      report(seed, shorter, found->silence ? *found : run(shorter).value_or(*found));
      return 1;
    }
  }
  std::printf("%llu commands, seeds %llu to %llu: every reply agrees\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(seed - 1));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return test(parse(argc, argv));
  } catch (const std::exception& failure) {
    std::printf("%s\n", failure.what());
    return 1;
  }
}
