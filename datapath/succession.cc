#include "datapath/succession.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/abi/event.h"
#include "datapath/bpf_error.h"
#include "datapath/map_table.h"
#include "datapath/words.h"

namespace fairlead::datapath {
namespace {

absl::StatusOr<std::set<uint32_t>> MapsOf(int program_fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (bpf_prog_get_info_by_fd(program_fd, &info, &size) != 0) return BpfError(errno, "ask about a program");
  std::vector<uint32_t> ids(info.nr_map_ids);
  info = {};
  info.nr_map_ids = static_cast<uint32_t>(ids.size());
  info.map_ids = reinterpret_cast<uint64_t>(ids.data());
  if (bpf_prog_get_info_by_fd(program_fd, &info, &size) != 0) {
    return BpfError(errno, "ask about a program's maps");
  }
  return std::set<uint32_t>(ids.begin(), ids.end());
}

absl::StatusOr<std::set<uint32_t>> AgentsMaps(const BpfObject& object) {
  std::set<uint32_t> ids;
  for (const MapShape& shape : kMapShapes) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    const int fd = object.MapFd(shape.name);
    if (fd < 0) continue;
    if (bpf_map_get_info_by_fd(fd, &info, &size) != 0) {
      return BpfError(errno, absl::StrCat("ask about map ", shape.name));
    }
    ids.insert(info.id);
  }
  return ids;
}

// "policy_set_v2" -> "policy_set"; "" when it is no name of a map's pin.
std::string MapOfPin(const std::string& pin) {
  size_t digits = pin.size();
  while (digits > 0 && absl::ascii_isdigit(static_cast<unsigned char>(pin[digits - 1]))) --digits;
  if (digits == pin.size() || digits < 2 || pin.compare(digits - 2, 2, "_v") != 0) return "";
  return pin.substr(0, digits - 2);
}

}  // namespace

absl::StatusOr<bool> SharesMapsWithRunning(const BpfObject& object) {
  ASSIGN_OR_RETURN(const std::set<uint32_t> agents, AgentsMaps(object));
  for (uint32_t stage = 0; stage < FL_STAGE_COUNT; ++stage) {
    const int ours = object.ProgramFd(StageProgram(stage));
    uint32_t id = 0;
    if (ours < 0 || bpf_map_lookup_elem(object.MapFd("stage_program"), &stage, &id) != 0) continue;
    const UniqueFd running(bpf_prog_get_fd_by_id(id));
    if (!running.valid())
      return BpfError(errno, absl::StrCat("open the program of stage ", StageName(stage)));
    ASSIGN_OR_RETURN(const std::set<uint32_t> theirs, MapsOf(running.get()));
    ASSIGN_OR_RETURN(const std::set<uint32_t> wanted, MapsOf(ours));
    const bool same = std::all_of(wanted.begin(), wanted.end(), [&](uint32_t map) {
      return !agents.contains(map) || theirs.contains(map);
    });
    if (!same) return false;
  }
  return true;
}

absl::Status RemoveOtherLayouts(const BpfObject& object, const std::string& pin_dir) {
  DIR* dir = opendir(pin_dir.c_str());
  if (dir == nullptr) return ErrnoError(errno, absl::StrCat("list ", pin_dir));
  std::vector<std::string> others;
  while (const dirent* entry = readdir(dir)) {
    const std::string pin = entry->d_name, map = MapOfPin(pin);
    if (object.MapFd(map) >= 0 && pin != BpfObject::PinName(map)) others.push_back(pin);
  }
  closedir(dir);
  absl::Status status;
  for (const std::string& pin : others) {
    const std::string path = absl::StrCat(pin_dir, "/", pin);
    if (unlink(path.c_str()) != 0) status.Update(ErrnoError(errno, absl::StrCat("remove ", path)));
  }
  return status;
}

}  // namespace fairlead::datapath
