#include "config/section.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/suggest.h"
#include "base/text.h"
#include "config/parameters.h"

namespace cgisrv::config {

namespace {

// Keys that users expect elsewhere, and keys of other servers, with their name here if that name is
// not similar.
struct Habit {
  std::string_view keys;  // separated by spaces
  std::string_view advice;
};
constexpr Habit habits[] = {
    {"listen",
     "write [[listen]] with address = \":80\"; 'listen' in [admin] is the status page alone"},
    {"port bind host", "write [[listen]] with address = \":80\""},
    {"socket", "write [[listen]] with address = \"unix:/path\""},
    {"fastcgi_pass fastcgi_param fastcgi cgi_pass proxy_pass uwsgi_pass scgi_pass",
     "programs are run by cgisrv itself: write cgi, or interpreter, in a [[site.location]], and "
     "what they need as env = { NAME = \"value\" }"},
    {"script_alias scriptalias ScriptAlias cgi_bin cgi-bin cgi_dir cgi_assign",
     "write [[site.location]] with match = \"/cgi-bin/\" and cgi = \"/usr/lib/cgi-bin/\""},
    {"alias Alias alias.url",
     "write [[site.location]] with match = \"/icons/\" and files = \"/usr/share/icons/\""},
    {"AliasMatch ScriptAliasMatch",
     "write [[site.location]] with match = \"~^/~([a-z]+)/(.*)$\" and files = "
     "\"/home/{1}/public_html/{2}\"; with cgi = true too for programs"},
    {"Redirect RedirectPermanent RedirectMatch rewrite return url.redirect",
     "write [[site.location]] with match = \"/old/\" and redirect = { to = \"/new/\", status = 301 "
     "}; match = \"~...\" takes a regular expression"},
    {"RewriteRule RewriteCond RewriteEngine RewriteBase FallbackResource try_files url.rewrite",
     "write redirect = \"/new\", or try = [\"file\", \"directory\", \"/index.php\"], in a "
     "[[site.location]]; docs/from-apache.md has what stands for each form"},
    {"AddHandler SetHandler Action ExecCGI Options",
     "write [[site.location]] with match = \"*.cgi\" and cgi = true; with interpreter = "
     "\"/usr/bin/php-cgi\" for files that are not executable"},
    {"DirectoryIndex index_file indexfile", "write index = [\"index.html\"], under [[site]]"},
    {"ErrorLog CustomLog LogFormat LogLevel",
     "write access = \"/path\" or error = \"/path\" under [log]"},
    {"Deny deny_from Satisfy",
     "write deny = true, or allow = [\"192.0.2.0/24\"], in a [[site.location]]"},
    {"client_max_body_size max_body_size LimitRequestBody post_max_size max_body",
     "write body_size, under [limits] or in a [[site.location]]"},
    {"environment setenv SetEnv environ variables",
     "write env = { NAME = \"value\" }, under [cgi] or in a [[site.location]]"},
    {"document_root documentroot DocumentRoot doc_root docroot webroot dir directory",
     "write root = \"/path\" under [[site]]"},
    {"tls ssl https certificate ssl_certificate tls_cert",
     "there is no TLS yet: put a proxy in front, as the guide shows"},
    {"auth_basic auth_basic_user_file AuthType AuthName AuthUserFile AuthGroupFile htpasswd "
     "basic_auth password",
     "write auth = { passwords = \"/path\", groups = \"/path\" } in a [[site]] or a "
     "[[site.location]]"},
    {"host_name hostname vhost domain ServerName ServerAlias", "write server_name under [[site]]"},
    {"set_real_ip_from real_ip_header RemoteIPHeader RemoteIPTrustedProxy RemoteIPInternalProxy "
     "extforward forwarder trust_proxy trusted_proxy proxy_trusted",
     "write trusted_proxies = [\"127.0.0.1\", \"unix\"] under [server]"},
    {"send_proxy send-proxy RemoteIPProxyProtocol proxy-protocol",
     "write proxy_protocol = true under [[listen]]"},
    {"Require require Order Allow allow_from AllowFrom",
     "write allow = [\"192.0.2.0/24\", \"local\"] under [[site]] or in a [[site.location]]; for "
     "users auth = { passwords = \"/path\" }"},
    {"autoindex indexes dir_listing directory_listing", "write listing = true under [[site]]"},
    {"processes worker_processes threads", "write workers under [server]"},
    {"access_log error_log log_file", "write access = \"/path\" or error = \"/path\" under [log]"},
    {"add_header Header header setenv.add-response-header",
     "write headers = { \"X-Name\" = \"value\" }, under [[site]] or in a [[site.location]]"},
    {"error_page ErrorDocument errordocument errorpage server.errorfile-prefix",
     "write error_pages = { 404 = \"/missing.html\" }, under [[site]] or in a [[site.location]]"},
    {"expires ExpiresDefault ExpiresByType expires.url cache_control max_age",
     "write cache = \"1h\", under [[site]] or in a [[site.location]]"},
    {"AddType addtype mime_types mimetypes default_type ForceType mimetype.assign",
     "write types = { \".log\" = \"text/plain\" }, under [[site]] or in a [[site.location]]"},
    {"AddDefaultCharset default_charset encoding",
     "write charset = \"utf-8\", or \"none\", under [[site]] or in a [[site.location]]"},
    {"XSendFilePath x_sendfile xsendfile sendfile_root x-sendfile-docroot",
     "write sendfile_roots = [\"/path\"], under [cgi] or in a [[site.location]]"},
    {"daemon daemonize background",
     "it stays in the foreground; the unit cgisrv.service runs it in the background"},
};
constexpr Habit habits_of_limits[] = {
    {"memory mem address_space vmem", "write as = \"1g\": the address space of each process"},
    {"files open_files fds", "write nofile"},
    {"processes procs tasks", "write nproc"},
    {"time cpu_time seconds", "write cpu"},
    {"file_size disk", "write fsize"},
};

// The name used here; empty: the key is not a known habit.
std::string_view advice_for(const Section& section, std::string_view key) {
  const bool of_limits = section.name == "[cgi.rlimits]";
  for (const Habit& habit : of_limits ? std::span<const Habit>(habits_of_limits) : habits)
    for (std::string_view rest = habit.keys; !rest.empty();)
      if (text::take_until(rest, ' ') == key) return habit.advice;
  return {};
}

void report_unknown(const Section& section, const KeyValue& entry, Faults& faults) {
  const auto known = section.keys();
  const auto key = text::escape(entry.key, 60);
  const auto homes = sections_with(entry.key);
  const auto advice = advice_for(section, entry.key);
  if (!advice.empty()) {
    faults.add(entry.at, "there is no '{}' in {}; {}", key, section.name, advice);
  } else if (const auto meant = nearest(entry.key, known)) {
    faults.add(entry.at, "unknown key '{}' in {}; did you mean '{}'?", key, section.name, *meant);
  } else if (!homes.empty()) {
    // A key belongs to the last header above it, wherever it was meant to stand.
    faults.add(entry.at, "'{}' belongs in {}, not in {}{}", key, fmt::join(homes, " or "),
               section.name,
               section.name == "[[site.location]]" ? "; move it up, above the site's first "
                                                     "[[site.location]]"
                                                   : "");
  } else {
    faults.add(entry.at, "unknown key '{}' in {}; its keys are {}", key, section.name,
               fmt::join(known, ", "));
  }
}

}  // namespace

std::vector<std::string_view> Section::keys() const {
  std::vector<std::string_view> found;
  for (const Parameter& parameter : parameters) {
    if (!parameter.key.empty()) {
      found.push_back(parameter.key);
    } else {
      for (const auto key : parameter.kind.inside->keys())
        found.push_back(key);
    }
  }
  return found;
}

void Section::parse(const Source& source, const Value& table, void* owner) const {
  const auto known = keys();
  for (const KeyValue& entry : *table.as<Value::Table>()) {
    if (std::ranges::find(known, entry.key) == known.end())
      report_unknown(*this, entry, source.faults);
  }
  parse_known(source, table, owner);
}

void Section::parse_known(const Source& source, const Value& table, void* owner) const {
  for (const Parameter& parameter : parameters) {
    const Value* value = parameter.key.empty() ? &table : table.find(parameter.key);
    if (value != nullptr) {
      parameter.parse(source, parameter, *value, owner);
    } else if (parameter.absent.is_fault) {
      source.faults.add(table.at, "{} needs '{}'; it must be {}", name, parameter.key,
                        parameter.kind.expectation);
    }
  }
}

std::vector<std::string_view> sections_with(std::string_view key) {
  std::vector<std::string_view> found;
  for (const Section* section : sections()) {
    const auto accepted = section->keys();
    if (std::ranges::find(accepted, key) != accepted.end()) found.push_back(section->name);
  }
  return found;
}

bool is_one_table(const Reading& reading, const Value& value) {
  if (value.as<Value::List>() != nullptr)
    reading.faults.add(value.at, "'{}' may stand once only; write it with single brackets",
                       reading.key);
  else if (value.as<Value::Table>() == nullptr)
    reading.wrong(value);
  return value.as<Value::Table>() != nullptr;
}

std::span<const Value> elements(const Reading& reading, const Value& value, std::string_view name) {
  if (const auto* list = value.as<Value::List>()) return *list;
  reading.faults.add(value.at, "{} may stand several times: write it with two brackets", name);
  return {};
}

}  // namespace cgisrv::config
