#include "cli/lab/bpf_objects.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.h"

namespace fairlead::lab {
namespace {

int Bpf(bpf_cmd command, bpf_attr& attr) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

// Asks for the id after the one before, which opens nothing: opening a program array that is about to go
// makes Linux (6.18 at least) clear it twice and then keep it for ever.
bool Exists(bpf_cmd get_next_id, uint32_t id) {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.start_id = id - 1;
  return Bpf(get_next_id, attr) == 0 && attr.next_id == id;
}

// The number that /proc/self/fdinfo shows under `key`; 0 when it is not there.
uint32_t FdInfo(int fd, const char* key) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  char line[256];
  uint32_t value = 0;
  while (value == 0 && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) == 0) std::sscanf(line + std::strlen(key), " %u", &value);
  }
  std::fclose(file);
  return value;
}

void Note(const std::string& path, BpfIds& ids) {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.pathname = reinterpret_cast<uint64_t>(path.c_str());
  const UniqueFd fd(Bpf(BPF_OBJ_GET, attr));
  if (!fd.valid()) return;
  if (const uint32_t link = FdInfo(fd.get(), "link_id:")) {
    ids.links.push_back(link);
    // What it holds in place.
    if (const uint32_t held = FdInfo(fd.get(), "prog_id:")) ids.programs.push_back(held);
  } else if (const uint32_t program = FdInfo(fd.get(), "prog_id:")) {
    ids.programs.push_back(program);
  } else if (const uint32_t map = FdInfo(fd.get(), "map_id:")) {
    ids.maps.push_back(map);
  }
}

}  // namespace

BpfIds PinnedBelow(const std::string& dir) {
  BpfIds ids;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir, error)) {
    if (!entry.is_directory(error)) Note(entry.path(), ids);
  }
  for (std::vector<uint32_t>* list : {&ids.links, &ids.programs, &ids.maps}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return ids;
}

bool LinkExists(uint32_t id) {
  return Exists(BPF_LINK_GET_NEXT_ID, id);
}
bool ProgramExists(uint32_t id) {
  return Exists(BPF_PROG_GET_NEXT_ID, id);
}
bool MapExists(uint32_t id) {
  return Exists(BPF_MAP_GET_NEXT_ID, id);
}

}  // namespace fairlead::lab
