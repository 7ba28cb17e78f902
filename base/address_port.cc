#include "base/address_port.h"

#include "absl/strings/str_cat.h"

namespace fairlead {

std::string WithPort(const IpAddress& address, uint16_t port) {
  return address.is_v4() ? absl::StrCat(address.ToString(), ":", port)
                         : absl::StrCat("[", address.ToString(), "]:", port);
}

}  // namespace fairlead
