// Ethernet frames for test runs: IPv4 with TCP or UDP, lengths and checksums right.
//
//   Frame(path, {.source_port = 1, .destination_port = 80, .tcp_flags = kSyn})
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace fairlead::bench {

using Mac = std::array<uint8_t, 6>;

inline constexpr uint8_t kFin = 0x01, kSyn = 0x02, kAck = 0x10;

// Where a frame goes; addresses in host byte order.
struct FramePath {
  Mac source_mac{}, destination_mac{};
  uint32_t source = 0, destination = 0;
};

struct FrameTransport {
  uint8_t protocol = 6;  // 6 or 17
  uint16_t source_port = 0, destination_port = 0;
  uint8_t tcp_flags = 0;
  int payload_bytes = 64;
};

std::vector<uint8_t> MakeFrame(const FramePath& path, const FrameTransport& transport);

}  // namespace fairlead::bench
