// What the program on a pod's device costs, packet by packet, against an empty one.
//
// Every packet is a test run of its own, since the program changes what it forwards; the time that the
// kernel needs to read its clock is in the floor too and goes away with it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/histogram.h"
#include "bench/program/attached.h"
#include "bench/program/frame.h"

namespace fairlead::bench {

// Two pods of one node and their host-side devices.
struct Pods {
  Device client, server;
  FramePath forth, back;
};

struct Cost {
  Histogram program_ns;
  Histogram opening_ns;  // the packets that opened the connections, once each
  Histogram floor_ns;

  // {"program":{..},"opening":{..},"floor":{..},"net_p50_ns":..}
  std::string ToJson() const;
};

struct EstablishedOptions {
  uint8_t protocol = 6;
  int flows = 1;
  int packets = 200'000;
  uint32_t seed = 1;
};

// Packets of established connections, `flows` of them in random order. Fails when one is not
// redirected to the other pod.
absl::StatusOr<Cost> CostOfEstablished(const Pods& pods, const Device& floor,
                                       const EstablishedOptions& options);

// Packets that open no connection because policy drops them: each is decided from the start.
absl::StatusOr<Cost> CostOfDenied(const Pods& pods, const Device& floor, uint16_t port, int packets);

}  // namespace fairlead::bench
