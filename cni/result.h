// The result of the CNI specification, as previous plugins hand it on and as ADD prints it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

namespace fairlead::cni {

struct ResultInterface {
  std::string name;
  std::string mac;
  uint32_t mtu = 0;                 // from 1.1.0 on
  std::string sandbox;              // path of the namespace; empty: the host's
  std::string socket_path, pci_id;  // of other plugins, handed on
};

struct ResultIp {
  std::string address;  // with prefix length
  std::string gateway;
  std::optional<int64_t> interface_index;  // into Result::interfaces
};

struct ResultRoute {
  std::string dst;
  std::string gw;
  uint32_t mtu = 0;                                       // from 1.1.0 on
  std::optional<int64_t> advmss, priority, table, scope;  // from 1.1.0 on, handed on
};

struct ResultDns {
  std::vector<std::string> nameservers, search, options;
  std::string domain;
};

struct Result {
  std::vector<ResultInterface> interfaces;
  std::vector<ResultIp> ips;
  std::vector<ResultRoute> routes;
  ResultDns dns;
};

// Checks types and that interface indices lie within `interfaces`; errors carry code 6 or 7.
absl::StatusOr<Result> ParseResult(const nlohmann::json& object);
absl::StatusOr<ResultDns> ParseDns(const nlohmann::json& object, const std::string& path);
// As `cni_version` (0.4.0, 1.0.0 or 1.1.0) writes it.
std::string ResultJson(const Result& result, const std::string& cni_version);

// What a plugin later in a chain returns: everything of `previous`, then everything of `own`, whose
// interface indices move along.
Result Merge(Result previous, const Result& own);

}  // namespace fairlead::cni
