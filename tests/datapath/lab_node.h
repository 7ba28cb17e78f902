// A node of one's own for a test: network namespace, mount namespace with a bpffs, and pods in
// namespaces below it. All of it is invisible to others and ends with the process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ip.h"
#include "base/netlink/socket.h"
#include "base/unique_fd.h"
#include "datapath/datapath.h"
#include "datapath/desired_state.h"

namespace fairlead::datapath {

// Moves the process into a network and mount namespace of its own with a bpffs at BpfDir(). Once a
// process, before anything else.
void BecomeNode();
const std::string& BpfDir();

struct LabPod {
  UniqueFd netns;
  LocalEndpoint endpoint;
};

// A node with the addresses 192.168.50.1 and fd00:50::1 on its device "uplink", on whose other end is
// a host that is no node, with .2 and ::2.
class LabNode {
 public:
  LabNode();
  // Makes the host that `first` has outside a node, too: number 2, with the addresses .2 and ::2.
  explicit LabNode(const LabNode& first);
  ~LabNode();
  int outside() const { return outside_.get(); }
  // The node's address.
  IpAddress Address(bool v4) const;

  // Wires a pod as the CNI plugin does. Addresses are 10.244.NODE.N and fd00:10:244:NODE::N.
  LabPod& AddPod(const std::string& name, int number);
  LabPod& pod(const std::string& name) { return *pods_.at(name); }
  void RemovePod(const std::string& name);

  // Every pod with its policy known and open, this node's ranges, nothing else.
  DesiredState OpenState() const;
  // This node, as others are told of it.
  RemoteNode AsRemote() const;

 private:
  int number_ = 1;
  netlink::Socket socket_;
  UniqueFd outside_;
  std::map<std::string, std::unique_ptr<LabPod>> pods_;
};

// A cgroup that this process has moved into; it moves back out and removes it at the end. Those of
// dead processes are swept.
class LabCgroup {
 public:
  LabCgroup();
  ~LabCgroup();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Sockets of a pod, or of the node when `netns` is -1; every call waits at most `timeout_ms`: long for
// what must happen, short (kRefusedMs) for what must not.
inline constexpr int kPatienceMs = 60'000;
inline constexpr int kRefusedMs = 300;
UniqueFd ListenTcp(int netns, const IpAddress& address, uint16_t port);
// Invalid when it does not connect in time.
UniqueFd ConnectTcp(int netns, const IpAddress& address, uint16_t port, int timeout_ms = kPatienceMs);
UniqueFd AcceptTcp(int listener, int timeout_ms = kPatienceMs);
UniqueFd BindUdp(int netns, const IpAddress& address, uint16_t port);
bool SendUdp(int socket, const IpAddress& to, uint16_t port, const std::string& text);
// Sends until a datagram of that size has arrived, as a sender of UDP has to; false when none does in time.
bool Arrives(int receiver, size_t size, const std::function<void()>& send);
// A UDP datagram of IPv4 as raw fragments, the last one first.
void SendFragmentsBackwards(int netns, const IpAddress& from, const IpAddress& to, uint16_t port,
                            const std::string& text);
// "" when nothing comes.
std::string Receive(int socket, int timeout_ms = kPatienceMs);

}  // namespace fairlead::datapath
