#include "auth/wire.h"

#include <array>
#include <cstring>

namespace cgisrv::auth {

namespace {

struct RequestHead {
  std::uint64_t id, client;
  std::uint32_t rule;
  std::uint16_t user_bytes, password_bytes;
  std::uint64_t kind;
};

struct ReplyBody {
  std::uint64_t id;
  std::uint16_t verdict, may_be_kept;
  std::uint32_t retry_after_s;
};

struct JobHead {
  std::uint32_t hash_bytes, password_bytes;
};

constexpr std::string_view hello = "link";

iovec part(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
std::optional<T> take(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

}  // namespace

bool send(int socket, const CheckRequest& request) {
  const RequestHead head{request.id,
                         request.client,
                         request.rule,
                         static_cast<std::uint16_t>(request.user.size()),
                         static_cast<std::uint16_t>(request.password.size()),
                         static_cast<std::uint64_t>(request.kind)};
  const std::array parts{part(bytes_of(head)), part(request.user), part(request.password)};
  return send_packet(socket, parts, {});
}

std::optional<CheckRequest> unpack_request(const Packet& packet) {
  std::string_view bytes = packet.bytes;
  const auto head = take<RequestHead>(bytes);
  if (!packet.whole || !head || head->kind > static_cast<std::uint64_t>(CheckRequest::Kind::cancel))
    return std::nullopt;
  if (bytes.size() != std::size_t{head->user_bytes} + head->password_bytes) return std::nullopt;
  return CheckRequest{.kind = static_cast<CheckRequest::Kind>(head->kind),
                      .id = head->id,
                      .client = head->client,
                      .rule = head->rule,
                      .user = bytes.substr(0, head->user_bytes),
                      .password = bytes.substr(head->user_bytes)};
}

bool send(int socket, const CheckReply& reply) {
  const ReplyBody body{reply.id, static_cast<std::uint16_t>(reply.answer.verdict),
                       static_cast<std::uint16_t>(reply.answer.may_be_kept),
                       static_cast<std::uint32_t>(reply.answer.retry_after.count())};
  const std::array parts{part(bytes_of(body))};
  return send_packet(socket, parts, {});
}

std::optional<CheckReply> unpack_reply(const Packet& packet) {
  std::string_view bytes = packet.bytes;
  const auto body = take<ReplyBody>(bytes);
  if (!packet.whole || !body || !bytes.empty() ||
      body->verdict > static_cast<std::uint16_t>(Verdict::unavailable))
    return std::nullopt;
  return CheckReply{body->id,
                    {.verdict = static_cast<Verdict>(body->verdict),
                     .retry_after = std::chrono::seconds(body->retry_after_s),
                     .may_be_kept = body->may_be_kept != 0}};
}

bool send_link(int socket, int link) {
  const std::array parts{part(hello)};
  const std::array descriptors{link};
  return send_packet(socket, parts, descriptors);
}

bool send(int socket, const HashJob& job) {
  const JobHead head{static_cast<std::uint32_t>(job.hash.size()),
                     static_cast<std::uint32_t>(job.password.size())};
  const std::array parts{part(bytes_of(head)), part(job.hash), part(job.password)};
  return send_packet(socket, parts, {});
}

std::optional<HashJob> unpack_job(std::string_view bytes) {
  const auto head = take<JobHead>(bytes);
  if (!head || bytes.size() != std::size_t{head->hash_bytes} + head->password_bytes)
    return std::nullopt;
  return HashJob{bytes.substr(0, head->hash_bytes), bytes.substr(head->hash_bytes)};
}

bool send(int socket, Fit fit) {
  const std::array parts{part(bytes_of(fit))};
  return send_packet(socket, parts, {});
}

std::optional<Fit> unpack_fit(const Packet& packet) {
  std::string_view bytes = packet.bytes;
  const auto value = take<std::uint8_t>(bytes);
  if (!value || !bytes.empty() || *value > static_cast<std::uint8_t>(Fit::failed))
    return std::nullopt;
  return static_cast<Fit>(*value);
}

}  // namespace cgisrv::auth
