# models/descriptors/*.json as a table in C.
file(GLOB AX_FAMILIES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/descriptors/*.json)
list(SORT AX_FAMILIES)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${AX_FAMILIES})
set(AX_FAMILY_ROWS "")
foreach(path ${AX_FAMILIES})
  get_filename_component(name ${path} NAME_WE)
  # As numbers: text with brackets and semicolons would not survive CMake's lists.
  file(READ ${path} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND AX_FAMILY_DATA "static const char family_${name}[] = {${bytes}0};\n")
  string(APPEND AX_FAMILY_ROWS "    {\"${name}\", family_${name}},\n")
endforeach()
set(AX_FAMILY_SOURCE ${CMAKE_CURRENT_BINARY_DIR}/families_generated.c)
file(CONFIGURE OUTPUT ${AX_FAMILY_SOURCE} CONTENT
"#include \"files/modeljson_families.h\"

@AX_FAMILY_DATA@
extern const struct ax_family ax_family_table[];
const struct ax_family ax_family_table[] = {
@AX_FAMILY_ROWS@    {0},
};
" @ONLY)
