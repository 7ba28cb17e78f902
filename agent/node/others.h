// What others do on this node that comes in our way: a kube-proxy's rules, pods that another plugin has
// wired. Only said, with the way out; nothing of theirs is touched. Lives on the state thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/node_agent.h"
#include "base/event_loop.h"
#include "base/ip.h"
#include "base/netlink/route.h"

namespace fairlead::agent {

// Of `routes` those that lead addresses of `cidrs` elsewhere than we do: pods (one address) or a bridge (a
// range) of a plugin that was here before.
std::vector<netlink::Route> ForeignRoutes(const std::vector<netlink::Route>& routes,
                                          const std::vector<IpPrefix>& cidrs);

class OthersWatch {
 public:
  static constexpr auto kInterval = std::chrono::seconds(30);

  // Both must outlive it.
  OthersWatch(EventLoop* loop, NodeAgent* agent) : loop_(loop), agent_(agent) {}
  // On the loop's thread or after its end.
  ~OthersWatch() { loop_->Cancel(timer_); }
  OthersWatch(const OthersWatch&) = delete;
  OthersWatch& operator=(const OthersWatch&) = delete;

  void Start() { Look(); }

 private:
  void Look();
  absl::Status LookForKubeProxy() const;
  absl::Status LookForPods() const;

  EventLoop* loop_;
  NodeAgent* agent_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::agent
