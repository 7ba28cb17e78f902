// The twin of the attached programs, for explain: the same decision functions with a trace sink, on
// the very maps that the attached programs use. Those are found by walking from a device to its
// program to that program's maps, never by trusting a pin's name.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "datapath/abi/trace.h"
#include "datapath/bpf_object.h"
#include "datapath/hook_strategy.h"

namespace fairlead::datapath {

// Maps of the stage programs behind the entry program with this id, by name: of every stage that
// "stage_program" holds.
absl::StatusOr<std::map<std::string, UniqueFd>> MapsBehind(uint32_t entry_program_id,
                                                           const std::vector<std::string>& map_names);

struct TwinRun {
  std::string program;   // "pod_egress"
  uint32_t ifindex = 0;  // device that the packet is on
  std::vector<uint8_t> frame;
  fl_explain_input facts{};
};

class Twin {
 public:
  static absl::StatusOr<std::unique_ptr<Twin>> Load(std::map<std::string, UniqueFd> maps);

  absl::StatusOr<fl_trace> Run(const TwinRun& run) const;
  // A map as the attached programs have it; -1: none of that name.
  int MapFd(const std::string& name) const;

 private:
  Twin(std::map<std::string, UniqueFd> maps, BpfObject object)
      : maps_(std::move(maps)), object_(std::move(object)) {}

  std::map<std::string, UniqueFd> maps_;
  BpfObject object_;
};

}  // namespace fairlead::datapath
