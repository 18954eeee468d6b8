# lethe_registry(SOURCES ROOM room PREFIX prefix (RECORD type | ARRAY type) HEADER header FUNCTION name)
#
# Shelves derive their registry from file names: src/ROOM/PREFIX_NAME.c exports `lethe__PREFIX_NAME`, a constant record
# (RECORD), or `lethe__PREFIXs_NAME`, an array ended by an empty record (ARRAY). This writes a source file that defines
# FUNCTION, which returns all of them ended by NULL, and appends it to SOURCES.
function(lethe_registry list)
  cmake_parse_arguments(ARG "" "ROOM;PREFIX;RECORD;ARRAY;HEADER;FUNCTION" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${ARG_ROOM}/${ARG_PREFIX}_*.c)
  list(SORT files)
  set(type ${ARG_RECORD}${ARG_ARRAY})
  set(externs "")
  set(entries "")
  foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    string(REGEX REPLACE "^${ARG_PREFIX}_" "" name ${stem})
    string(REPLACE "-" "_" name ${name})
    if(ARG_RECORD)
      string(APPEND externs "extern const ${type} lethe__${ARG_PREFIX}_${name};\n")
      string(APPEND entries "    &lethe__${ARG_PREFIX}_${name},\n")
    else()
      string(APPEND externs "extern const ${type} lethe__${ARG_PREFIX}s_${name}[];\n")
      string(APPEND entries "    lethe__${ARG_PREFIX}s_${name},\n")
    endif()
  endforeach()
  set(path ${CMAKE_BINARY_DIR}/registry/${ARG_PREFIX}_registry.c)
  file(CONFIGURE OUTPUT ${path} CONTENT "/* Generated from the file names in src/${ARG_ROOM}. */
#include \"${ARG_HEADER}\"
#include <stddef.h>

${externs}
static const ${type} *const entries[] = {
${entries}    NULL,
};

const ${type} *const *${ARG_FUNCTION}(void);
const ${type} *const *${ARG_FUNCTION}(void) {
    return entries;
}
")
  set(${list} ${${list}} ${path} PARENT_SCOPE)
endfunction()
