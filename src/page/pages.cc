#include "page/pages.h"

#include <fmt/format.h>

#include "base/text.h"
#include "page/error_texts.h"
#include "page/page_frame.h"

namespace cgisrv::page {
namespace {

// A zero weight in any form of RFC 9110 section 12.4.2: "0", "0.", "0.000".
bool is_zero(std::string_view weight) {
  return weight.find_first_not_of("0.") == std::string_view::npos;
}

bool accepts_html(std::string_view media_range) {
  if (!text::equals_ignoring_case(text::trim(text::take_until(media_range, ';')), "text/html")) {
    return false;
  }
  while (!media_range.empty()) {
    auto value = text::trim(text::take_until(media_range, ';'));
    const auto name = text::take_until(value, '=');
    if (text::equals_ignoring_case(name, "q") && is_zero(value)) return false;
  }
  return true;
}

// The reason is a line of the log, which begins with the file. Here the file has a row of its own.
std::string sentence(const Failure& failure) {
  std::string_view reason = failure.reason;
  if (reason.starts_with(failure.filename + ": "))
    reason.remove_prefix(failure.filename.size() + 2);
  std::string out = text::printable_line(reason);
  if (!out.empty()) out[0] = text::upper(out[0]);
  return out;
}

struct ErrorPage {
  int status;
  std::string_view phrase;
  const ErrorText& text;
  std::string_view request_id;
  const std::optional<Failure>& failure;
  std::string_view told;
};

void add_row(std::string& out, std::string_view term, std::string_view value) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), "<dt>{}</dt><dd>{}</dd>\n", term, html_line(value));
}

// Overflowing text must be reachable by keyboard, hence the tabindex and its name.
void add_output(std::string& out, std::string_view id, std::string_view heading,
                std::string_view bytes) {
  if (bytes.empty()) return;
  fmt::format_to(std::back_inserter(out),
                 "<h2 id=\"{0}\">{1}</h2>\n"
                 "<pre class=\"{0}\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{0}\">\n"
                 "<code>{2}</code></pre>\n",
                 id, heading, text::escape_html(text::printable_text(bytes)));
}

void add_failure(std::string& out, const Failure& failure) {
  fmt::format_to(std::back_inserter(out), "<p class=\"lead\">{}</p>\n<dl>\n",
                 text::escape_html(sentence(failure)));
  add_row(out, "Program", failure.script);
  add_row(out, "File", failure.filename);
  add_row(out, "Ended", failure.exit);
  out += "</dl>\n";
  add_output(out, "stderr", "The last of its standard error", failure.stderr_tail);
  add_output(out, "stdout", "Its standard output", failure.output_head);
}

void add_remedy(std::string& out, const ErrorPage& page) {
  if (!page.told.empty())
    fmt::format_to(std::back_inserter(out), "<p class=\"lead\">Reason: {}.</p>\n",
                   html_line(page.told));
  fmt::format_to(std::back_inserter(out), "<p{}>{}</p>\n",
                 page.told.empty() ? " class=\"lead\"" : "", page.text.remedy);
  if (page.status == 404) out += "<p><a href=\"/\">Begin at the front page</a></p>\n";
}

Page as_html(const ErrorPage& page) {
  std::string main =
      fmt::format("<p class=\"status {}\"><strong>{}</strong> <span>{}</span></p>\n<h1>{}</h1>\n",
                  page.status < 500 ? "caution" : "alarm", page.status,
                  text::escape_html(page.phrase), page.text.happened);
  if (page.failure) {
    add_failure(main, *page.failure);
  } else {
    add_remedy(main, page);
  }
  fmt::format_to(std::back_inserter(main), "<footer>\n<p>Request id <code>{}</code></p>\n",
                 html_line(page.request_id));
  if (page.failure) {
    main +=
        "<p>These details are for the author of the program. Visitors from elsewhere see the "
        "status and the request id alone.</p>\n";
  }
  main += "</footer>\n";
  return html_page(fmt::format("{} {}", page.status, page.phrase),
                   page.failure ? Width::wide : Width::narrow, main);
}

void add_plain_output(std::string& out, std::string_view heading, std::string_view bytes) {
  if (bytes.empty()) return;
  fmt::format_to(std::back_inserter(out), "\n{}:\n{}", heading, text::printable_text(bytes));
  if (out.back() != '\n') out += '\n';
}

void add_plain_row(std::string& out, std::string_view term, std::string_view value) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), "{:<12}{}\n", term, text::printable_line(value));
}

Page as_text(const ErrorPage& page) {
  std::string body = fmt::format("{} {}\n\n{}\n", page.status, page.phrase, page.text.happened);
  if (!page.failure && !page.told.empty())
    fmt::format_to(std::back_inserter(body), "Reason: {}.\n", text::printable_line(page.told));
  fmt::format_to(std::back_inserter(body), "{}\n\n",
                 page.failure ? sentence(*page.failure) : page.text.remedy);
  if (page.failure) {
    add_plain_row(body, "Program", page.failure->script);
    add_plain_row(body, "File", page.failure->filename);
    add_plain_row(body, "Ended", page.failure->exit);
  }
  add_plain_row(body, "Request id", page.request_id);
  if (page.failure) {
    add_plain_output(body, "The last of its standard error", page.failure->stderr_tail);
    add_plain_output(body, "Its standard output", page.failure->output_head);
  }
  return {std::string(plain_text), std::move(body)};
}

}  // namespace

http::Response page_response(int status, const Page& page) {
  http::Response response;
  response.status = status;
  response.add("Content-Type", page.content_type);
  response.add("Vary", "Accept");
  return response;
}

bool wants_html(const http::Request& request) {
  const auto accept = request.joined("Accept");
  if (!accept) return false;
  std::string_view rest = *accept;
  while (!rest.empty()) {
    if (accepts_html(text::take_until(rest, ','))) return true;
  }
  return false;
}

Page error_page(int status, std::string_view request_id, bool html,
                const std::optional<Failure>& failure, std::string_view told) {
  const ErrorPage page{status, http::reason_phrase(status), error_text(status), request_id, failure,
                       told};
  return html ? as_html(page) : as_text(page);
}

}  // namespace cgisrv::page
