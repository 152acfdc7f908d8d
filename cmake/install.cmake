# What `cmake --install` puts where. The server finds the parts of warm start beside itself, in
# ../lib/cgisrv (src/warm/CMakeLists.txt installs them); the rest is as GNUInstallDirs says.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cgisrv RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)

# The pool library: the layers up to the pool as one archive, for programs outside of this tree.
# Inside, cgisrv::pool is the layer, with the same headers.
add_library(cgisrv_pool_archive STATIC)
foreach(layer base event process net pool)
  target_sources(cgisrv_pool_archive PRIVATE $<TARGET_OBJECTS:cgisrv_${layer}>)
endforeach()
set_target_properties(cgisrv_pool_archive PROPERTIES OUTPUT_NAME cgisrv-pool EXPORT_NAME pool
                                                     LINKER_LANGUAGE CXX)
target_include_directories(cgisrv_pool_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(cgisrv_pool_archive INTERFACE cxx_std_20)
target_link_libraries(cgisrv_pool_archive PRIVATE fmt::fmt)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cgisrv-pool)
install(TARGETS cgisrv_pool_archive EXPORT cgisrv-pool
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT pool)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/cgisrv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT pool)
install(EXPORT cgisrv-pool NAMESPACE cgisrv:: FILE cgisrv-pool-targets.cmake
        DESTINATION ${package_dir} COMPONENT pool)

set(in ${PROJECT_SOURCE_DIR}/packaging/pool)
set(out ${CMAKE_BINARY_DIR}/packaging/pool)
configure_package_config_file(${in}/cgisrv-pool-config.cmake.in ${out}/cgisrv-pool-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0 each minor version may break what is built on it.
write_basic_package_version_file(${out}/cgisrv-pool-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
# From the folder of the .pc file to the prefix, so that the tree may be moved.
file(RELATIVE_PATH CGISRV_PREFIX_FROM_PC ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${in}/cgisrv-pool.pc.in ${out}/cgisrv-pool.pc @ONLY)
install(FILES ${out}/cgisrv-pool-config.cmake ${out}/cgisrv-pool-config-version.cmake
        DESTINATION ${package_dir} COMPONENT pool)
install(FILES ${out}/cgisrv-pool.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT pool)

# Manual pages, where scdoc is there to make them, and completions. Their sources are the server's own
# words (`cgisrv reference --scdoc`, `cgisrv completion`), kept here so that a cross build need not run
# what it has built; tests compare them (parameters_test, test_command_line_help.py).
set(made)
file(MAKE_DIRECTORY ${share})
if(SCDOC)
  foreach(page cgisrv.1 cgisrv.toml.5)
    set(manual ${PROJECT_SOURCE_DIR}/packaging/man/${page}.scd)
    add_custom_command(OUTPUT ${share}/${page} COMMAND ${SCDOC} < ${manual} > ${share}/${page}
                       DEPENDS ${manual} COMMENT "${page}" VERBATIM)
    list(APPEND made ${share}/${page})
  endforeach()
  install(FILES ${share}/cgisrv.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT server)
  install(FILES ${share}/cgisrv.toml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT server)
endif()
set(completions ${PROJECT_SOURCE_DIR}/packaging/completions)
install(FILES ${completions}/cgisrv.bash RENAME cgisrv COMPONENT server
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${completions}/cgisrv.zsh RENAME _cgisrv COMPONENT server
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/cgisrv.fish COMPONENT server
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
add_custom_target(documentation ALL DEPENDS ${made})
add_dependencies(installable cgisrv cgisrv_warm_shim cgisrv_pool_archive documentation)

# systemd looks for units in lib/systemd/system of /usr, /usr/local and /.
foreach(unit cgisrv cgisrv-fastcgi)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/systemd/${unit}.service.in ${share}/${unit}.service @ONLY)
  install(FILES ${share}/${unit}.service ${PROJECT_SOURCE_DIR}/packaging/systemd/${unit}.socket
          DESTINATION lib/systemd/system COMPONENT server)
endforeach()

# For whoever watches it: a dashboard, and alerts.
install(FILES ${PROJECT_SOURCE_DIR}/packaging/grafana/cgisrv.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/cgisrv/grafana COMPONENT server)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/prometheus/cgisrv-alerts.yml
        DESTINATION ${CMAKE_INSTALL_DATADIR}/cgisrv/prometheus COMPONENT server)
