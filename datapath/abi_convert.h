// Addresses and prefixes between base/ip.h and datapath/abi/.
#pragma once

#include <array>
#include <cstring>

#include "base/ip.h"
#include "datapath/abi/types.h"

namespace fairlead::datapath {

inline fl_address ToAbi(const IpAddress& address) {
  fl_address abi;
  memcpy(&abi, address.bytes().data(), sizeof(abi));
  return abi;
}

inline IpAddress FromAbi(const fl_address& abi) {
  std::array<uint8_t, 16> bytes;
  memcpy(bytes.data(), &abi, sizeof(abi));
  return IpAddress(bytes);
}

// Lengths count in the 128-bit space that both families share.
inline fl_address_prefix ToAbi(const IpPrefix& prefix) {
  return {.length = static_cast<uint32_t>(prefix.length128()), .address = ToAbi(prefix.address())};
}

inline constexpr uint32_t kHostLength = 128;

inline bool IsUnspecified(const fl_address& a) {
  return (a.word[0] | a.word[1] | a.word[2] | a.word[3]) == 0;
}

// Clears the bits beyond the first `length`.
inline fl_address Masked(fl_address address, uint32_t length) {
  auto* bytes = reinterpret_cast<uint8_t*>(&address);
  for (uint32_t i = 0; i < 16; ++i) {
    const uint32_t kept = length <= i * 8 ? 0 : (length - i * 8 >= 8 ? 8 : length - i * 8);
    bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return address;
}

}  // namespace fairlead::datapath
