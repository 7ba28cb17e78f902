// The compiled programs of datapath/bpf, loaded: maps that a predecessor has pinned are used on,
// others are made and pinned. Loading attaches nothing and changes nothing that runs.
//
// Pins lie in `pin_dir` as NAME_vN, N being the version of the map's layout.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

struct fairlead_bpf;

namespace fairlead::datapath {

class BpfObject {
 public:
  // A map's version is part of its pin's name: count up when key, value or meaning changes.
  static std::string PinName(const std::string& map);

  // On a failure the verifier's last words are in the status, and what ran before goes on.
  static absl::StatusOr<BpfObject> Load(const std::string& pin_dir, uint32_t max_connections);
  // The twin for `explain`: shares every map of `maps` (name -> fd) that holds state.
  static absl::StatusOr<BpfObject> LoadTwin(const std::map<std::string, int>& maps);

  BpfObject(BpfObject&&) = default;
  BpfObject& operator=(BpfObject&&) = default;
  ~BpfObject();

  // -1: there is none of that name.
  int MapFd(const std::string& name) const;
  int ProgramFd(const std::string& name) const;
  uint32_t ProgramId(const std::string& name) const;
  // Name -> fd of all maps.
  std::map<std::string, int> Maps() const;
  std::vector<std::string> Programs() const;
  // enum bpf_attach_type that the program's section names; BPF_CGROUP_* for socket hooks.
  int AttachType(const std::string& program) const;
  bool IsSocketProgram(const std::string& program) const;

 private:
  struct Closer {
    void operator()(fairlead_bpf* object) const;
  };

  explicit BpfObject(fairlead_bpf* object) : object_(object) {}

  std::unique_ptr<fairlead_bpf, Closer> object_;
  UniqueFd names_;  // the agent's own map; no program has it
};

}  // namespace fairlead::datapath
