// What policy the maps of a kernel in memory hold, apart from how its parts are numbered: equal for
// two kernels exactly when they hold the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datapath/fake_kernel.h"
#include "policy/classifier.h"

namespace fairlead::datapath {

struct SetContent {
  std::vector<uint32_t> actions;
  std::map<std::pair<uint32_t, std::string>, policy::Row> peers;  // by length, address
  std::map<std::pair<std::pair<uint32_t, uint32_t>, uint32_t>, policy::Row>
      ports;  // (protocol, length), port
  policy::Row any_peer;
  policy::Row any_port;

  bool operator==(const SetContent&) const = default;
};

// Ingress and egress; nullopt: not isolated.
using PodContent = std::pair<std::optional<SetContent>, std::optional<SetContent>>;

// By each address of the node's pods.
std::map<std::string, PodContent> PolicyIn(const FakeKernel& kernel);

}  // namespace fairlead::datapath
