#include "config/location_codecs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/value_check.h"

namespace cgisrv::config {

Codec<Match> match() {
  return {{"text", "", "a text in quotes"},
          [](const Reading& reading, const Value& value, Match& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            if (const auto match = parse_match(*found))
              target = *match;
            else
              reading.faults.add(value.at, "'{}' is {}; {}", reading.key, value.describe(),
                                 match.error().what);
          }};
}

Codec<Replacement> replacement() {
  return {{"text", "", "a text in quotes"},
          [](const Reading& reading, const Value& value, Replacement& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            if (found->empty()) return reading.wrong(value);
            if (auto made = Replacement::parse(*found))
              target = std::move(*made);
            else
              reading.fault(value.at, made.error().what);
          },
          [](const Replacement& value) {
            return value.text().empty() ? "" : fmt::format("\"{}\"", value.text());
          }};
}

namespace {

void parse_attempt(const Reading& reading, const Value& value, Attempt& target) {
  const auto* found = reading.text(value);
  if (found == nullptr) return;
  const auto mark = std::min(found->find('?'), found->size());
  auto path = Replacement::parse(found->substr(0, mark));
  auto query = Replacement::parse(found->substr(std::min(mark + 1, found->size())));
  if (!path || !query) return reading.fault(value.at, (path ? query : path).error().what);
  target.path = std::move(*path);
  target.query = std::move(*query);
}

}  // namespace

Codec<std::vector<Attempt>> attempts() {
  return {{"list of texts", "", "a list such as [\"file\", \"directory\", \"/index.php\"]"},
          [](const Reading& reading, const Value& value, std::vector<Attempt>& target) {
            const auto* found = value.as<Value::List>();
            if (found == nullptr || found->empty()) return reading.wrong(value);
            for (const Value& each : *found) {
              Attempt& attempt = target.emplace_back();
              const auto* word = each.as<std::string>();
              if (word != nullptr && *word == "file")
                attempt.kind = Attempt::Kind::file;
              else if (word != nullptr && *word == "directory")
                attempt.kind = Attempt::Kind::directory;
              else
                parse_attempt(reading, each, attempt);
            }
          }};
}

Codec<Deny> deny() {
  return {{"true, false, or choice", "\"hide\"", "true, false or \"hide\""},
          [](const Reading& reading, const Value& value, Deny& target) {
            const auto* found = value.as<bool>();
            const auto* word = value.as<std::string>();
            if (found != nullptr)
              target = *found ? Deny::forbidden : Deny::no;
            else if (word != nullptr && *word == "hide")
              target = Deny::hidden;
            else
              reading.wrong(value, std::array<std::string_view, 1>{"hide"});
          }};
}

Codec<Location> program() {
  return {
      {"true, false, or path", "", "true, false, or the path of a program or a directory of them"},
      [](const Reading& reading, const Value& value, Location& target) {
        if (const auto* in_place = value.as<bool>()) {
          target.program = *in_place ? ProgramKind::in_place : ProgramKind::none;
          target.files_only = !*in_place;
        } else if (const auto* path = reading.text(value)) {
          if (path->empty() || *path == "true" || *path == "false") return reading.wrong(value);
          target.program = ProgramKind::single;
          target.path = *path;
        }
      }};
}

Codec<backend::Target> backend_of(backend::Protocol protocol) {
  return {{"text", "", "\"unix:/path\" or \"HOST:PORT\", in quotes"},
          [protocol](const Reading& reading, const Value& value, backend::Target& target) {
            const auto* found = reading.text(value);
            if (found == nullptr) return;
            if (const auto problem = check_backend(*found); !problem.empty())
              return reading.fault(value.at, problem);
            target.protocol = protocol;
            target.address = *found;
          }};
}

}  // namespace cgisrv::config
