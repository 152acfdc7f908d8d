#include "base/broadcast_fd.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/packet.h"

namespace cgisrv {

namespace {

struct Offer {
  std::uint64_t serial = 0;
  Fd descriptor;  // none: no descriptor number was free for it
};

std::optional<Offer> receive_offer(int socket, int flags) {
  std::array<char, sizeof(std::uint64_t)> room{};
  auto packet = receive_packet(socket, room, flags);
  Offer offer;
  if (!packet || packet->bytes.size() != sizeof offer.serial) return std::nullopt;
  std::memcpy(&offer.serial, room.data(), sizeof offer.serial);
  offer.descriptor = std::move(packet->descriptor);
  return offer;
}

}  // namespace

BroadcastFd::BroadcastFd(Fd first, Fd receiving, Fd sending)
    : fd_(std::move(first)), receiving_(std::move(receiving)), sending_(std::move(sending)) {}

Result<BroadcastFd> BroadcastFd::make(Fd first) {
  auto ends = open_pair();
  if (!ends) return fail_errno(errno, "a socketpair for a log");
  return BroadcastFd(std::move(first), std::move(ends->first), std::move(ends->second));
}

bool BroadcastFd::renew() {
  if (newest_->load(std::memory_order_acquire) == serial_) return false;
  auto offer = receive_offer(receiving_.get(), MSG_PEEK);
  if (offer && !offer->descriptor) {  // then the old one's number is used
    fd_.reset();
    offer = receive_offer(receiving_.get(), MSG_PEEK);
  }
  if (!offer || !offer->descriptor) return false;
  serial_ = offer->serial;
  fd_ = std::move(offer->descriptor);
  return true;
}

// Offers the new one before it removes the old one, so that a reader always finds one.
Result<void> BroadcastFd::replace(Fd next) {
  std::uint64_t serial = serial_ + 1;
  const iovec part{&serial, sizeof serial};
  const int descriptor = next.get();
  if (!send_packet(sending_->get(), {&part, 1}, {&descriptor, 1}))
    return fail_errno(errno, "handing a descriptor to all processes");
  fd_ = std::move(next);
  for (auto front = receive_offer(receiving_.get(), MSG_PEEK); front && front->serial != serial;
       front = receive_offer(receiving_.get(), MSG_PEEK))
    receive_offer(receiving_.get(), 0);
  serial_ = serial;
  newest_->store(serial, std::memory_order_release);
  return {};
}

}  // namespace cgisrv
