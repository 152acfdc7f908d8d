#include "config/habits.h"

#include <functional>
#include <span>

#include "base/text.h"
#include "config/site.h"

namespace cgisrv::config {

namespace {

// Keys that users expect elsewhere, and keys of other servers, with their name here if that name is
// not similar.
struct Habit {
  std::string_view keys;  // separated by spaces
  std::string_view advice;
};
constexpr Habit habits[] = {
    {"listen Listen",
     "write [[listen]] with address = \"127.0.0.1:8080\", or the one that you have; 'listen' in "
     "[admin] is the status page alone"},
    {"port bind host",
     "write [[listen]] with address = \"127.0.0.1:8080\", or the one that you have"},
    {"socket", "write [[listen]] with address = \"unix:/path\""},
    {"fastcgi_pass fastcgi_param scgi_pass scgi_param fastcgi.server scgi.server cgi_pass "
     "uwsgi_pass",
     "programs are run by cgisrv itself: write cgi, or interpreter, in a [[site.location]], and "
     "what they need as env = { NAME = \"value\" }; for php-fpm and its like write fastcgi = "
     "\"unix:/path\" there, or scgi"},
    {"proxy_pass ProxyPass ProxyPassReverse proxy.server reverse_proxy upstream",
     "requests are passed on by FastCGI or SCGI alone: write fastcgi = \"127.0.0.1:9000\", or "
     "scgi, "
     "in a [[site.location]]; a server that speaks HTTP needs a proxy in front"},
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
    {"Options Indexes",
     "write listing = true for Indexes; for ExecCGI [[site.location]] with match = \"*.cgi\" and "
     "cgi = true"},
    {"AddHandler SetHandler Action ExecCGI",
     "write [[site.location]] with match = \"*.cgi\" and cgi = true; with interpreter = "
     "\"/usr/bin/php-cgi\" for files that are not executable"},
    {"DirectoryIndex index_file indexfile", "write index = [\"index.html\"], under [[site]]"},
    {"Satisfy satisfy RequireAny",
     "write open_to = [\"local\", \"192.0.2.0/24\"] in auth: who comes from there needs no "
     "password"},
    {"Deny deny_from", "write deny = true, or allow = [\"192.0.2.0/24\"], in a [[site.location]]"},
    {"client_max_body_size max_body_size LimitRequestBody post_max_size max_body",
     "write body_size, under [limits] or in a [[site.location]]"},
    {"environment setenv SetEnv environ variables",
     "write env = { NAME = \"value\" }, under [cgi] or in a [[site.location]]"},
    {"document_root documentroot DocumentRoot doc_root docroot webroot dir directory",
     "write root = \"/path\" under [[site]]"},
    {"ssl https SSLEngine ssl_certificate tls_cert ssl.pemfile SSLCertificateFile "
     "SSLCertificateKeyFile SSLCertificateChainFile ssl_certificate_key ssl.privkey tls_key",
     "write tls = true under [[listen]], and tls = { certificate = \"/path\", key = \"/path\" } in "
     "[[site]]"},
    {"SSLProtocol SSLCipherSuite SSLSessionCache SSLUseStapling ssl_protocols ssl_ciphers "
     "ssl_session_cache ssl_stapling ssl_prefer_server_ciphers",
     "leave it out: TLS 1.2 and 1.3 are spoken, with the ciphers that docs/tls.md says"},
    {"auth_basic auth_basic_user_file AuthType AuthName AuthUserFile AuthGroupFile htpasswd "
     "basic_auth password",
     "write auth = { passwords = \"/path\", groups = \"/path\" } in a [[site]] or a "
     "[[site.location]]"},
    {"host_name hostname vhost domain ServerName ServerAlias", "write server_name under [[site]]"},
    {"Require require Order Allow allow_from AllowFrom",
     "write allow = [\"192.0.2.0/24\", \"local\"] under [[site]] or in a [[site.location]]; for "
     "users auth = { passwords = \"/path\" }"},
    {"autoindex indexes dir_listing directory_listing",
     "write listing = true, under [[site]] or in a [[site.location]]"},
    {"processes worker_processes threads", "write workers under [server]"},
    {"access_log error_log log_file", "write access = \"/path\" or error = \"/path\" under [log]"},
    {"daemon daemonize background",
     "it stays in the foreground; the unit cgisrv.service runs it in the background"},
};
// What is said of a whole server, its sections and its neighbours.
constexpr Habit habits_of_servers[] = {
    {"set_real_ip_from real_ip_header RemoteIPHeader RemoteIPTrustedProxy RemoteIPInternalProxy "
     "extforward forwarder trust_proxy trusted_proxy proxy_trusted",
     "write trusted_proxies = [\"127.0.0.1\", \"unix\"] under [server]"},
    {"send_proxy send-proxy RemoteIPProxyProtocol proxy-protocol",
     "write proxy_protocol = true under [[listen]]"},
    {"ssl_client_certificate ssl_verify_client SSLVerifyClient SSLCACertificateFile ssl.ca-file "
     "ssl.verifyclient.activate ssl.verifyclient.ca-file client_certificate client_auth",
     "write client_ca = \"/path/ca.pem\" in the [[site]], and auth = { certificate = \"CN\" } "
     "where a certificate is needed"},
    {"ErrorLog CustomLog TransferLog", "write access = \"/path\" or error = \"/path\" under [log]"},
    {"LogFormat log_format accesslog.format",
     "write access = { path = \"/path\", format = \"combined\" } under [log]"},
    {"LogLevel log_level loglevel",
     "write error = { path = \"stderr\", level = \"info\" } under [log]"},
    {"Timeout TimeOut CGIDScriptTimeout fastcgi_read_timeout proxy_read_timeout",
     "write header_timeout, idle_timeout and timeout, under [cgi] or in a [[site.location]]: they "
     "are for programs; those under [limits] are for clients"},
    {"KeepAlive KeepAliveTimeout MaxKeepAliveRequests keepalive",
     "write keepalive_timeout and keepalive_requests under [limits]"},
    {"MaxRequestWorkers MaxClients ServerLimit StartServers ThreadsPerChild children max_children",
     "write max_running: under [server] for all programs together, under [cgi] for each"},
    {"ServerRoot ServerAdmin ServerSignature ServerTokens server_tokens HostnameLookups LoadModule",
     "leave it out: there is nothing to say"},
    {"AllowOverride AccessFileName htaccess",
     "leave it out: files of folders, such as .htaccess, are not read; say what they say in a "
     "[[site.location]]"},
    {"VirtualHost virtualhost",
     "write [[site]] with server_name = [\"example.org\"] and root = \"/path\""},
    {"Directory DirectoryMatch LocationMatch Files FilesMatch",
     "write [[site.location]] with match = \"/x/\", \"=/x\", \"*.ext\" or \"~regex\""},
};
// Keys that were called otherwise here.
constexpr Habit renamed[] = {
    {"quit_delay", "it is called drain_delay now"},
};
// Of what is done to answers.
constexpr Habit habits_of_answers[] = {
    {"add_header Header header setenv.add-response-header",
     "write headers = { \"X-Name\" = \"value\" }, under [[site]] or in a [[site.location]]"},
    {"error_page ErrorDocument errordocument errorpage server.errorfile-prefix",
     "write error_pages = { 404 = \"/missing.html\" }, under [[site]] or in a [[site.location]]"},
    {"expires ExpiresDefault ExpiresByType expires.url cache_control max_age",
     "write cache = \"1h\", under [[site]] or in a [[site.location]]"},
    {"gzip gzip_static gzip_types brotli brotli_static deflate compression AddOutputFilterByType "
     "SetOutputFilter deflate.mimetypes deflate.allowed-encodings compress.filetype",
     "write compress = true, under [[site]] or in a [[site.location]]"},
    {"AddType addtype mime_types mimetypes default_type ForceType mimetype.assign",
     "write types = { \".log\" = \"text/plain\" }, under [[site]] or in a [[site.location]]"},
    {"AddDefaultCharset default_charset encoding",
     "write charset = \"utf-8\", or \"none\", under [[site]] or in a [[site.location]]"},
    {"XSendFilePath x_sendfile xsendfile sendfile_root x-sendfile-docroot",
     "write sendfile_roots = [\"/path\"], under [cgi] or in a [[site.location]]"},
};
// In place of http, fastcgi or scgi.
constexpr Habit habits_of_protocols[] = {
    {"fcgi fast-cgi fast_cgi", "did you mean \"fastcgi\"?"},
    {"cgi", "write \"fastcgi\" if a web server passes requests on, or else \"http\""},
    {"https tls ssl", "write tls = true, and leave 'protocol' out"},
    {"h2 h2c http2 http/2 http/2.0", "write http2 = true, and leave 'protocol' out"},
    {"http/1.1 http1", "did you mean \"http\"?"},
    {"proxy haproxy proxy_protocol", "write proxy_protocol = true, and leave 'protocol' out"},
    {"uwsgi", "a web server in front can speak \"fastcgi\" or \"scgi\" (nginx: fastcgi_pass)"},
};
constexpr Habit habits_of_listeners[] = {
    {"fastcgi scgi fcgi cgi", "write protocol = \"fastcgi\", or \"scgi\""},
};
constexpr Habit habits_of_auth[] = {
    {"name AuthName auth_name title auth_basic", "did you mean 'realm'?"},
    {"file path password_file AuthUserFile user_file auth_basic_user_file htpasswd",
     "did you mean 'passwords'?"},
    {"group AuthGroupFile group_file", "did you mean 'groups'?"},
    {"user", "did you mean 'users'?"},
    {"type AuthType auth_type method", "leave it out: a password is asked for by Basic"},
    {"require Require valid-user valid_user",
     "leave it out: whoever is in the file is let in; users = [\"alice\", \"@staff\"] lets in "
     "some"},
};
constexpr Habit habits_of_redirects[] = {
    {"permanent code type", "write status = 301"},
    {"url target location path uri", "did you mean 'to'?"},
};
constexpr Habit habits_of_limits[] = {
    {"memory mem address_space vmem", "write as = \"1g\": the address space of each process"},
    {"files open_files fds", "write nofile"},
    {"processes procs tasks", "write nproc"},
    {"time cpu_time seconds", "write cpu"},
    {"file_size disk", "write fsize"},
};

// Keys of other sections, which in a location are meant otherwise.
constexpr Habit habits_of_locations[] = {
    {"path url uri prefix pattern location", "did you mean 'match'?"},
    {"fcgi fast_cgi fast-cgi php_fpm php-fpm", "did you mean 'fastcgi'?"},
    {"alias Alias alias.url document_root documentroot DocumentRoot doc_root docroot webroot dir "
     "directory",
     "write files = \"/path/\" in its place"},
    {"AliasMatch ScriptAliasMatch",
     "write match = \"~^/~([a-z]+)/(.*)$\" and files = \"/home/{1}/public_html/{2}\" in its place; "
     "with cgi = true too for programs"},
    {"script_alias scriptalias ScriptAlias cgi_bin cgi-bin cgi_dir cgi_assign cgi_pass",
     "write cgi = \"/path/\" in its place"},
    {"fastcgi_pass fastcgi.server", "write fastcgi = \"unix:/path\" in its place"},
    {"scgi_pass scgi.server", "write scgi = \"unix:/path\" in its place"},
    {"Redirect RedirectPermanent RedirectMatch rewrite return url.redirect",
     "write redirect = { to = \"/new/\", status = 301 } in its place"},
    {"RewriteRule RewriteCond RewriteEngine RewriteBase FallbackResource try_files url.rewrite",
     "write redirect = \"/new\", or try = [\"file\", \"directory\", \"/index.php\"], in its place; "
     "docs/from-apache.md has what stands for each form"},
    {"Options Indexes", "write listing = true for Indexes, and cgi = true for ExecCGI"},
    {"AddHandler SetHandler Action ExecCGI",
     "write cgi = true in its place; with interpreter = \"/usr/bin/php-cgi\" for files that are "
     "not "
     "executable"},
    {"Deny deny_from", "write deny = true, or allow = [\"192.0.2.0/24\"], in its place"},
    {"user users passwords",
     "write auth = { passwords = \"/path\", users = [\"alice\"] } for who is let in; programs run "
     "as user under [server]"},
};

// Beginnings of lines, in small letters, that are no keys here, or keys that are written otherwise.
constexpr Habit habits_of_lines[] = {
    {"<location <locationmatch location",
     "write [[site.location]] with match = \"/x/\", \"=/x\", \"*.ext\" or \"~regex\""},
    {"<files <filesmatch", "write [[site.location]] with match = \"*.ext\""},
    {"<directory <directorymatch",
     "write [[site]] with root = \"/path\", or [[site.location]] with match = \"/x/\" and files = "
     "\"/path\""},
    {"<virtualhost server",
     "write [[site]] with server_name = [\"example.org\"] and root = \"/path\""},
    {"<limit <limitexcept limit_except",
     "write open_methods = [\"GET\"] in auth if it is about a password; else leave it out: "
     "programs "
     "get every method but CONNECT and TRACE, and files are for GET and HEAD"},
    {"<requireany",
     "write open_to = [\"local\"] in auth, if an address or a password is enough; else leave it "
     "out"},
    {"<if <ifmodule <ifdefine <ifversion <else <elseif <requireall if else http events",
     "leave it out, and keep what holds within it"},
    {"$http[\"host\"]", "write [[site]] with server_name = [\"example.org\"] and root = \"/path\""},
    {"$http[\"url\"]", "write [[site.location]] with match = \"/x/\" or \"~regex\""},
    {"root server.document-root", "write root = \"/path\" under [[site]]"},
    {"server_name server.name", "write server_name = [\"example.org\"] under [[site]]"},
    {"server.port server.bind",
     "write [[listen]] with address = \"127.0.0.1:8080\", or the one that you have"},
    {"user group server.username server.groupname", "write user = \"www-data\" under [server]"},
    {"index index-file.names", "write index = [\"index.html\"], under [[site]]"},
    {"include includeoptional", "write include = [\"conf.d/*.toml\"], above the first [section]"},
    {"deny url.access-deny", "write deny = true in a [[site.location]]"},
    {"allowoverride accessfilename",
     "leave it out: files of folders, such as .htaccess, are not read"},
    {"loadmodule load_module server.modules", "leave it out: there is nothing to load"},
    {"cgi.assign",
     "write [[site.location]] with match = \"*.pl\" and cgi = true, or interpreter = "
     "\"/usr/bin/perl\""},
    {"dir-listing.activate", "write listing = true, under [[site]] or in a [[site.location]]"},
    {"auth.backend auth.backend.htpasswd.userfile auth.require",
     "write auth = { passwords = \"/path\" } in a [[site]] or a [[site.location]]"},
    {"setenv.add-environment",
     "write env = { NAME = \"value\" }, under [cgi] or in a [[site.location]]"},
    {"accesslog.filename server.errorlog",
     "write access = \"/path\" or error = \"/path\" under [log]"},
};

template <typename Same>
std::string_view advice_of(std::span<const Habit> those, std::string_view word, const Same& same) {
  for (const Habit& habit : those)
    for (std::string_view rest = habit.keys; !rest.empty();)
      if (same(text::take_until(rest, ' '), word)) return habit.advice;
  return {};
}

template <typename Same>
std::string_view advice_on_word(std::string_view word, const Same& same) {
  for (const std::span<const Habit> those :
       {std::span<const Habit>(renamed), std::span<const Habit>(habits),
        std::span<const Habit>(habits_of_servers)})
    if (const auto advice = advice_of(those, word, same); !advice.empty()) return advice;
  return advice_of(habits_of_answers, word, same);
}

// Whether a key and its value stand there, whatever may be wrong with them. Comparisons, and lists
// in round brackets, are lighttpd's.
bool is_like_toml(std::string_view behind_the_word) {
  const auto rest = text::trim(behind_the_word);
  if (!rest.starts_with('=')) return false;
  const auto value = text::trim(rest.substr(1));
  return !value.starts_with('(') && !value.starts_with('=') && !value.starts_with('~');
}

}  // namespace

std::string_view advice_on_key(std::string_view key) {
  return advice_on_word(key, std::equal_to<>());
}

std::string_view advice_on_location(std::string_view key) {
  return advice_of(habits_of_locations, key, std::equal_to<>());
}

std::string_view advice_on_listener(std::string_view key) {
  return advice_of(habits_of_listeners, key, std::equal_to<>());
}

std::string_view advice_on_auth(std::string_view key) {
  return advice_of(habits_of_auth, key, std::equal_to<>());
}

std::string_view advice_on_redirect(std::string_view key) {
  return advice_of(habits_of_redirects, key, std::equal_to<>());
}

std::string_view advice_on_protocol(std::string_view word) {
  return advice_of(habits_of_protocols, word, text::equals_ignoring_case);
}

std::string_view advice_on_limit(std::string_view key) {
  return advice_of(habits_of_limits, key, std::equal_to<>());
}

std::string_view advice_on_line(std::string_view line) {
  line = text::trim(line);
  if (line.starts_with("</") || line.starts_with('}'))
    return "leave it out: a section ends where the next begins";
  const std::string_view word = line.substr(0, line.find_first_of(" \t=+;{>~!"));
  if (is_like_toml(line.substr(word.size()))) return {};
  if (const auto advice = advice_of(habits_of_lines, word, text::equals_ignoring_case);
      !advice.empty())
    return advice;
  return advice_on_word(word, text::equals_ignoring_case);
}

}  // namespace cgisrv::config
