// What kube-proxy tells load balancers on port 10256, told by us: /healthz (this node balances Services, and
// will stay) and /livez (it balances them). The JSON is kube-proxy's (pkg/proxy/healthcheck, KEP-3836).
#pragma once

#include <cstdint>
#include <string>

#include "base/http_server.h"

namespace fairlead::agent {

struct ServiceHealth {
  bool serving = false;    // the datapath is programmed
  int64_t applied_ns = 0;  // when it last was, wall clock
  bool leaving = false;    // the node is being deleted
};

// It is programmed anew every --verify-interval; after this time without it something is stuck.
int64_t MaxSilenceNs(uint32_t verify_interval_s);

HttpReply ServiceHealthPage(const ServiceHealth& health, int64_t now_ns, int64_t max_silence_ns,
                            const std::string& path);

}  // namespace fairlead::agent
