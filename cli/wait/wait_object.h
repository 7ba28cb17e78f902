// What `fairlead wait` is told to wait for. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace fairlead::cli {

struct WaitObject {
  std::string kind;  // "NetworkPolicy" or "Service"
  std::string namespace_name;
  std::string name;

  // "NetworkPolicy shop/allow-cart"
  std::string ToString() const;
};

// "networkpolicy/allow-cart" in `default_namespace`, or "networkpolicy/shop/allow-cart"; kinds as kubectl has
// them: networkpolicy, netpol, service, svc, singular or plural, in any case.
absl::StatusOr<WaitObject> ParseWaitObject(const std::string& text, const std::string& default_namespace);

}  // namespace fairlead::cli
