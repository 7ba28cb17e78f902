// Names made from content: BLAKE2b (RFC 7693) with a 16-byte digest, the same in every process and
// on every machine. Cryptographic, because names join what different tenants wrote: nobody may
// craft a selector that takes the name of another one's.
//
//   ContentHash hash;
//   hash.Add("pods").Add(namespace_name);
//   std::string name = absl::StrCat("group-", hash.Hex());
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace fairlead::policy {

class ContentHash {
 public:
  ContentHash();

  // Every value goes in with its length, so that {"ab", "c"} and {"a", "bc"} differ.
  ContentHash& Add(absl::string_view text);
  ContentHash& Add(uint64_t number);

  // Bytes as they are; for the test vectors of RFC 7693.
  void AddRaw(const void* data, size_t size);

  // 32 hexadecimal digits. Ends the object's use.
  std::string Hex();

 private:
  void Compress(bool last);

  std::array<uint64_t, 8> state_;
  std::array<uint8_t, 128> block_{};
  size_t filled_ = 0;
  uint64_t total_ = 0;
};

}  // namespace fairlead::policy
