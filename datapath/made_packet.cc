#include "datapath/made_packet.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <algorithm>
#include <cstring>

namespace fairlead::datapath {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kTcp = 6, kUdp = 17, kIcmp = 1, kIcmpV6 = 58, kSctp = 132;

template <typename T>
void Append(std::vector<uint8_t>& bytes, const T& value) {
  const auto* data = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), data, data + sizeof(value));
}

struct SctpInit {
  __be16 source, destination;
  __be32 tag, checksum;
  uint8_t type, flags;
  __be16 length;
  __be32 initiate_tag, window;
  __be16 out_streams, in_streams;
  __be32 first_tsn;
};

std::vector<uint8_t> Transport(const MadePacket& packet) {
  std::vector<uint8_t> bytes;
  const __be16 source = htons(packet.source_port), destination = htons(packet.destination_port);
  switch (packet.protocol) {
    case kTcp: {
      tcphdr tcp{};
      tcp.source = source;
      tcp.dest = destination;
      tcp.doff = sizeof(tcp) / 4;
      tcp.syn = 1;
      tcp.window = htons(65535);
      Append(bytes, tcp);
      break;
    }
    case kUdp:
      Append(bytes, udphdr{source, destination, htons(sizeof(udphdr)), 0});
      break;
    case kSctp:
      Append(bytes, SctpInit{source, destination, 0, 0, 1, 0, htons(20), htonl(1), htonl(65535), htons(1),
                             htons(1), 0});
      break;
    case kIcmp: {
      icmphdr icmp{};
      icmp.type = ICMP_ECHO;
      icmp.un.echo.id = source;
      Append(bytes, icmp);
      break;
    }
    case kIcmpV6: {
      icmp6hdr icmp{};
      icmp.icmp6_type = ICMPV6_ECHO_REQUEST;
      icmp.icmp6_identifier = source;
      Append(bytes, icmp);
      break;
    }
    default:
      break;
  }
  return bytes;
}

}  // namespace

std::vector<uint8_t> Frame(const MadePacket& packet) {
  const std::vector<uint8_t> transport = Transport(packet);
  const std::string source = packet.source.ToBytes(), destination = packet.destination.ToBytes();
  std::vector<uint8_t> bytes;
  Append(bytes, packet.destination_mac);
  Append(bytes, packet.source_mac);
  if (packet.source.is_v4()) {
    Append(bytes, htons(ETH_P_IP));
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof(ip) / 4;
    ip.tot_len = htons(static_cast<uint16_t>(sizeof(ip) + transport.size()));
    ip.ttl = kHopLimit;
    ip.protocol = packet.protocol;
    memcpy(&ip.saddr, source.data(), source.size());
    memcpy(&ip.daddr, destination.data(), destination.size());
    Append(bytes, ip);
  } else {
    Append(bytes, htons(ETH_P_IPV6));
    ipv6hdr ip{};
    ip.version = 6;
    ip.payload_len = htons(static_cast<uint16_t>(transport.size()));
    ip.nexthdr = packet.protocol;
    ip.hop_limit = kHopLimit;
    memcpy(&ip.saddr, source.data(), source.size());
    memcpy(&ip.daddr, destination.data(), destination.size());
    Append(bytes, ip);
  }
  bytes.insert(bytes.end(), transport.begin(), transport.end());
  return bytes;
}

}  // namespace fairlead::datapath
