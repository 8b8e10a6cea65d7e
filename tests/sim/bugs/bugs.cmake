# Each patch in this folder plants one bug in one file of lib. Out of the patched file and everything else as it is
# comes a program that must find it: bug_NAME. Those of `sampled` are built and run by ctest (once: what they show is not
# another with sanitizers), all by scripts/simulate.

find_program(PATCH patch)
chat_require(PATCH patch)

function(plant_bug patch)
  get_filename_component(name ${patch} NAME_WE)
  file(STRINGS ${patch} target REGEX "^\\+\\+\\+ ")
  string(REGEX REPLACE "^\\+\\+\\+ b/([^ \t]+).*" "\\1" file "${target}")
  set(made ${CMAKE_CURRENT_BINARY_DIR}/bugs/${name})
  get_filename_component(base ${file} NAME)
  add_custom_command(OUTPUT ${made}/${base}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND ${PATCH} --quiet --forward --output=${made}/${base} ${PROJECT_SOURCE_DIR}/${file} ${patch}
    DEPENDS ${patch} ${PROJECT_SOURCE_DIR}/${file} VERBATIM)
  set(source ${made}/${base})
  if(base MATCHES "\\.lua$")
    set(source ${made}/publish_script.cpp)
    add_custom_command(OUTPUT ${source}
      COMMAND ${CMAKE_COMMAND} -D LUA=${made}/${base} -D OUT=${source}
              -D IN=${PROJECT_SOURCE_DIR}/lib/chat/publish_script.cpp.in
              -P ${PROJECT_SOURCE_DIR}/tests/sim/bugs/script.cmake
      DEPENDS ${made}/${base} VERBATIM)
  endif()
  add_executable(bug_${name} ${source})
  if(name IN_LIST sampled AND NOT CHAT_DEVELOPER)
    add_test(NAME sim/bug_${name} COMMAND bug_${name} 1000000 --first)
    set_tests_properties(sim/bug_${name} PROPERTIES TIMEOUT 300 PASS_REGULAR_EXPRESSION "seed [0-9]+: ")
  else()
    set_target_properties(bug_${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
  target_compile_options(bug_${name} PRIVATE -Wno-error)  # a bug may leave something unused
  target_link_libraries(bug_${name} PRIVATE sim_world
    PkgConfig::hiredis PkgConfig::pcre2 PkgConfig::rapidjson nlohmann_json::nlohmann_json)
  target_link_options(bug_${name} PRIVATE ${sim_system_calls})
  add_dependencies(sim_bugs bug_${name})
endfunction()

add_custom_target(sim_bugs)
set(sampled any_server_is_the_master slots_never_asked_again no_hole_check key_deleted_too_early loss_not_told)
file(GLOB patches CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.patch)
foreach(patch IN LISTS patches)
  plant_bug(${patch})
endforeach()
# Each still fits: what isn't built here is not forgotten.
add_test(NAME sim/bugs_fit COMMAND sh -c
  "for patch in tests/sim/bugs/*.patch; do \"$0\" --quiet --forward --dry-run -p1 <\"$patch\" || exit; done" ${PATCH}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
