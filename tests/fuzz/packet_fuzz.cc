// Frames of any content at every hook, through BPF_PROG_TEST_RUN. Needs root.
//
// Input: a byte that picks hook and facts, then the frame from the EtherType on. What must hold:
// the programs answer with an action that exists, the twin agrees (World::Run checks), a drop has a
// reason, and what a pod gets through to another pod carries the sender's own address.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tests/packets/world.h"

namespace {

using fairlead::packets::Bytes;
using fairlead::packets::Outcome;
using fairlead::packets::World;

constexpr size_t kMacs = 12, kLargest = 2048;

World& Start() {
  // An expectation that fails anywhere stops the fuzzer.
  testing::GTEST_FLAG(break_on_failure) = true;
  World& world = World::Get();
  world.Reset();
  world.compare_frames = false;  // the twin picks identifiers of its own
  return world;
}

// The source address of the IP packet in `frame` is one of the pod's.
bool HasSourceOf(const fairlead::packets::Pod& pod, const Bytes& frame) {
  const bool ipv6 = frame[12] == 0x86;
  const std::string own = pod.address(ipv6).ToBytes();
  const size_t offset = 14 + (ipv6 ? 8 : 12);
  return frame.size() >= offset + own.size() && std::equal(own.begin(), own.end(), frame.begin() + offset,
                                                           [](char a, uint8_t b) { return uint8_t(a) == b; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World& world = Start();
  static uint64_t inputs = 0;
  // Connections of earlier inputs must not decide about later ones for ever.
  if (++inputs % 512 == 0) world.Reset();
  if (size < 23 || size > kLargest) return 0;

  const uint8_t choice = data[0];
  const fl_stage stages[] = {FL_STAGE_POD_EGRESS, FL_STAGE_POD_INGRESS, FL_STAGE_NODE_INGRESS,
                             FL_STAGE_NODE_EGRESS, FL_STAGE_OVERLAY_INGRESS};
  const fl_stage stage = stages[choice % 5];
  const bool pod_side = stage == FL_STAGE_POD_EGRESS || stage == FL_STAGE_POD_INGRESS;
  const uint32_t ifindex = pod_side                            ? world.a().ifindex
                           : stage == FL_STAGE_OVERLAY_INGRESS ? world.overlay_ifindex()
                                                               : world.node_ifindex();
  Bytes frame(kMacs);
  const fairlead::packets::MacAddress to =
      stage == FL_STAGE_NODE_INGRESS ? world.FromUnderlay().destination : world.a().host_mac;
  std::copy(to.begin(), to.end(), frame.begin());
  std::copy(world.a().mac.begin(), world.a().mac.end(), frame.begin() + 6);
  frame.insert(frame.end(), data + 1, data + size);
  // The kernel refuses test runs of less than the fixed IP header.
  if (frame.size() < 14u + (frame[12] == 0x86 ? 40 : 20)) return 0;

  fairlead::packets::Facts facts;
  facts.own = choice & 0x80;
  facts.outer_source = world.other_node(choice & 0x40);
  const Outcome outcome = world.Run(stage, frame, ifindex, facts);
  if (outcome.action != fairlead::packets::kPass && outcome.action != fairlead::packets::kDrop &&
      outcome.action != fairlead::packets::kRedirect) {
    abort();
  }
  if (outcome.action == fairlead::packets::kDrop && outcome.reason == FL_REASON_FORWARDED) abort();
  if (stage == FL_STAGE_POD_EGRESS && outcome.action == fairlead::packets::kRedirect &&
      outcome.reason == FL_REASON_FORWARDED && !HasSourceOf(world.a(), frame)) {
    abort();
  }
  return 0;
}
