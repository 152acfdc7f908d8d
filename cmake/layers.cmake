# Each folder of src/ is a layer: a static library that sees the headers of the layers it names and
# no others, so that an include against the order does not build.
#
#   add_layer(NAME [NO_REQUESTS] SOURCES file.cc ... USES other layers or libraries ...)
#
# NO_REQUESTS: it works when a server or a command starts, not for each request. Who builds for
# himself waits a quarter less for such a layer at -O1, and nobody waits for what it does.
#
# Headers are included as "layer/file.h". That works because each layer gets an include folder of
# its own in the build tree, holding one link: layer -> src/layer.
#
# A layer is linked PRIVATE: who names it gets its include folder and no other, while its archive
# brings those that it needs itself to the linker. So where a header shows another layer's types,
# whoever includes that header names that layer too. A layer can only name what stands above it in
# src/CMakeLists.txt: there are no circles.
function(add_layer name)
  cmake_parse_arguments(LAYER "NO_REQUESTS" "" "SOURCES;USES" ${ARGN})
  set(face ${CMAKE_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${face})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${face}/${name} SYMBOLIC)
  list(TRANSFORM LAYER_SOURCES PREPEND ${name}/)
  add_library(cgisrv_${name} STATIC ${LAYER_SOURCES})
  add_library(cgisrv::${name} ALIAS cgisrv_${name})
  target_include_directories(cgisrv_${name} PUBLIC ${face})
  set_target_properties(cgisrv_${name} PROPERTIES LAYER_USES "${LAYER_USES}")
  if(LAYER_NO_REQUESTS)
    target_compile_options(cgisrv_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  link_layers(cgisrv_${name} ${LAYER_USES})
  if(CGISRV_PRECOMPILE AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT LAYER_NO_REQUESTS AND NOT CCACHE)
    precompile_headers(cgisrv_${name})
  endif()
endfunction()

# The headers that most files include are compiled once: whoever builds for himself waits less. Not
# once more for layers at -O1, which need headers of their own: each takes 83 MB. ccache cannot keep
# what was compiled so.
option(CGISRV_PRECOMPILE "compile the headers that most files include once" ON)
function(precompile_headers target)
  if(NOT TARGET cgisrv_headers)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers.cc CONTENT "")
    add_library(cgisrv_headers OBJECT ${CMAKE_BINARY_DIR}/headers.cc)
    target_link_libraries(cgisrv_headers PRIVATE fmt::fmt)
    target_precompile_headers(cgisrv_headers PRIVATE <algorithm> <array> <atomic> <chrono> <cstdint>
                              <expected> <fmt/format.h> <functional> <list> <memory> <optional> <span>
                              <string> <string_view> <unordered_map> <utility> <variant> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM cgisrv_headers)
endfunction()

# link_layers(TARGET layers or libraries ...): it sees them, and shows them to nobody.
function(link_layers target)
  foreach(used ${ARGN})
    if(NOT used MATCHES "::")
      set(used cgisrv::${used})
    endif()
    if(NOT TARGET ${used})
      message(FATAL_ERROR "${target} uses ${used}, which is no layer above it")
    endif()
    target_link_libraries(${target} PRIVATE ${used})
  endforeach()
endfunction()

# see_layer(TARGET LAYER): a test of a layer sees that layer, and what it sees.
function(see_layer target layer)
  get_target_property(uses cgisrv_${layer} LAYER_USES)
  link_layers(${target} ${layer} ${uses})
endfunction()
