# make install: tools, their man pages, libaxon with its header, pkg-config and CMake package files, docs and schemas.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(AX_TOOLS "")
foreach(tool axcompile axrun axbench axinfo axsegment axjoin)
  if(TARGET ${tool})
    list(APPEND AX_TOOLS ${tool})
  endif()
endforeach()
install(TARGETS ${AX_TOOLS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Each tool writes its own manual, from the table that --help is made from.
set(AX_MAN_PAGES "")
foreach(tool ${AX_TOOLS})
  set(page ${CMAKE_BINARY_DIR}/man/${tool}.1)
  add_custom_command(OUTPUT ${page}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
    COMMAND $<TARGET_FILE:${tool}> --man > ${page}
    DEPENDS ${tool} VERBATIM)
  list(APPEND AX_MAN_PAGES ${page})
endforeach()
add_custom_target(man ALL DEPENDS ${AX_MAN_PAGES})
install(FILES ${AX_MAN_PAGES} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The libraries: libaxon and the ground it stands on, and libaxmedia for who has pictures. What they need from the system stands in *.pc and AxonConfig.cmake.
install(TARGETS axon axformats axmedia axfiles ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY runtime/include/axon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
configure_file(cmake/axon.pc.in ${CMAKE_BINARY_DIR}/axon.pc @ONLY)
configure_file(cmake/axmedia.pc.in ${CMAKE_BINARY_DIR}/axmedia.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/axon.pc ${CMAKE_BINARY_DIR}/axmedia.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(AX_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Axon)
configure_package_config_file(cmake/AxonConfig.cmake.in ${CMAKE_BINARY_DIR}/AxonConfig.cmake
  INSTALL_DESTINATION ${AX_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/AxonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/AxonConfig.cmake ${CMAKE_BINARY_DIR}/AxonConfigVersion.cmake DESTINATION ${AX_PACKAGE_DIR})

install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.schema.json")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY models/devices/ DESTINATION ${CMAKE_INSTALL_DATADIR}/axon/devices FILES_MATCHING PATTERN "*.json")

# The families' descriptors, to begin one's own from; the tools have them compiled in.
install(DIRECTORY models/descriptors models/cascades DESTINATION ${CMAKE_INSTALL_DATADIR}/axon FILES_MATCHING PATTERN "*.json")
