#include "http/redirect.h"

#include <algorithm>

#include "http/target.h"

namespace cgisrv::http {

std::string with_query(std::string url, std::string_view query) {
  if (url.contains('?')) return url;
  return url.insert(std::min(url.find('#'), url.size()), "?" + encode_query(query));
}

}  // namespace cgisrv::http
