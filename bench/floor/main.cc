// fairlead-floor: joins two pods by an eBPF program on each host-side device that does nothing but
// bpf_redirect_peer to the other. Stays until killed; the programs go with it.
//
//   fairlead-floor --netns /run/netns/node to-client to-server
#include <net/if.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "bench/load/endpoint.h"
#include "fairlead_floor.skel.h"

namespace fairlead::bench {
namespace {

struct Destroy {
  void operator()(fairlead_floor* skeleton) const { fairlead_floor::destroy(skeleton); }
};
using Floor = std::unique_ptr<fairlead_floor, Destroy>;

absl::StatusOr<uint32_t> IndexOf(const std::string& device) {
  const uint32_t index = if_nametoindex(device.c_str());
  if (index == 0) return ErrnoError(errno, absl::StrCat("find device ", device));
  return index;
}

// Everything that comes in on `from` goes to the other end of `to`.
absl::StatusOr<Floor> Redirect(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const uint32_t from_index, IndexOf(from));
  ASSIGN_OR_RETURN(const uint32_t to_index, IndexOf(to));
  Floor floor(fairlead_floor::open());
  if (floor == nullptr) return ErrnoError(errno, "open the floor programs");
  floor->rodata->floor_to_ifindex = to_index;
  if (fairlead_floor::load(floor.get()) != 0) return ErrnoError(errno, "load the floor programs");
  floor->links.floor_redirect_peer =
      bpf_program__attach_tcx(floor->progs.floor_redirect_peer, static_cast<int>(from_index), nullptr);
  if (floor->links.floor_redirect_peer == nullptr) {
    return ErrnoError(errno, absl::StrCat("attach to ", from, " by tcx"));
  }
  return floor;
}

absl::Status Run(const std::string& netns, const std::string& left, const std::string& right) {
  RETURN_IF_ERROR(JoinNetns(netns));
  ASSIGN_OR_RETURN(const Floor forth, Redirect(left, right));
  ASSIGN_OR_RETURN(const Floor back, Redirect(right, left));
  std::puts("ready");
  std::fflush(stdout);
  pause();
  return absl::OkStatus();
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  std::string netns, left, right;
  CLI::App app("Join two pods by an empty redirect_peer program");
  app.add_option("--netns", netns, "path of the namespace that has the devices");
  app.add_option("left", left, "host-side device of one pod")->required();
  app.add_option("right", right, "host-side device of the other")->required();
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = fairlead::bench::Run(netns, left, right);
  if (status.ok()) return 0;
  fprintf(stderr, "fairlead-floor: %s\n", std::string(status.message()).c_str());
  return 1;
} catch (const std::exception& error) {
  std::cerr << "fairlead-floor: " << error.what() << "\n";
  return 1;
}
