#include "controller/model/content_hash.h"

#include <openssl/sha.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fairlead::controller {

ContentHash& ContentHash::Add(uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) bytes_.push_back(static_cast<char>(number >> shift));
  return *this;
}

ContentHash& ContentHash::Add(absl::string_view text) {
  Add(static_cast<uint64_t>(text.size()));
  bytes_.append(text.data(), text.size());
  return *this;
}

ContentHash& ContentHash::Add(const IpAddress& address) {
  return Add(absl::string_view(address.ToBytes()));
}

ContentHash& ContentHash::Add(const IpPrefix& prefix) {
  return Add(prefix.address()).Add(static_cast<uint64_t>(prefix.length()));
}

std::array<uint8_t, 16> ContentHash::Digest() const {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> whole{};
  SHA256(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size(), whole.data());
  std::array<uint8_t, 16> digest{};
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

std::string ContentHash::Hex() const {
  std::array<uint8_t, 16> digest = Digest();
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string ContentHash::Uuid() const {
  std::string hex = Hex();
  hex[12] = '8';                          // version
  hex[16] = "89ab"[(hex[16] - '0') & 3];  // variant
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4),
                      "-", hex.substr(20));
}

uint64_t ContentHash::Number() const {
  std::array<uint8_t, 16> digest = Digest();
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | digest[i];
  return number;
}

}  // namespace fairlead::controller
