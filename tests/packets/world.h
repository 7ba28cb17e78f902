// One node as the programs see it: devices in a network namespace of its own, the programs loaded as
// they are attached, and their twin. Tests fill the maps by the structs of datapath/abi alone.
//
// Every packet is first shown to the twin, then run: both must agree (see Run).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "datapath/abi/config.h"
#include "datapath/abi/conntrack.h"
#include "datapath/abi/endpoint.h"
#include "datapath/abi/event.h"
#include "datapath/abi/policy.h"
#include "datapath/abi/reasons.h"
#include "datapath/abi/service.h"
#include "datapath/abi/trace.h"
#include "datapath/event_reader.h"
#include "policy/compiled.h"
#include "tests/packets/packet.h"

struct fairlead_bpf;

namespace fairlead::packets {

inline constexpr int kPass = 0, kDrop = 2, kRedirect = 7;  // TC_ACT_OK, _SHOT, _REDIRECT

IpAddress Address(const std::string& text);
fl_address Abi(const IpAddress& address);
IpAddress FromAbi(const fl_address& address);

struct Pod {
  uint32_t index = 0;
  uint32_t ifindex = 0;
  IpAddress v4, v6;
  MacAddress mac{}, host_mac{};

  const IpAddress& address(bool ipv6) const { return ipv6 ? v6 : v4; }
};

// What a test run cannot know by itself.
struct Facts {
  bool own = false;        // the node itself sent the packet
  IpAddress outer_source;  // of the tunnel packet
  uint32_t gso_size = 0;   // the device is to cut it into segments of so many bytes of payload
};

struct Outcome {
  int action = 0;
  uint32_t reason = 0;  // enum fl_reason, of the drop that was counted; FORWARDED: none
  Bytes frame;          // as it leaves
  std::vector<fl_event> events;
  fl_trace trace{};  // the twin's
};

class World {
 public:
  static World& Get();

  // Back to the start: two ready pods, another node, no policy, no services, no connections.
  void Reset();

  // A and B are pods of this node.
  const Pod& a() const { return a_; }
  const Pod& b() const { return b_; }
  uint32_t node_ifindex() const { return node_ifindex_; }
  uint32_t overlay_ifindex() const { return overlay_ifindex_; }
  IpAddress node(bool ipv6) const;        // this node's address
  IpAddress other_node(bool ipv6) const;  // the other node's
  IpAddress remote_pod(bool ipv6) const;  // a pod of the other node
  IpAddress outside(bool ipv6) const;     // a host that is no node
  IpAddress unused_pod(bool ipv6) const;  // in this node's range, but nobody has it

  // Frames as they arrive at the hook.
  Ethernet FromPod(const Pod& pod) const { return {pod.mac, pod.host_mac}; }
  Ethernet ToPod(const Pod& pod) const { return {pod.host_mac, pod.mac}; }
  Ethernet FromUnderlay() const;

  Outcome Run(fl_stage stage, const Bytes& frame, uint32_t ifindex, const Facts& facts = {});
  Outcome FromPod(const Pod& pod, const Packet& packet, const Facts& facts = {});
  // From the node's stack to a pod's device.
  Outcome ToPod(const Pod& pod, const Packet& packet, const Facts& facts = {});
  Outcome FromNode(const Packet& packet);

  fl_config config();
  void SetConfig(const fl_config& config);
  fl_endpoint endpoint(const Pod& pod);
  void SetEndpoint(const Pod& pod, const fl_endpoint& endpoint);
  void SetLocation(const IpAddress& address, uint32_t kind, uint32_t index);
  void EraseLocation(const IpAddress& address);

  // Publishes sets 1.. in the order of `sets`, all generations and classes anew, epochs bumped.
  void SetPolicy(const std::vector<policy::PolicySet>& sets,
                 const std::map<std::string, policy::AddressGroup>& groups);
  // The pod's sets; FL_SET_OPEN: not isolated.
  void Isolate(const Pod& pod, uint32_t ingress_set, uint32_t egress_set);

  // Live connections, and one by index.
  std::vector<fl_ct_record> Connections();
  std::vector<uint32_t> ConnectionSlots();
  fl_ct_record Record(uint32_t slot);
  void SetRecord(uint32_t slot, const fl_ct_record& record);
  fl_ct_account Account(const Pod& pod);
  size_t TupleCount();
  fl_ct_table Table();
  void SetTable(const fl_ct_table& table);
  void Sweep();  // one tick

  // Raw access: key and value as the map has them.
  void Put(const std::string& map, const void* key, const void* value);
  void Erase(const std::string& map, const void* key);
  bool Lookup(const std::string& map, const void* key, void* value);
  template <typename K, typename V>
  void Put(const std::string& map, const K& key, const V& value) {
    Put(map, static_cast<const void*>(&key), static_cast<const void*>(&value));
  }

  fairlead_bpf* programs() { return attached_; }
  // Runs the attached program on copies of the frame, reading no events, until a reader would be woken: how
  // many copies that took; -1 when `limit` were not enough.
  int PacketsUntilWoken(fl_stage stage, const Bytes& frame, uint32_t ifindex, int limit);
  // Runs the attached program alone, on this CPU; its events wait.
  void RunAttached(fl_stage stage, const Bytes& frame, uint32_t ifindex);
  // At most `limit` of the events that wait; adds to `lost` what did not fit before them.
  std::vector<fl_event> TakeEvents(int limit = 1 << 20, uint64_t* lost = nullptr);
  // Whether Run compares the bytes that leave; a choice by chance may differ.
  bool compare_frames = true;
  // Whether it compares at all: explaining asks policy again, where a packet of a connection does not.
  bool compare_twin = true;

 private:
  World();
  int MapFd(const std::string& name) const;
  void MakeDevices();
  fairlead_bpf* Load(bool twin);
  Outcome RunOne(fairlead_bpf* programs, fl_stage stage, const Bytes& frame, uint32_t ifindex,
                 uint32_t gso_size);
  std::vector<fl_counter> Counters();
  void Clear();

  fairlead_bpf* attached_ = nullptr;
  fairlead_bpf* twin_ = nullptr;
  std::unique_ptr<datapath::EventReader> events_;
  Pod a_, b_;
  uint32_t node_ifindex_ = 0, overlay_ifindex_ = 0;
  MacAddress node_mac_{};
  uint32_t epoch_ = 1;
};

}  // namespace fairlead::packets
