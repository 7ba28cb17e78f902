// Socket-level programs on a cgroup: pinned links, programs replaced in place.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "datapath/bpf_object.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {

// Attaches every socket program of `object` to the cgroup v2 folder; adds how many were not there to
// `attached`. Links are pinned in `link_dir` as PROGRAM-cgroup.
absl::Status AttachSocketHooks(const BpfObject& object, const std::string& cgroup_dir,
                               const std::string& link_dir, uint64_t& attached);
std::vector<AttachedProgram> ListSocketHooks(const BpfObject& object, const std::string& link_dir);

}  // namespace fairlead::datapath
