#pragma once

#include "base/wait.h"
#include "redis/connection.h"

namespace chat {

/// Connects to the master that the sentinels of `endpoint` name
/// (https://redis.io/docs/latest/develop/reference/sentinel-clients/). Asks them in turn, each for at most a
/// second, until one leads to a server that says itself that it is a master: a sentinel may not know yet that
/// another one has taken over. The login is for the master; sentinels get sentinel_password alone.
/// Throws Outage that tells what each sentinel said, Error as Connection::open does, Stopped.
Connection open_master(const Endpoint& endpoint, Deadline deadline, const StopToken& stop);

}  // namespace chat
