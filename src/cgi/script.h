// What a request resolves to on the CGI side, as values.
#pragma once

#include <memory>
#include <string>

#include "base/tree.h"
#include "cgi/variables.h"

namespace cgisrv::cgi {

struct Script {
  std::string name;         // SCRIPT_NAME: the URL path up to the program, decoded
  std::string filename;     // SCRIPT_FILENAME: absolute path of the script
  std::string path_info;    // decoded; empty when the URL ends at the script
  std::string translated;   // PATH_TRANSLATED; empty: path_info below the root
  std::string root;         // DOCUMENT_ROOT: absolute, without a slash at the end
  std::string interpreter;  // absolute path of a program that runs the script; empty: none
  std::string tree;         // the directory below which `links` governs links
  Links links = Links::follow;
  std::shared_ptr<const AddedVariables> added;  // by a web server in front; null: there is none
  bool nph = false;  // the file's name begins with "nph-": its output is sent unmodified

  // Names the program in the log: SCRIPT_NAME is empty at the root of a site.
  const std::string& label() const { return name.empty() ? filename : name; }
};

}  // namespace cgisrv::cgi
