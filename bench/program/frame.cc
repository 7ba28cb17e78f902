#include "bench/program/frame.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstddef>

namespace fairlead::bench {
namespace {

constexpr size_t kEthernet = 14, kIp = 20, kTcp = 20, kUdp = 8;

void Put16(std::vector<uint8_t>& frame, size_t at, uint32_t value) {
  frame[at] = static_cast<uint8_t>(value >> 8);
  frame[at + 1] = static_cast<uint8_t>(value);
}

void Put32(std::vector<uint8_t>& frame, size_t at, uint32_t value) {
  Put16(frame, at, value >> 16);
  Put16(frame, at + 2, value);
}

uint32_t Sum(const std::vector<uint8_t>& frame, size_t from, size_t to) {
  uint32_t sum = 0;
  for (size_t i = from; i < to; ++i) sum += i % 2 == from % 2 ? frame[i] << 8 : frame[i];
  return sum;
}

// RFC 1071.
uint16_t Folded(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

std::vector<uint8_t> MakeFrame(const FramePath& path, const FrameTransport& transport) {
  const bool tcp = transport.protocol == IPPROTO_TCP;
  const size_t l4 = kEthernet + kIp;
  const size_t header = tcp ? kTcp : kUdp;
  std::vector<uint8_t> frame(l4 + header + static_cast<size_t>(transport.payload_bytes));
  const auto length = static_cast<uint32_t>(frame.size() - l4);

  std::copy(path.destination_mac.begin(), path.destination_mac.end(), frame.begin());
  std::copy(path.source_mac.begin(), path.source_mac.end(), frame.begin() + 6);
  Put16(frame, 12, 0x0800);

  frame[kEthernet] = 0x45;
  Put16(frame, kEthernet + 2, kIp + length);
  Put16(frame, kEthernet + 6, 0x4000);  // do not fragment
  frame[kEthernet + 8] = 64;
  frame[kEthernet + 9] = transport.protocol;
  Put32(frame, kEthernet + 12, path.source);
  Put32(frame, kEthernet + 16, path.destination);
  Put16(frame, kEthernet + 10, Folded(Sum(frame, kEthernet, l4)));

  Put16(frame, l4, transport.source_port);
  Put16(frame, l4 + 2, transport.destination_port);
  if (tcp) {
    frame[l4 + 12] = (kTcp / 4) << 4;
    frame[l4 + 13] = transport.tcp_flags;
    Put16(frame, l4 + 14, 0xffff);
  } else {
    Put16(frame, l4 + 4, length);
  }
  const uint32_t pseudo = Sum(frame, kEthernet + 12, l4) + transport.protocol + length;
  Put16(frame, l4 + (tcp ? 16 : 6), Folded(pseudo + Sum(frame, l4, frame.size())));
  return frame;
}

}  // namespace fairlead::bench
