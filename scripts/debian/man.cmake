# Makes a manual page of Markdown: cmake -D LOWDOWN=PROGRAM -D IN=tools/NAME.N.md -D OUT=NAME.N -D SOURCE="redis-chat 1.0" -D DATE=YYYY-MM-DD
#   -P man.cmake
file(READ ${IN} text)
# Other pages are named as manual pages name each other; what a link leads to on the web is left out.
string(REGEX REPLACE "\\[([a-z-]+)\\(([0-9])\\)\\]\\([^)]*\\)" "**\\1**(\\2)" text "${text}")
string(REGEX REPLACE "\\[([^]\n]+)\\]\\([^)]*\\)" "\\1" text "${text}")
file(WRITE ${OUT}.md "${text}")
get_filename_component(name ${OUT} NAME_WE)
get_filename_component(section ${OUT} LAST_EXT)
string(TOUPPER ${name} title)
string(SUBSTRING ${section} 1 -1 section)
execute_process(
  COMMAND ${LOWDOWN} -s -t man --out-no-smarty --parse-no-super --parse-no-strike
          -M title=${title} -M section=${section} -M date=${DATE} "-M source=${SOURCE}" "-M volume=redis-chat" -o ${OUT} ${OUT}.md
  COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${OUT}.md)
# What is typed is bold, as in other pages: not all readers have a font named C. mandb wants NAME in the heading's own line.
file(READ ${OUT} page)
# lowdown 2 names that font CR, and writes the heading as it should be.
string(REGEX REPLACE "\\\\f(C|\\(C[RBW])" "\\\\fB" page "${page}")
string(REGEX REPLACE "(\n\\.S[HS])\n" "\\1 " page "${page}")
string(REGEX REPLACE "(\n\\.S[HS] [^\n]+)\n\\.LP\n" "\\1\n" page "${page}")
file(WRITE ${OUT} "${page}")
