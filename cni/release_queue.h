// DELs for an agent that is not there: one file each, which the agent replays (api/cni_socket.md).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "cni/attachment.h"

namespace fairlead::cni {

// Writes `request_line` as `<containerId>-<ifName>.json` into `queue_dir` (made when absent), under a
// temporary name first: the agent never reads half a file. Doing it twice leaves one file.
absl::Status QueueRelease(const std::string& queue_dir, const Attachment& attachment,
                          const std::string& request_line);

}  // namespace fairlead::cni
