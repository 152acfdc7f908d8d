# Each folder of src/ is a layer: a static library that sees the headers of the layers it names and
# no others, so that an include against the order does not build.
#
#   add_layer(NAME SOURCES file.cc ... USES other layers or libraries ...)
#
# Headers are included as "layer/file.h". That works because each layer gets an include folder of
# its own in the build tree, holding one link: layer -> src/layer.
function(add_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;USES" ${ARGN})
  set(face ${CMAKE_BINARY_DIR}/layers/${name})
  file(MAKE_DIRECTORY ${face})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${face}/${name} SYMBOLIC)
  list(TRANSFORM LAYER_SOURCES PREPEND ${name}/)
  add_library(cgisrv_${name} STATIC ${LAYER_SOURCES})
  add_library(cgisrv::${name} ALIAS cgisrv_${name})
  target_include_directories(cgisrv_${name} PUBLIC ${face})
  target_link_libraries(cgisrv_${name} PUBLIC ${LAYER_USES})
endfunction()
