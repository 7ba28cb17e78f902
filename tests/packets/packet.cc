#include "tests/packets/packet.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fairlead::packets {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58, kSctp = 132, kFragmentHeader = 44;

void Put16(Bytes& out, uint32_t value) {
  out.push_back(value >> 8);
  out.push_back(value & 0xff);
}

void Put32(Bytes& out, uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value & 0xffff);
}

void Append(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

void AppendAddress(Bytes& out, const IpAddress& address) {
  std::string bytes = address.ToBytes();
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void Set16(Bytes& out, size_t at, uint32_t value) {
  out[at] = value >> 8;
  out[at + 1] = value & 0xff;
}

uint32_t Get16(const Bytes& in, size_t at) {
  return in[at] << 8 | in[at + 1];
}

uint32_t Sum(const Bytes& bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); i += 2)
    sum += bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

uint16_t Checksum(const Bytes& bytes, uint32_t sum = 0) {
  return ~Sum(bytes, sum);
}

// CRC32c of SCTP (RFC 9260, appendix A), bit by bit.
uint32_t Crc32c(const Bytes& bytes) {
  uint32_t crc = 0xffffffff;
  for (uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

uint32_t PseudoHeaderSum(const Ip& ip, uint8_t protocol, size_t length) {
  Bytes header;
  AppendAddress(header, ip.source);
  AppendAddress(header, ip.destination);
  Put32(header, length);
  Put32(header, protocol);
  return Sum(header);
}

struct Transport {
  uint8_t protocol;
  Bytes bytes;
};

Transport BuildTransport(const Layer& layer, const Bytes& payload, const Ip& ip) {
  bool v4 = ip.source.is_v4();
  Transport t{ip.protocol, {}};
  Bytes& out = t.bytes;
  if (const auto* tcp = std::get_if<Tcp>(&layer)) {
    t.protocol = kTcp;
    Put16(out, tcp->source_port);
    Put16(out, tcp->destination_port);
    Put32(out, tcp->sequence);
    Put32(out, tcp->acknowledged);
    out.push_back(5 << 4);
    out.push_back(tcp->flags);
    Put16(out, 65000);
    Put32(out, 0);
    Append(out, payload);
    Set16(out, 16, Checksum(out, PseudoHeaderSum(ip, kTcp, out.size())));
  } else if (const auto* udp = std::get_if<Udp>(&layer)) {
    t.protocol = kUdp;
    Put16(out, udp->source_port);
    Put16(out, udp->destination_port);
    Put16(out, 8 + payload.size());
    Put16(out, 0);
    Append(out, payload);
    uint16_t sum = Checksum(out, PseudoHeaderSum(ip, kUdp, out.size()));
    if (udp->checksum) Set16(out, 6, sum ? sum : 0xffff);
  } else if (const auto* sctp = std::get_if<Sctp>(&layer)) {
    t.protocol = kSctp;
    Put16(out, sctp->source_port);
    Put16(out, sctp->destination_port);
    Put32(out, 7);
    Put32(out, 0);
    out.push_back(sctp->chunk);
    out.push_back(0);
    Put16(out, 4 + payload.size());
    Append(out, payload);
    uint32_t crc = Crc32c(out);
    for (int i = 0; i < 4; ++i) out[8 + i] = crc >> (8 * i);
  } else if (const auto* echo = std::get_if<Echo>(&layer)) {
    t.protocol = v4 ? kIcmp : kIcmpv6;
    out.push_back(v4 ? (echo->reply ? 0 : 8) : (echo->reply ? 129 : 128));
    out.push_back(0);
    Put16(out, 0);
    Put16(out, echo->id);
    Put16(out, echo->sequence);
    Append(out, payload);
  } else if (const auto* error = std::get_if<IcmpError>(&layer)) {
    t.protocol = v4 ? kIcmp : kIcmpv6;
    out.push_back(v4 ? error->type_v4 : error->type_v6);
    out.push_back(error->code);
    Put16(out, 0);
    Put32(out, error->rest);
    Append(out, error->quoted);
  } else if (const auto* neighbour = std::get_if<Neighbour>(&layer)) {
    t.protocol = kIcmpv6;
    out.push_back(neighbour->type);
    out.push_back(0);
    Put16(out, 0);
    Put32(out, 0);
    out.insert(out.end(), neighbour->target.bytes().begin(), neighbour->target.bytes().end());
  } else if (const auto* data = std::get_if<Payload>(&layer)) {
    out = data->bytes;
  }
  if (t.protocol == kIcmp) Set16(out, 2, Checksum(out));
  if (t.protocol == kIcmpv6) Set16(out, 2, Checksum(out, PseudoHeaderSum(ip, kIcmpv6, out.size())));
  return t;
}

Bytes BuildIpv4(const Ip& ip, const Transport& t, const Bytes& body) {
  Bytes out;
  out.push_back(0x40 | (5 + ip.options.size() / 4));
  out.push_back(0);
  Put16(out, 20 + ip.options.size() + body.size());
  Put16(out, ip.fragment_id);
  bool fragment = ip.more_fragments || ip.fragment_offset;
  Put16(out, (ip.dont_fragment && !fragment ? 0x4000 : 0) | (ip.more_fragments ? 0x2000 : 0) |
                 ip.fragment_offset / 8);
  out.push_back(ip.hop_limit);
  out.push_back(t.protocol);
  Put16(out, 0);
  AppendAddress(out, ip.source);
  AppendAddress(out, ip.destination);
  Append(out, ip.options);
  Set16(out, 10, Checksum(out));
  Append(out, body);
  return out;
}

Bytes BuildIpv6(const Ip& ip, const Transport& t, const Bytes& body) {
  bool fragment = ip.more_fragments || ip.fragment_offset;
  std::vector<uint8_t> chain = ip.extensions;
  if (fragment) chain.push_back(kFragmentHeader);
  chain.push_back(t.protocol);
  Bytes headers;
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    headers.push_back(chain[i + 1]);
    if (chain[i] == kFragmentHeader) {
      headers.push_back(0);
      Put16(headers, ip.fragment_offset | ip.more_fragments);
      Put32(headers, ip.fragment_id);
    } else {
      Append(headers, {0, 1, 4, 0, 0, 0, 0});  // PadN
    }
  }
  Bytes out;
  Put32(out, 6u << 28);
  Put16(out, headers.size() + body.size());
  out.push_back(chain[0]);
  out.push_back(ip.hop_limit);
  AppendAddress(out, ip.source);
  AppendAddress(out, ip.destination);
  Append(out, headers);
  Append(out, body);
  return out;
}

Bytes BuildArp(const Arp& arp) {
  Bytes out;
  Put16(out, 1);
  Put16(out, 0x0800);
  out.push_back(6);
  out.push_back(4);
  Put16(out, arp.operation);
  out.insert(out.end(), arp.sender_mac.begin(), arp.sender_mac.end());
  AppendAddress(out, arp.sender);
  out.insert(out.end(), arp.target_mac.begin(), arp.target_mac.end());
  AppendAddress(out, arp.target);
  return out;
}

}  // namespace

Packet operator/(Packet a, const Packet& b) {
  a.layers_.insert(a.layers_.end(), b.layers_.begin(), b.layers_.end());
  return a;
}

Bytes Packet::Build() const {
  size_t i = 0;
  Bytes out;
  const Ethernet* ethernet = std::get_if<Ethernet>(&layers_[0]);
  if (ethernet) ++i;
  Bytes body;
  uint16_t type = 0;
  if (i < layers_.size() && std::holds_alternative<Arp>(layers_[i])) {
    type = 0x0806;
    body = BuildArp(std::get<Arp>(layers_[i]));
  } else if (i < layers_.size() && std::holds_alternative<Ip>(layers_[i])) {
    const Ip& ip = std::get<Ip>(layers_[i]);
    type = ip.source.is_v4() ? 0x0800 : 0x86dd;
    Bytes payload;
    for (size_t j = i + 2; j < layers_.size(); ++j) Append(payload, std::get<Payload>(layers_[j]).bytes);
    Transport t{ip.protocol, {}};
    if (i + 1 < layers_.size()) t = BuildTransport(layers_[i + 1], payload, ip);
    if (ip.protocol) t.protocol = ip.protocol;
    body = ip.source.is_v4() ? BuildIpv4(ip, t, t.bytes) : BuildIpv6(ip, t, t.bytes);
  } else if (i < layers_.size()) {
    body = std::get<Payload>(layers_[i]).bytes;
  }
  if (ethernet) {
    out.insert(out.end(), ethernet->destination.begin(), ethernet->destination.end());
    out.insert(out.end(), ethernet->source.begin(), ethernet->source.end());
    Put16(out, ethernet->type ? ethernet->type : type);
  }
  Append(out, body);
  return out;
}

std::pair<Packet, Packet> Fragments(const Ip& ip, const Packet& transport, size_t cut, uint32_t id) {
  Bytes whole = (Packet(ip) / transport).Build();
  bool v4 = ip.source.is_v4();
  Bytes body(whole.begin() + (v4 ? 20 : 40), whole.end());
  Ip head = ip, tail = ip;
  head.protocol = tail.protocol = v4 ? whole[9] : whole[6];
  head.fragment_id = tail.fragment_id = id;
  head.more_fragments = true;
  tail.fragment_offset = cut;
  Payload first, second;
  first.bytes.assign(body.begin(), body.begin() + cut);
  second.bytes.assign(body.begin() + cut, body.end());
  return {Packet(head) / first, Packet(tail) / second};
}

Bytes WithoutEthernet(const Bytes& frame) {
  return {frame.begin() + 14, frame.end()};
}

std::string ChecksumError(const Bytes& frame) {
  if (frame.size() < 34) return "";
  uint32_t type = Get16(frame, 12);
  Ip ip;
  uint8_t protocol = 0;
  Bytes transport;
  if (type == 0x0800) {
    size_t header = (frame[14] & 15) * 4;
    Bytes bytes(frame.begin() + 14, frame.begin() + 14 + header);
    if (Checksum(bytes) != 0) return "IPv4 header checksum";
    std::string source(frame.begin() + 26, frame.begin() + 30);
    std::string destination(frame.begin() + 30, frame.begin() + 34);
    ip.source = *IpAddress::FromBytes(source);
    ip.destination = *IpAddress::FromBytes(destination);
    protocol = frame[23];
    if (Get16(frame, 20) & 0x3fff) return "";  // a fragment: no transport checksum of its own
    transport.assign(frame.begin() + 14 + header, frame.begin() + 14 + Get16(frame, 16));
  } else if (type == 0x86dd) {
    std::string source(frame.begin() + 22, frame.begin() + 38);
    std::string destination(frame.begin() + 38, frame.begin() + 54);
    ip.source = *IpAddress::FromBytes(source);
    ip.destination = *IpAddress::FromBytes(destination);
    protocol = frame[20];
    transport.assign(frame.begin() + 54, frame.begin() + 54 + Get16(frame, 18));
  } else {
    return "";
  }
  uint32_t pseudo = PseudoHeaderSum(ip, protocol, transport.size());
  if (protocol == kIcmp && Checksum(transport) != 0) return "ICMP checksum";
  if (protocol == kIcmpv6 && Checksum(transport, pseudo) != 0) return "ICMPv6 checksum";
  if (protocol == kTcp && Checksum(transport, pseudo) != 0) return "TCP checksum";
  if (protocol == kUdp && Get16(transport, 6) != 0 && Checksum(transport, pseudo) != 0) return "UDP checksum";
  if (protocol == kSctp) {
    uint32_t crc = 0;
    for (int i = 0; i < 4; ++i) crc |= static_cast<uint32_t>(transport[8 + i]) << (8 * i);
    std::memset(&transport[8], 0, 4);
    if (crc != Crc32c(transport)) return "SCTP checksum";
  }
  return "";
}

std::string Dump(const Bytes& bytes) {
  std::string text = absl::StrCat(bytes.size(), ":");
  for (uint8_t byte : bytes) absl::StrAppend(&text, absl::StrFormat(" %02x", byte));
  return text;
}

}  // namespace fairlead::packets
