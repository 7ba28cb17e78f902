// IP addresses and prefixes of either family as values.
//
// An address is 16 bytes in network byte order; an IPv4 address a.b.c.d is held
// as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), which is also how the eBPF maps hold it.
// An IPv4-mapped IPv6 text ("::ffff:1.2.3.4") therefore parses as that IPv4 address.
//
//   ASSIGN_OR_RETURN(IpPrefix pods, IpPrefix::Parse("10.244.1.0/24"));
//   pods.Contains(address);
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead {

class IpAddress {
 public:
  // :: (unspecified).
  IpAddress() = default;
  explicit IpAddress(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}

  // Accepts a dotted quad without leading zeros, or RFC 4291 text.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);
  // 4 or 16 bytes, network byte order.
  static absl::StatusOr<IpAddress> FromBytes(absl::string_view bytes);
  static IpAddress FromV4(uint32_t host_order);

  bool is_v4() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // The 4 (IPv4) or 16 (IPv6) significant bytes, network byte order.
  std::string ToBytes() const;
  // Host byte order; only for IPv4.
  uint32_t v4() const;
  // Canonical text: dotted quad, or RFC 5952.
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// An address range "address/length". `length` counts bits of the family (0..32 or 0..128).
class IpPrefix {
 public:
  IpPrefix() = default;

  // Refuses a length beyond the family; host bits are cleared, as the Kubernetes API does not
  // insist on them being zero.
  static absl::StatusOr<IpPrefix> Parse(absl::string_view text);
  static absl::StatusOr<IpPrefix> Of(const IpAddress& address, int length);
  // The /32 or /128 of one address.
  static IpPrefix Host(const IpAddress& address);

  const IpAddress& address() const { return address_; }
  int length() const { return length_; }
  // Length in the 128-bit space of IpAddress: IPv4 lengths plus 96.
  int length128() const { return address_.is_v4() ? length_ + 96 : length_; }
  bool Contains(const IpAddress& address) const;
  bool Contains(const IpPrefix& other) const;
  std::string ToString() const;

  auto operator<=>(const IpPrefix&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const IpPrefix& p) {
    return H::combine(std::move(h), p.address_, p.length_);
  }

 private:
  IpPrefix(const IpAddress& address, int length) : address_(address), length_(length) {}

  IpAddress address_;
  int length_ = 0;
};

}  // namespace fairlead
