# The libraries that are not ours. All are headers alone, except fmt and toml++, of which Debian has
# shared libraries: a static build, CGISRV_STATIC, takes these two from their headers too. So it
# needs no library of the target but libc and libstdc++, which come with a cross compiler.
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

# PCRE2 has no CMake file either. A static build for which there is no archive of it refuses regular
# expressions.
find_path(CGISRV_PCRE2_INCLUDE pcre2.h)
if(CGISRV_STATIC)
  find_library(CGISRV_PCRE2 libpcre2-8.a)
else()
  find_library(CGISRV_PCRE2 pcre2-8 REQUIRED)
endif()
if(CGISRV_PCRE2 AND CGISRV_PCRE2_INCLUDE)
  add_library(pcre2::pcre2 UNKNOWN IMPORTED)
  set_target_properties(pcre2::pcre2 PROPERTIES IMPORTED_LOCATION ${CGISRV_PCRE2}
                        INTERFACE_INCLUDE_DIRECTORIES ${CGISRV_PCRE2_INCLUDE})
else()
  add_library(cgisrv_pcre2 INTERFACE)
  target_compile_definitions(cgisrv_pcre2 INTERFACE CGISRV_WITHOUT_PCRE2)
  add_library(pcre2::pcre2 ALIAS cgisrv_pcre2)
endif()

# Nor has nghttp2. A static build for which there is no archive of it refuses HTTP/2.
find_path(CGISRV_NGHTTP2_INCLUDE nghttp2/nghttp2.h)
if(CGISRV_STATIC)
  find_library(CGISRV_NGHTTP2 libnghttp2.a)
else()
  find_library(CGISRV_NGHTTP2 nghttp2 REQUIRED)
endif()
if(CGISRV_NGHTTP2 AND CGISRV_NGHTTP2_INCLUDE)
  add_library(nghttp2::nghttp2 UNKNOWN IMPORTED)
  set_target_properties(nghttp2::nghttp2 PROPERTIES IMPORTED_LOCATION ${CGISRV_NGHTTP2}
                        INTERFACE_INCLUDE_DIRECTORIES ${CGISRV_NGHTTP2_INCLUDE})
else()
  add_library(cgisrv_nghttp2 INTERFACE)
  target_compile_definitions(cgisrv_nghttp2 INTERFACE CGISRV_WITHOUT_NGHTTP2)
  add_library(nghttp2::nghttp2 ALIAS cgisrv_nghttp2)
  set(CGISRV_HTTP2_SOURCES serve_without_nghttp2.cc)
endif()

# coding_library(NAME HEADER LIBRARY...): coding::NAME, which compresses. Brotli and zstd have no CMake
# files. A static build for which there is no archive goes without that coding.
function(coding_library name header)
  string(TOUPPER ${name} variable)
  find_path(CGISRV_${variable}_INCLUDE ${header})
  foreach(library ${ARGN})
    if(CGISRV_STATIC)
      find_library(CGISRV_${library} lib${library}.a)
    else()
      find_library(CGISRV_${library} ${library} REQUIRED)
    endif()
    list(APPEND libraries ${CGISRV_${library}})
  endforeach()
  add_library(cgisrv_${name} INTERFACE)
  add_library(coding::${name} ALIAS cgisrv_${name})
  if("${CGISRV_${variable}_INCLUDE};${libraries}" MATCHES NOTFOUND)
    target_compile_definitions(cgisrv_${name} INTERFACE CGISRV_WITHOUT_${variable})
    return()
  endif()
  target_include_directories(cgisrv_${name} INTERFACE ${CGISRV_${variable}_INCLUDE})
  target_link_libraries(cgisrv_${name} INTERFACE ${libraries})
endfunction()
coding_library(zlib zlib.h z)
coding_library(zstd zstd.h zstd)
if(CGISRV_STATIC)
  coding_library(brotli brotli/encode.h brotlienc brotlicommon)
else()
  coding_library(brotli brotli/encode.h brotlienc)
endif()

if(NOT CGISRV_STATIC)
  find_package(fmt REQUIRED)
  find_package(tomlplusplus REQUIRED)
  # Its package has no CMake file.
  find_library(CGISRV_QRENCODE qrencode REQUIRED)
  add_library(qrencode::qrencode UNKNOWN IMPORTED)
  set_target_properties(qrencode::qrencode PROPERTIES IMPORTED_LOCATION ${CGISRV_QRENCODE})
  find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
  find_library(CGISRV_CRYPT crypt REQUIRED)  # libxcrypt: crypt(3)
  add_library(cgisrv_crypt INTERFACE)
  target_link_libraries(cgisrv_crypt INTERFACE ${CGISRV_CRYPT} OpenSSL::Crypto)
  add_library(cgisrv::crypt ALIAS cgisrv_crypt)
  add_library(cgisrv_tls_library INTERFACE)
  target_link_libraries(cgisrv_tls_library INTERFACE OpenSSL::SSL OpenSSL::Crypto)
  add_library(cgisrv::tls_library ALIAS cgisrv_tls_library)
  return()
endif()

# A cross compiler brings neither crypt(3) nor OpenSSL: a static server refuses the keys auth and tls.
add_library(cgisrv_crypt INTERFACE)
target_compile_definitions(cgisrv_crypt INTERFACE CGISRV_WITHOUT_PASSWORDS)
add_library(cgisrv::crypt ALIAS cgisrv_crypt)
add_library(cgisrv_tls_library INTERFACE)
add_library(cgisrv::tls_library ALIAS cgisrv_tls_library)

# Debian has no archive of it: a static server shows no QR codes.
add_library(cgisrv_qrencode INTERFACE)
target_compile_definitions(cgisrv_qrencode INTERFACE CGISRV_WITHOUT_QRENCODE)
add_library(qrencode::qrencode ALIAS cgisrv_qrencode)

# header_library(NAME HEADER DEFINITION): as its package would define it. Imported, as that is, so that
# what is exported for others may name it.
function(header_library name header definition)
  string(MAKE_C_IDENTIFIER ${name} variable)
  find_path(${variable}_INCLUDE ${header} REQUIRED)
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${name} INTERFACE ${${variable}_INCLUDE})
  target_compile_definitions(${name} INTERFACE ${definition})
endfunction()
header_library(fmt::fmt fmt/core.h FMT_HEADER_ONLY=1)
header_library(tomlplusplus::tomlplusplus toml++/toml.h TOML_HEADER_ONLY=1)
