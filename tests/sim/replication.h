#pragma once

#include <cstdint>

#include "sim/server.h"

namespace sim {

/// The link from a master to one of its replicas. What the master does waits here until the caller lets it
/// through: so lag, partitions and lost writes are the caller's. Both servers must outlive it.
///
/// A failover where the old master still writes: master A, replica B over a link; stop deliver();
/// B.promote(); commands to A still succeed; then A follows: ReplicationLink(B, A, n) makes A forget them.
class ReplicationLink {
 public:
  /// A full synchronisation, after which `replica` is one. `number` tells the master's replicas apart.
  ReplicationLink(Server& master, Server& replica, std::uint64_t number)
      : master_(&master), replica_(&replica), number_(number) {
    replica_->copy_from(*master_);
    delivered_ = acknowledged_ = replica_->log().end();
    master_->acknowledge(number_, acknowledged_);
  }
  ~ReplicationLink() { master_->forget_replica(number_); }
  ReplicationLink(const ReplicationLink&) = delete;
  ReplicationLink& operator=(const ReplicationLink&) = delete;

  /// How many units of the log are on their way.
  std::uint64_t waiting() const { return master_->log().end() - delivered_; }
  /// Lets up to `units` through to the replica.
  void deliver(std::uint64_t units) {
    for (; units > 0 && waiting() > 0; --units) replica_->apply(master_->log().at(delivered_++));
  }
  /// Tells the master how far the replica came, which WAIT counts.
  void acknowledge() {
    acknowledged_ = delivered_;
    master_->acknowledge(number_, acknowledged_);
  }
  /// Both, for all that waits.
  void catch_up() {
    deliver(waiting());
    acknowledge();
  }

 private:
  Server* master_;
  Server* replica_;
  std::uint64_t number_;
  EffectLog::Offset delivered_ = 0;
  EffectLog::Offset acknowledged_ = 0;
};

}  // namespace sim
