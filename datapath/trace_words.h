// A twin's trace in words that a person understands. Pure but for what it asks of `names`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datapath/abi/trace.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

// What the agent knows of the numbers in a trace.
class TraceNames {
 public:
  virtual ~TraceNames() = default;
  // "test/a", or "" when unknown.
  virtual std::string Pod(uint32_t endpoint) const = 0;
  virtual std::string Node(uint32_t index) const = 0;
  virtual std::string Service(uint32_t number) const = 0;
  // "10.244.1.5:8080 (pod shop/cart-0)"
  virtual std::string Backend(uint32_t index) const = 0;
  // Those that a front end gives to new connections, likewise.
  virtual std::vector<std::string> Backends(const IpAddress& address, uint16_t port,
                                            uint8_t protocol) const = 0;
  // Rules of the set in force under a generation's index; nullptr when unknown.
  virtual const policy::PolicySet* Rules(uint32_t generation) const = 0;
  // "pods of team=shop", joined; "" for the class of no group.
  virtual std::string Class(uint32_t class_id) const = 0;
};

Explanation Translate(const fl_trace& trace, const TraceNames& names);

}  // namespace fairlead::datapath
