// The content codings that the server knows, RFC 9110 section 8.4.1; which of them a client takes;
// and for which media types they pay. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cgisrv::encoding {

enum class Coding : std::uint8_t { br, zstd, gzip };

// What the server prefers where the client does not.
using Order = std::array<Coding, 3>;
inline constexpr Order smallest_first = {Coding::br, Coding::zstd, Coding::gzip};
// For content that is compressed on its way: zstd makes the same of it as br in a third of the
// time.
inline constexpr Order fastest_first = {Coding::zstd, Coding::br, Coding::gzip};

// As in Content-Encoding: "br".
std::string_view name_of(Coding coding);
// Of the name of a file that is encoded: ".br", ".zst", ".gz".
std::string_view ending_of(Coding coding);

// Those that the client takes at least as gladly as the bytes as they are, the best first, and of
// equal ones as `order` has them. `field` is Accept-Encoding, RFC 9110 section 12.5.3. What has not
// its syntax is ignored, element by element. An empty field, as one that is not there, takes none.
// The bytes as they are are what a client gets in the end, even if it refuses them
// ("identity;q=0").
std::vector<Coding> accepted_codings(std::string_view field, const Order& order);

// Whether content of that type usually becomes smaller: text, and what is like text. `content_type`
// may have parameters.
bool is_compressible(std::string_view content_type);

}  // namespace cgisrv::encoding
