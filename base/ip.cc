#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fairlead {
namespace {

constexpr std::array<uint8_t, 12> kV4Mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// `bytes` with every bit from `length128` on cleared.
std::array<uint8_t, 16> Masked(std::array<uint8_t, 16> bytes, int length128) {
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(length128 - 8 * i, 0, 8);
    bytes[i] &= static_cast<uint8_t>(0xff00 >> keep);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  std::array<uint8_t, 16> bytes{};
  const bool has_nul = text.find('\0') != absl::string_view::npos;
  if (!has_nul && inet_pton(AF_INET, copy.c_str(), bytes.data() + 12) == 1) {
    std::copy(kV4Mapped.begin(), kV4Mapped.end(), bytes.begin());
    return IpAddress(bytes);
  }
  if (!has_nul && inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IP address"));
}

absl::StatusOr<IpAddress> IpAddress::FromBytes(absl::string_view bytes) {
  std::array<uint8_t, 16> out{};
  if (bytes.size() == 4) {
    std::copy(kV4Mapped.begin(), kV4Mapped.end(), out.begin());
    memcpy(out.data() + 12, bytes.data(), 4);
  } else if (bytes.size() == 16) {
    memcpy(out.data(), bytes.data(), 16);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("an IP address has 4 or 16 bytes, not ", bytes.size()));
  }
  return IpAddress(out);
}

IpAddress IpAddress::FromV4(uint32_t host_order) {
  std::array<uint8_t, 16> out{};
  std::copy(kV4Mapped.begin(), kV4Mapped.end(), out.begin());
  const uint32_t network_order = htonl(host_order);
  memcpy(out.data() + 12, &network_order, 4);
  return IpAddress(out);
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Mapped.begin(), kV4Mapped.end(), bytes_.begin());
}

std::string IpAddress::ToBytes() const {
  const int skip = is_v4() ? 12 : 0;
  return std::string(reinterpret_cast<const char*>(bytes_.data()) + skip, 16 - skip);
}

uint32_t IpAddress::v4() const {
  uint32_t network_order;
  memcpy(&network_order, bytes_.data() + 12, 4);
  return ntohl(network_order);
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? 12 : 0), text, sizeof(text));
  return text;
}

absl::StatusOr<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has no prefix length (want ADDRESS/LENGTH)"));
  }
  auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) return address.status();
  const absl::string_view digits = text.substr(slash + 1);
  int length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' has a malformed prefix length"));
  }
  return Of(*address, length);
}

absl::StatusOr<IpPrefix> IpPrefix::Of(const IpAddress& address, int length) {
  const int limit = address.is_v4() ? 32 : 128;
  if (length < 0 || length > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("prefix length ", length, " of ", address.ToString(), " is outside 0..", limit));
  }
  const int length128 = address.is_v4() ? length + 96 : length;
  return IpPrefix(IpAddress(Masked(address.bytes(), length128)), length);
}

IpPrefix IpPrefix::Host(const IpAddress& address) {
  return IpPrefix(address, address.is_v4() ? 32 : 128);
}

bool IpPrefix::Contains(const IpAddress& address) const {
  return address.is_v4() == address_.is_v4() && Masked(address.bytes(), length128()) == address_.bytes();
}

bool IpPrefix::Contains(const IpPrefix& other) const {
  return other.length128() >= length128() && Contains(other.address_);
}

std::string IpPrefix::ToString() const {
  return absl::StrCat(address_.ToString(), "/", length_);
}

}  // namespace fairlead
