// A packet made up for explain: the first of a connection, complete with checksums that nobody checks
// in a test run left zero. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "datapath/desired_state.h"

namespace fairlead::datapath {

struct MadePacket {
  MacAddress source_mac{};
  MacAddress destination_mac{};
  IpAddress source, destination;  // of one family
  uint8_t protocol = 6;           // TCP: a SYN; SCTP: an INIT; ICMP, ICMPv6: an echo request
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

// Ethernet frame.
std::vector<uint8_t> Frame(const MadePacket& packet);

}  // namespace fairlead::datapath
