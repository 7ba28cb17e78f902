// policy::ContentHash in the forms that versions of resources, UIDs and placements need: the same on
// every machine, in every run and every replica.
//
//   std::string version = ContentHash().Add(name).Add(port).Hex();
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip.h"
#include "policy/content_hash.h"

namespace fairlead::controller {

class ContentHash {
 public:
  // Each piece goes in with its length, so that ("ab", "c") and ("a", "bc") differ.
  ContentHash& Add(absl::string_view text);
  ContentHash& Add(uint64_t number);
  ContentHash& Add(const IpAddress& address);
  ContentHash& Add(const IpPrefix& prefix);
  // Of a list, its length goes first.

  // Each of these ends the object's use.
  std::string Hex() { return hash_.Hex(); }  // 32 digits
  std::string Uuid();                        // RFC 9562, version 8
  uint64_t Number();

 private:
  policy::ContentHash hash_;
};

}  // namespace fairlead::controller
