// Heads made from other heads: the same ones from the same corpus, on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace cgisrv::differential {

class Mutations {
 public:
  explicit Mutations(std::vector<std::string> corpus) : corpus_(std::move(corpus)) {}

  std::string next() {
    std::string head = pick(corpus_);
    for (auto changes = 1 + below(4); changes > 0; --changes)
      change(head);
    return head;
  }

 private:
  // What parsers have been known to disagree about.
  inline static const std::vector<std::string> parts = {"\r\n",
                                                        "\n",
                                                        "\r",
                                                        " ",
                                                        "\t",
                                                        "  ",
                                                        ":",
                                                        ",",
                                                        ";",
                                                        "\v",
                                                        "\f",
                                                        "\x7f",
                                                        "\x80",
                                                        "\xff",
                                                        std::string(1, '\0'),
                                                        "\"",
                                                        "\\",
                                                        "#",
                                                        "%00",
                                                        "HTTP/1.1",
                                                        "HTTP/1.0",
                                                        "HTTP/1.2",
                                                        "HTTP/1.9",
                                                        "HTTP/2.0",
                                                        "http://",
                                                        "*",
                                                        "GET ",
                                                        "POST ",
                                                        "\r\nHost: y",
                                                        "\r\nContent-Length: 3",
                                                        "\r\nContent-Length: 3, 3",
                                                        "\r\ncontent-length: 4",
                                                        "\r\nTransfer-Encoding: chunked",
                                                        "\r\nTransfer-Encoding: identity",
                                                        "\r\nTransfer-Encoding: chunked, chunked",
                                                        "\r\nTransfer-Encoding: gzip",
                                                        "\r\nConnection: close",
                                                        "\r\nConnection: keep-alive",
                                                        "\r\nConnection: upgrade",
                                                        "\r\nProxy-Connection: close",
                                                        "\r\nUpgrade: h2c",
                                                        "\r\nExpect: 100-continue",
                                                        "\r\n folded",
                                                        "\r\nA : b",
                                                        "+",
                                                        "-",
                                                        "0x",
                                                        "00",
                                                        "18446744073709551616"};

  std::size_t below(std::size_t limit) {
    // Not a distribution of the library's: those differ between libraries.
    return static_cast<std::size_t>(random_() % limit);
  }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  void change(std::string& head) {
    const auto at = below(head.size() + 1);
    switch (below(6)) {
      case 0:
        head.insert(at, pick(parts));
        break;
      case 1:
        head.replace(at, 1 + below(3), pick(parts));
        break;
      case 2:
        head.erase(at, 1 + below(4));
        break;
      case 3:
        if (at < head.size()) head[at] = static_cast<char>(below(256));
        break;
      case 4:
        insert_line(head, line_of(head));
        break;
      case 5:
        insert_line(head, line_of(pick(corpus_)));
        break;
    }
  }

  // A field line with the line end before it.
  std::string line_of(const std::string& head) {
    const auto begin = head.find("\r\n", below(head.size() + 1));
    if (begin == std::string::npos) return {};
    return head.substr(begin, head.find("\r\n", begin + 2) - begin);
  }
  void insert_line(std::string& head, const std::string& line) {
    const auto at = head.find("\r\n", below(head.size() + 1));
    if (at != std::string::npos) head.insert(at, line);
  }

  std::vector<std::string> corpus_;
  std::mt19937_64 random_{2026};
};

}  // namespace cgisrv::differential
