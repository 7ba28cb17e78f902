#include "bench/program/attached.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/netlink/filter.h"
#include "base/status_macros.h"

namespace fairlead::bench {

absl::StatusOr<Device> Device::Open(const std::string& name) {
  const uint32_t ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) return ErrnoError(errno, absl::StrCat("find device ", name));
  ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
  ASSIGN_OR_RETURN(const auto filters, netlink::Filters(socket, {.ifindex = ifindex, .ingress = true}));
  if (filters.empty()) return absl::NotFoundError(absl::StrCat("no filter on the ingress of ", name));
  UniqueFd program(bpf_prog_get_fd_by_id(filters.front().program_id));
  if (!program.valid()) return ErrnoError(errno, absl::StrCat("open the program on ", name));
  return Device(ifindex, std::move(program));
}

absl::StatusOr<TestRun> Device::Run(const std::vector<uint8_t>& frame) const {
  __sk_buff context{};
  context.ifindex = ifindex_;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .repeat = 1);
  if (bpf_prog_test_run_opts(program_.get(), &run) != 0) return ErrnoError(errno, "BPF_PROG_TEST_RUN");
  return TestRun{.verdict = run.retval, .ns = run.duration};
}

}  // namespace fairlead::bench
