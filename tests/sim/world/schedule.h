#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/replication.h"
#include "sim/script.h"
#include "sim/world/disk.h"
#include "sim/world/network.h"
#include "sim/world/oracle.h"
#include "sim/world/plan.h"
#include "sim/world/tools.h"
#include "sim/world/world.h"

namespace sim {

/// The number behind these words; 0 when it isn't there.
std::uint64_t number_behind(std::string_view text, std::string_view words);

/// Somebody who types lines into a publisher. An import is run again, with all of them, until it is done.
struct Author {
  std::uint32_t number = 0;
  std::uint32_t lines = 0;
  bool imports = false;
  bool last_run = false;  // it began when nothing went wrong any more
  std::vector<Tool*> runs;
};

/// Somebody who reads the topic from its begin: in one run, or in many with a cursor. A group's workers read
/// together.
struct Reader {
  enum class Kind : std::uint8_t { subscriber, cursor, group } kind = Kind::subscriber;
  std::string name;
  bool exec = false;
  bool from_now = false;  // it doesn't ask for what was there before
  std::vector<Tool*> runs;
  std::vector<Line> handled;  // by its command, successfully
  std::set<Line> bad;         // their command always fails
};

/// One seed's story: tools at work, things that go wrong, and what must be true afterwards.
class Schedule {
 public:
  Schedule(ScriptEngine& scripts, std::uint64_t seed, bool tracing);
  ~Schedule();

  /// Throws Violation.
  void run();
  std::uint64_t digest() const { return world_.digest(); }
  std::uint64_t events() const { return world_.events(); }

 private:
  // Who takes part (actors.cpp, workers.cpp).
  Tool& make_tool(const std::string& name);
  void let_be_killed(Tool& tool, std::uint64_t once_in);
  void add_author(std::uint32_t number);
  void add_importer(std::uint32_t number);
  void run_import(Author& author);
  void add_subscriber(std::uint32_t number);
  void add_cursor(std::uint32_t number);
  void run_cursor(Reader& reader);
  void add_group();
  void run_worker(Reader& group);
  std::optional<std::string> handle(Reader& reader, Process& process, const std::string& input,
                                    std::optional<Time> keep_every, const std::function<void()>& keep);
  void again(Tool& tool, bool always, std::function<void()> run);
  chat::PublisherOptions publishing();
  /// `may_leave`: it may be of a node that is removed, once the tool has come from there to others.
  chat::Endpoint endpoint(bool may_leave = true);

  // What goes wrong (faults.cpp, server_faults.cpp).
  void begin_faults();
  void end_faults();
  void often(Fault kind, void (Schedule::*fault)());
  void cut_one();
  void stall_one();
  void partition();
  void pause_tool();
  void make_sleep();
  void set_tool_clock();
  void block_output();
  void fill_disk();
  Tool* any_running();

  void set_up_servers();
  void pause_server();
  void pause(Host& host);
  void kill_server();
  void crash_server();
  void stop_server(Crash how);
  void start_server(Host& host, Crash how);
  void set_server_clock();
  void refuse();
  void save();
  void replicate();
  void follow_master();
  void fail_over();
  void wake_early(Host& old);
  void demote(Host& host);
  void end_server_faults();

  // Those who know who the master is (sentinels.cpp).
  void set_up_sentinels();
  void forbid_replicas(Host& host);
  void tell_sentinels();
  static void tell(Host& sentinel, const Host& master);
  void disturb_sentinel();
  void end_sentinel_faults();

  void wait_for(Time most, const std::string& what, const std::function<bool()>& done);
  void finish_writing();
  void finish_reading();
  static bool is_split(const Reader& reader);
  std::set<Line> left_in_stream();
  bool anything_left(const Reader& group);
  std::set<Line> missing_of(const Reader& reader, const std::vector<Line>& lines) const;
  const Oracle::History& stored(const std::string& key) { return oracle_.of(serving(key).server(), key); }

  // A cluster (cluster.cpp, slots.cpp): one of its masters is a or b, with the other one as its replica.
  void set_up_cluster();
  Host& serving(std::string_view key);
  Host& master_of(std::size_t set) { return set == 0 ? *master_ : *nodes_[set - 1]; }
  std::vector<Host*> all_nodes();
  std::vector<SlotRange> all_slots();
  void hear(Host& node);
  void spread();
  void disturb_node();
  void end_cluster_faults();
  Host& victim();
  void move_slot();
  bool begin_moving(std::size_t piece, std::size_t to);
  void move_key(std::vector<std::string> left);
  void finish_moving();
  void tell_source(Host& source);
  bool can_move() const;
  void remove_node();
  void go_on_removing();

  // What must be true (checks.cpp, reader_checks.cpp).
  void check();
  void check_history() const;
  void check_author(const Author& author) const;
  void check_reader(const Reader& reader) const;
  void check_group(const Reader& group);
  void check_in_time(const Reader& subscriber);
  void check_once_and_in_order(const Reader& reader, const std::vector<Line>& lines) const;
  bool was_trimmed(const Oracle::Stored& one) const;
  bool looked_given(const Oracle::Stored& one, const std::vector<Line>& lines) const;
  void check_left(const Reader& reader, const std::vector<Line>& lines, std::set<Line> missing) const;
  void check_count(const Reader& reader, const std::vector<Line>& lines, const std::set<Line>& missing) const;
  void check_gone(const Reader& reader, const std::vector<Line>& lines, std::uint64_t told) const;
  void check_losses(const Reader& reader, const std::vector<Line>& lines,
                    const std::set<Line>& missing) const;

  ScriptEngine& scripts_;
  World world_;
  Plan plan_;
  Disk disk_;
  Network network_;
  Oracle oracle_;
  Host a_;
  Host b_;
  Host* master_ = &a_;
  std::vector<std::unique_ptr<Host>> sentinels_;
  /// Slots of a cluster that move together, and whose they are.
  struct Piece {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    std::size_t set = 0;
  };
  struct Move {
    std::size_t piece = 0;
    std::size_t to = 0;
  };
  std::vector<std::unique_ptr<Host>> nodes_;  // of the sets from 1 on
  std::vector<Piece> pieces_;
  std::optional<Move> moving_;
  bool leaving_ = false;  // the last node is about to be removed
  bool removed_ = false;  // it is
  std::unique_ptr<ReplicationLink> link_;
  bool replicating_ = false;  // something is on its way to the replica
  bool taking_over_ = false;  // the old master does not follow yet
  std::vector<std::unique_ptr<Tool>> tools_;
  std::vector<std::unique_ptr<Author>> authors_;
  std::vector<Time> last_words_;  // when each types the last line
  std::vector<std::unique_ptr<Reader>> readers_;
  bool faults_over_ = false;
  bool last_runs_ = false;       // what ends now isn't run again
  Time last_late_ = 0;           // when the last of what was held up goes on
  Oracle::History history_;      // in the end
  std::set<Line> left_;          // of it, in the stream
  std::set<Line> dead_letters_;  // as well
};

[[noreturn]] void violated(const std::string& who, const std::string& what);

}  // namespace sim
