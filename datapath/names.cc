#include "datapath/names.h"

#include <cstring>

namespace fairlead::datapath {
namespace {

using Hash = unsigned __int128;

constexpr Hash Wide(uint64_t high, uint64_t low) {
  return (static_cast<Hash>(high) << 64) | low;
}
constexpr Hash kOffset = Wide(0x6c62272e07bb0142, 0x62b821756295c58d);
constexpr Hash kPrime = Wide(0x0000000001000000, 0x000000000000013b);

void Mix(Hash& hash, const void* data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    hash ^= static_cast<const uint8_t*>(data)[i];
    hash *= kPrime;
  }
}

}  // namespace

NameKey MakeName(NameKind kind, const std::vector<std::string>& words) {
  Hash hash = kOffset;
  for (const std::string& word : words) {
    const uint64_t length = word.size();
    Mix(hash, &length, sizeof(length));
    Mix(hash, word.data(), word.size());
  }
  NameKey key{};
  memcpy(key.digest, &hash, sizeof(key.digest));
  key.kind = kind;
  return key;
}

}  // namespace fairlead::datapath
