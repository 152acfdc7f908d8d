# Before anything is installed: whether all of it has been built. Without this an installation would
# stop half-way. Included before every other install() rule, since they are carried out in order.
#
#   cmake --build DIR --target installable      makes all that `cmake --install DIR` installs
add_custom_target(installable)

# install_needs(COMPONENT FILE...): FILEs may be generator expressions.
function(install_needs component)
  string(REPLACE ";" "\n" files "${ARGN}")
  install(CODE "
string(REPLACE \"\\n\" \";\" needed [[${files}]])
set(missing)
foreach(file IN LISTS needed)
  if(NOT EXISTS \"\${file}\")
    cmake_path(GET file FILENAME name)
    string(APPEND missing \" \${name}\")
  endif()
endforeach()
if(missing)
  message(FATAL_ERROR \"Nothing was installed, since this has not been built yet:\${missing}\\n\"
                      \"Build it first: cmake --build ${CMAKE_BINARY_DIR} --target installable\")
endif()" COMPONENT ${component})
endfunction()

# Made by scdoc: cmake/install.cmake.
set(share ${CMAKE_BINARY_DIR}/packaging/share)
set(documents)
find_program(SCDOC scdoc)
if(SCDOC)
  list(APPEND documents cgisrv.1 cgisrv.toml.5)
else()
  set(no_manual "scdoc is not installed, so there will be no manual pages: apt-get install scdoc")
  message(NOTICE "${no_manual}")
  install(CODE "message(NOTICE \"${no_manual}, then cmake ${CMAKE_BINARY_DIR} and build again\")"
          COMPONENT server)
endif()
list(TRANSFORM documents PREPEND ${share}/)
install_needs(server $<TARGET_FILE:cgisrv> $<TARGET_FILE:cgisrv_warm_shim> ${documents})
install_needs(pool $<TARGET_FILE:cgisrv_pool_archive>)
