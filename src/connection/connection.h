// One client's connection, of any protocol, as those who hold many see it.
#pragma once

#include <cgisrv/loop.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

namespace cgisrv::connection {

class Connections;

class Connection {
 public:
  // What it is doing: an exchange and its end, receiving a head, or nothing.
  enum class Use : std::uint8_t { busy, head, idle };
  static constexpr std::size_t uses = 3;

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // First, once it is in the lists.
  virtual void start() = 0;
  // Graceful stop: ends after what is under way; at once when there is nothing.
  virtual void drain() = 0;
  // Other workers serve: tells the client that the connection is about to end.
  virtual void close_after_next() = 0;
  // How long the client has kept us waiting during an exchange, or after one: silent, or too slow.
  virtual Clock::duration waited_for_client() const = 0;
  // Drops the client and whatever runs for it. The object is freed after the batch.
  virtual void close() = 0;

  Use use() const { return use_; }
  TimePoint used_since() const { return used_since_; }

 protected:
  explicit Connection(Connections& connections) : connections_(connections) {}
  // From now on.
  void set_use(Use use);

  Connections& connections_;

 private:
  friend class Connections;
  std::list<std::unique_ptr<Connection>>::iterator position_;  // in the lists
  Use use_ = Use::busy;
  TimePoint used_since_{};
};

}  // namespace cgisrv::connection
