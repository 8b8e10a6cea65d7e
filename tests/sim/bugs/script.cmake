# publish_script.cpp out of a copy of publish.lua: cmake -D LUA= -D IN= -D OUT= -P script.cmake
file(READ ${LUA} PUBLISH_LUA)
string(SHA1 PUBLISH_LUA_SHA1 "${PUBLISH_LUA}")
configure_file(${IN} ${OUT} @ONLY)
