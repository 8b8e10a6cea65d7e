#pragma once

#include "base/wait.h"
#include "redis/connection.h"

namespace chat {

/// Connects to the master that the sentinels of `endpoint` name
/// (https://redis.io/docs/latest/develop/reference/sentinel-clients/). Asks them in turn, each for at most a
/// second, until one leads to a server that says itself that it is a master: a sentinel may not know yet that
/// another one has taken over. The first to be asked is number `turn`, modulo their number. The login is for
/// the master; sentinels get sentinel_password alone. Throws Outage that tells what each sentinel said, Error
/// as Connection::open does, Stopped.
Connection open_master(const Endpoint& endpoint, std::size_t turn, Deadline deadline, const StopToken& stop);

}  // namespace chat
