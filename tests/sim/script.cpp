#include "sim/script.h"

#include <openssl/sha.h>
#include <lua.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

#include "sim/server.h"

namespace sim {

namespace {

constexpr std::string_view beginning = R"lua(
loadfile, dofile, print, newproxy = nil, nil, nil, nil
math.random, math.randomseed = nil, nil
local dbg, plain_pcall, type, tostring = debug, pcall, type, tostring
debug = nil
local registry = ...
function registry.handler(err)
  local i = dbg.getinfo(2, 'nSl')
  if i and i.what == 'C' then i = dbg.getinfo(3, 'nSl') end
  if type(err) ~= 'table' then err = {err = 'ERR ' .. tostring(err)} end
  if i then err['source'], err['line'] = i.source, i.currentline end
  return err
end
local function result(ok, ...)
  local err = ...
  if not ok and type(err) == 'table' and type(err.err) == 'string' then return ok, err.err end
  return ok, ...
end
function pcall(...) return result(plain_pcall(...)) end
setmetatable(_G, {__index = registry.no_such_global, __newindex = registry.readonly})
)lua";

int no_such_global(lua_State* lua) {
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    luaL_checkstring(lua, 2));
}

int readonly(lua_State* lua) { return luaL_error(lua, "Attempt to modify a readonly table"); }

// What the registry knows this file's things by.
constexpr const char* functions_name = "sim.functions";

void open(lua_State* lua, lua_CFunction library, const char* name) {
  lua_pushcfunction(lua, library);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

void set_text(lua_State* lua, const char* field, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
  lua_setfield(lua, -2, field);
}

void push_error(lua_State* lua, std::string_view text) {
  lua_createtable(lua, 0, 1);
  set_text(lua, "err", text);
}

void set_global(lua_State* lua, const char* name, std::span<const std::string_view> texts) {
  lua_pushstring(lua, name);
  lua_createtable(lua, static_cast<int>(texts.size()), 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lua_pushlstring(lua, texts[i].data(), texts[i].size());
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
  lua_rawset(lua, LUA_GLOBALSINDEX);
}

std::string_view text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return text == nullptr ? std::string_view() : std::string_view(text, size);
}

}  // namespace

std::string sha1(std::string_view bytes) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

void ScriptEngine::Close::operator()(lua_State* lua) const { lua_close(lua); }

ScriptEngine::ScriptEngine() : lua_(luaL_newstate()) {
  lua_State* lua = lua_.get();
  open(lua, luaopen_base, "");
  open(lua, luaopen_table, LUA_TABLIBNAME);
  open(lua, luaopen_string, LUA_STRLIBNAME);
  open(lua, luaopen_math, LUA_MATHLIBNAME);
  open(lua, luaopen_debug, LUA_DBLIBNAME);
  lua_newtable(lua);
  add_function("call", call);
  add_function("pcall", protected_call);
  add_function("error_reply", error_reply);
  add_function("status_reply", status_reply);
  add_function("sha1hex", sha1hex);
  lua_setglobal(lua, "redis");
  lua_newtable(lua);
  lua_pushcfunction(lua, no_such_global);
  lua_setfield(lua, -2, "no_such_global");
  lua_pushcfunction(lua, readonly);
  lua_setfield(lua, -2, "readonly");
  lua_pushvalue(lua, -1);
  lua_setfield(lua, LUA_REGISTRYINDEX, functions_name);
  luaL_loadbuffer(lua, beginning.data(), beginning.size(), "@beginning");
  lua_insert(lua, -2);
  lua_call(lua, 1, 0);
}

void ScriptEngine::add_function(const char* name, lua_CFunction function) {
  lua_pushlightuserdata(lua_.get(), this);
  lua_pushcclosure(lua_.get(), function, 1);
  lua_setfield(lua_.get(), -2, name);
}

ScriptEngine& ScriptEngine::engine_of(lua_State* lua) {
  return *static_cast<ScriptEngine*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int ScriptEngine::call(lua_State* lua) { return engine_of(lua).generic_call(true); }
int ScriptEngine::protected_call(lua_State* lua) { return engine_of(lua).generic_call(false); }

int ScriptEngine::error_reply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  std::string_view text = text_at(lua, 1);
  if (text.starts_with('-')) text.remove_prefix(1);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  lua_createtable(lua, 0, 1);
  lua_pushstring(lua, text.find(' ') == std::string_view::npos ? "ERR " : "");
  lua_pushlstring(lua, text.data(), text.size());
  lua_concat(lua, 2);
  lua_setfield(lua, -2, "err");
  return 1;
}

int ScriptEngine::status_reply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    push_error(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int ScriptEngine::sha1hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) {
    push_error(lua, "ERR wrong number of arguments");
    return lua_error(lua);
  }
  const std::string text = sha1(text_at(lua, 1));
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

// Numbers become texts as Redis writes them, with 17 digits: Lua's own way loses some.
bool ScriptEngine::read_arguments() {
  lua_State* lua = lua_.get();
  const int count = lua_gettop(lua);
  arguments_.clear();
  if (numbers_.size() < static_cast<std::size_t>(count)) numbers_.resize(static_cast<std::size_t>(count));
  for (int i = 1; i <= count; ++i) {
    if (lua_type(lua, i) == LUA_TNUMBER) {
      std::array<char, 64> text{};
      const int size = std::snprintf(text.data(), text.size(), "%.17g", lua_tonumber(lua, i));
      std::string& kept = numbers_[static_cast<std::size_t>(i) - 1];
      kept.assign(text.data(), static_cast<std::size_t>(size));
      arguments_.emplace_back(kept);
    } else if (lua_type(lua, i) == LUA_TSTRING) {
      arguments_.push_back(text_at(lua, i));
    } else {
      return false;
    }
  }
  return true;
}

int ScriptEngine::generic_call(bool raise) {
  lua_State* lua = lua_.get();
  reply_.clear();
  if (lua_gettop(lua) == 0) {
    push_error(lua, "ERR Please specify at least one argument for this redis lib call");
  } else if (!read_arguments()) {
    push_error(lua, "ERR Lua redis lib command arguments must be strings or integers");
  } else {
    run_.server->call_from_script(*run_.client, arguments_, reply_, run_.wrote);
    push_reply(reply_);
    raise = raise && reply_.starts_with('-');
  }
  if (raise) return lua_error(lua);
  return 1;
}

// Pushes one reply as a value of Lua, and returns what is behind it.
std::string_view ScriptEngine::push_reply(std::string_view bytes) {
  lua_State* lua = lua_.get();
  lua_checkstack(lua, 4);
  const std::size_t end = bytes.find("\r\n");
  const std::string_view line = bytes.substr(1, end - 1);
  const char kind = bytes[0];
  bytes.remove_prefix(end + 2);
  if (kind == '+') {
    lua_createtable(lua, 0, 1);
    set_text(lua, "ok", line);
    return bytes;
  }
  if (kind == '-') {
    push_error(lua, line);
    return bytes;
  }
  const std::int64_t number = parse_integer(line).value_or(0);
  if (kind == ':') {
    lua_pushnumber(lua, static_cast<lua_Number>(number));
  } else if (number < 0) {
    lua_pushboolean(lua, 0);
  } else if (kind == '$') {
    const auto size = static_cast<std::size_t>(number);
    lua_pushlstring(lua, bytes.data(), size);
    bytes.remove_prefix(size + 2);
  } else {
    lua_createtable(lua, static_cast<int>(number), 0);
    for (int i = 1; i <= static_cast<int>(number); ++i) {
      bytes = push_reply(bytes);
      lua_rawseti(lua, -2, i);
    }
  }
  return bytes;
}

bool ScriptEngine::compile(std::string_view body, const std::string& sha, ReplyWriter& reply) {
  lua_State* lua = lua_.get();
  lua_getfield(lua, LUA_REGISTRYINDEX, functions_name);
  lua_getfield(lua, -1, sha.c_str());
  const bool known = lua_isfunction(lua, -1);
  lua_pop(lua, 1);
  bool fine = known;
  if (!known) {
    fine = luaL_loadbuffer(lua, body.data(), body.size(), "@user_script") == 0;
    if (fine) {
      lua_setfield(lua, -2, sha.c_str());
    } else {
      reply.error("Error compiling script (new function): " + std::string(text_at(lua, -1)));
      lua_pop(lua, 1);
    }
  }
  lua_pop(lua, 1);
  return fine;
}

void ScriptEngine::run(Server& server, Client& client, const std::string& sha,
                       std::span<const std::string_view> keys, std::span<const std::string_view> args) {
  lua_State* lua = lua_.get();
  run_ = {&server, &client, false};
  set_global(lua, "KEYS", keys);
  set_global(lua, "ARGV", args);
  lua_getfield(lua, LUA_REGISTRYINDEX, functions_name);
  lua_getfield(lua, -1, "handler");
  lua_getfield(lua, -2, sha.c_str());
  ReplyWriter reply(client.output);
  if (lua_pcall(lua, 0, 1, -2) == 0) {
    write_result(reply);
  } else {
    write_failure(reply, sha);
  }
  lua_settop(lua, 0);
  run_ = {};
}

void ScriptEngine::write_failure(ReplyWriter& reply, const std::string& sha) {
  lua_State* lua = lua_.get();
  if (!lua_istable(lua, -1)) return reply.error("Error running script " + sha);
  lua_getfield(lua, -1, "err");
  std::string text(text_at(lua, -1));
  lua_pop(lua, 1);
  lua_getfield(lua, -1, "line");
  lua_getfield(lua, -2, "source");
  if (lua_isstring(lua, -1) != 0 && lua_isstring(lua, -2) != 0) {
    text += " script: " + sha + ", on " + std::string(text_at(lua, -1)) + ':' +
            std::string(text_at(lua, -2)) + '.';
  }
  reply.coded_error(text);
}

// The value on top of Lua's stack, which stays there.
void ScriptEngine::write_result(ReplyWriter& reply) {
  lua_State* lua = lua_.get();
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      reply.bulk(text_at(lua, -1));
      break;
    case LUA_TNUMBER:
      reply.integer(static_cast<std::int64_t>(lua_tonumber(lua, -1)));
      break;
    case LUA_TBOOLEAN:
      if (lua_toboolean(lua, -1) != 0) {
        reply.integer(1);
      } else {
        reply.nil();
      }
      break;
    case LUA_TTABLE:
      write_table(reply);
      break;
    default:
      reply.nil();
  }
}

void ScriptEngine::write_table(ReplyWriter& reply) {
  lua_State* lua = lua_.get();
  lua_checkstack(lua, 4);
  for (const char* field : {"err", "ok"}) {
    lua_pushstring(lua, field);
    lua_rawget(lua, -2);
    if (lua_type(lua, -1) == LUA_TSTRING) {
      std::string text(text_at(lua, -1));
      lua_pop(lua, 1);
      if (field[0] == 'e') return reply.coded_error(text);
      std::ranges::replace_if(
          text, [](char c) { return c == '\r' || c == '\n'; }, ' ');
      return reply.status(text);
    }
    lua_pop(lua, 1);
  }
  const std::size_t begin = reply.mark();
  std::size_t size = 0;
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, -1, i);
    if (lua_isnil(lua, -1)) break;
    write_result(reply);
    lua_pop(lua, 1);
    ++size;
  }
  lua_pop(lua, 1);
  reply.array_at(begin, size);
}

}  // namespace sim
