// A hash of content: the same on every machine, in every run and every replica. Versions of
// resources, UIDs and placements come from it. Not for secrets.
//
//   std::string version = ContentHash().Add(name).Add(port).Hex();
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip.h"

namespace fairlead::controller {

class ContentHash {
 public:
  // Each piece goes in with its length, so that ("ab", "c") and ("a", "bc") differ.
  ContentHash& Add(absl::string_view text);
  ContentHash& Add(uint64_t number);
  ContentHash& Add(const IpAddress& address);
  ContentHash& Add(const IpPrefix& prefix);
  // Lists: their length, then each element by an Add of the caller.

  std::string Hex() const;   // 32 digits
  std::string Uuid() const;  // RFC 9562 version 8
  uint64_t Number() const;

 private:
  std::array<uint8_t, 16> Digest() const;

  std::string bytes_;
};

}  // namespace fairlead::controller
