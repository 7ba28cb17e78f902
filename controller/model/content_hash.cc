#include "controller/model/content_hash.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fairlead::controller {

ContentHash& ContentHash::Add(absl::string_view text) {
  hash_.Add(text);
  return *this;
}

ContentHash& ContentHash::Add(uint64_t number) {
  hash_.Add(number);
  return *this;
}

ContentHash& ContentHash::Add(const IpAddress& address) {
  return Add(absl::string_view(address.ToBytes()));
}

ContentHash& ContentHash::Add(const IpPrefix& prefix) {
  return Add(prefix.address()).Add(static_cast<uint64_t>(prefix.length()));
}

std::string ContentHash::Uuid() {
  std::string hex = Hex();
  hex[12] = '8';                          // version
  hex[16] = "89ab"[(hex[16] - '0') & 3];  // variant
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4),
                      "-", hex.substr(20));
}

uint64_t ContentHash::Number() {
  uint64_t number = 0;
  bool parsed = absl::SimpleHexAtoi(Hex().substr(0, 16), &number);
  return parsed ? number : 0;
}

}  // namespace fairlead::controller
