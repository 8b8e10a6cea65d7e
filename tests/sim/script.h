#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sim/resp.h"

struct lua_State;

namespace sim {

class Server;
struct Client;

/// 40 hexadecimal digits.
std::string sha1(std::string_view bytes);

/// Lua 5.1 as Redis has it (https://redis.io/docs/latest/develop/interact/programmability/lua-api/): the
/// tables redis (call, pcall, error_reply, status_reply, sha1hex), string, table, math without randomness; no
/// global can be set. Compiles a script once; servers keep only which scripts they know, so that one engine
/// serves all servers of a thread.
class ScriptEngine {
 public:
  ScriptEngine();

  /// Whether `body` compiles; replies with the error when it doesn't.
  bool compile(std::string_view body, const std::string& sha, ReplyWriter& reply);
  /// Runs what was compiled under `sha`, and appends its reply to client.output.
  void run(Server& server, Client& client, const std::string& sha, std::span<const std::string_view> keys,
           std::span<const std::string_view> args);

 private:
  struct Run {
    Server* server;
    Client* client;
    bool wrote;
  };
  struct Close {
    void operator()(lua_State* lua) const;
  };

  static int call(lua_State* lua);
  static int protected_call(lua_State* lua);
  static int error_reply(lua_State* lua);
  static int status_reply(lua_State* lua);
  static int sha1hex(lua_State* lua);
  static ScriptEngine& engine_of(lua_State* lua);

  void add_function(const char* name, int (*function)(lua_State*));
  int generic_call(bool raise);
  bool read_arguments();
  std::string_view push_reply(std::string_view bytes);
  void write_result(ReplyWriter& reply);
  void write_table(ReplyWriter& reply);
  void write_failure(ReplyWriter& reply, const std::string& sha);

  std::unique_ptr<lua_State, Close> lua_;
  Run run_{};
  // Members, since an error of Lua jumps over destructors.
  std::vector<std::string_view> arguments_;
  std::vector<std::string> numbers_;
  std::string reply_;
};

}  // namespace sim
