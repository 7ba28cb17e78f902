// Packets composed like algebra, with lengths and checksums right unless said otherwise:
//
//   Bytes frame = (Ethernet{mac_a, mac_b} / Ip{a, b} / Tcp{1234, 80, kSyn} / Payload{"hello"}).Build();
//
// `Ip` is IPv4 or IPv6 by its addresses, `Echo` and `IcmpError` follow it, so that one table of cases
// serves both families.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ip.h"

namespace fairlead::packets {

using Bytes = std::vector<uint8_t>;
using MacAddress = std::array<uint8_t, 6>;

struct Ethernet {
  MacAddress source{};
  MacAddress destination{};
  uint16_t type = 0;  // 0: of the layer behind it
};

struct Ip {
  IpAddress source;
  IpAddress destination;
  uint8_t hop_limit = 64;
  uint8_t protocol = 0;  // 0: of the layer behind it
  // A fragment: bytes before it and whether more follow. See Fragments().
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // bytes, a multiple of 8
  uint32_t fragment_id = 0;
  bool dont_fragment = true;        // IPv4
  Bytes options;                    // IPv4: a multiple of 4 bytes
  std::vector<uint8_t> extensions;  // IPv6: types of 8-byte headers put in before the transport
};

inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16;

struct Tcp {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t flags = kSyn;
  uint32_t sequence = 1;
  uint32_t acknowledged = 0;
};

struct Udp {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  bool checksum = true;  // false: 0, "none" (IPv4)
};

struct Sctp {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t chunk = 1;  // INIT
};

struct Echo {
  bool reply = false;
  uint16_t id = 1;
  uint16_t sequence = 1;
};

// Quotes `quoted`, a whole IP packet or the start of one.
struct IcmpError {
  uint8_t type_v4 = 3;
  uint8_t type_v6 = 1;
  uint8_t code = 0;
  uint32_t rest = 0;  // MTU and the like
  Bytes quoted;
};

// ICMPv6 of neighbour discovery; `target` for solicitations and advertisements.
struct Neighbour {
  uint8_t type = 135;
  IpAddress target;
};

struct Arp {
  uint16_t operation = 1;
  MacAddress sender_mac{};
  IpAddress sender;
  MacAddress target_mac{};
  IpAddress target;
};

struct Payload {
  Bytes bytes;
  Payload() = default;
  explicit Payload(const std::string& text) : bytes(text.begin(), text.end()) {}
  explicit Payload(size_t size) : bytes(size, 'x') {}
};

using Layer = std::variant<Ethernet, Ip, Tcp, Udp, Sctp, Echo, IcmpError, Neighbour, Arp, Payload>;

class Packet {
 public:
  Packet(Layer layer) : layers_{std::move(layer)} {}  // NOLINT: a layer is a packet
  template <typename T>
  Packet(T layer) : layers_{Layer(std::move(layer))} {}  // NOLINT: likewise

  friend Packet operator/(Packet a, const Packet& b);

  Bytes Build() const;

 private:
  std::vector<Layer> layers_;
};

// `b` inside `a`.
Packet operator/(Packet a, const Packet& b);

// The transport part of `packet` (an Ip and what it carries) cut after `cut` bytes, a multiple of 8: the
// head and what follows it, as two fragments of datagram `id`.
std::pair<Packet, Packet> Fragments(const Ip& ip, const Packet& transport, size_t cut, uint32_t id);

// The IP packet in a frame: for quoting it.
Bytes WithoutEthernet(const Bytes& frame);

// Empty when every checksum of the frame is right; otherwise says which is wrong.
std::string ChecksumError(const Bytes& frame);

// "14: 45 00 ..." for failure messages.
std::string Dump(const Bytes& bytes);

}  // namespace fairlead::packets
