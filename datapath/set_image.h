// What a policy set looks like in the kernel, before it has any number: its rows and actions.
// Pure; generation_store.h writes it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "datapath/abi/policy.h"
#include "datapath/row_store.h"
#include "policy/classifier.h"

namespace fairlead::datapath {

struct SetImage {
  uint32_t word_count = 0;
  std::vector<uint32_t> actions;  // enum fl_policy_action, by rule
  StoredRow any_peer;             // of addresses that are in none of the groups
  StoredRow any_port;
  std::map<policy::PortPrefix, StoredRow> ports;
};

SetImage BuildImage(const policy::PolicySet& set);

// The row of addresses of this class in `set`.
StoredRow BuildClassRow(const policy::PolicySet& set, const policy::AddressClass& address_class);

fl_port_row_key PortKey(uint32_t generation, const policy::PortPrefix& prefix);

}  // namespace fairlead::datapath
