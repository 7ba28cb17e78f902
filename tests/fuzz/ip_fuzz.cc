// Texts of addresses and prefixes: what parses prints as text that parses to the same value.
#include <cstdint>
#include <cstdlib>

#include "base/ip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto address = fairlead::IpAddress::Parse(text); address.ok()) {
    if (*fairlead::IpAddress::Parse(address->ToString()) != *address) abort();
    if (*fairlead::IpAddress::FromBytes(address->ToBytes()) != *address) abort();
  }
  if (auto prefix = fairlead::IpPrefix::Parse(text); prefix.ok()) {
    if (*fairlead::IpPrefix::Parse(prefix->ToString()) != *prefix) abort();
    if (!prefix->Contains(prefix->address())) abort();
  }
  return 0;
}
