// In the place of tls.cpp, where hiredis comes without TLS.
#include "base/error.h"
#include "base/wait.h"
#include "redis/tls.h"

namespace chat {

Tls::Tls(const Endpoint& endpoint) {
  throw Error(Failure::usage,
              "this build has no TLS (it takes hiredis 1.0 or later, as in Debian 13), so it can't use " +
                  endpoint.str() + " (man redis-chat-server shows the way through socat)");
}

void Tls::Free::operator()(ssl_st*) const {}
void Tls::start(redisContext&, Deadline, const StopToken&) {}
std::size_t Tls::write(std::string_view) { return 0; }
bool Tls::pending() const { return false; }
void Tls::throw_if_denied() const {}

}  // namespace chat
