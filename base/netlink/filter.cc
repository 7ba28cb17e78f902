#include "base/netlink/filter.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

constexpr uint32_t kPriorityShift = 16;

tcmsg HeaderOf(const FilterPoint& at) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(at.ifindex);
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, at.ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  return header;
}

// Of every protocol.
tcmsg HeaderOf(const FilterPoint& at, const FilterId& id) {
  tcmsg header = HeaderOf(at);
  header.tcm_handle = id.handle;
  header.tcm_info = TC_H_MAKE(static_cast<uint32_t>(id.priority) << kPriorityShift, htons(ETH_P_ALL));
  return header;
}

std::string Describe(const FilterPoint& at) {
  return absl::StrCat(at.ingress ? "ingress" : "egress", " of device with index ", at.ifindex);
}

}  // namespace

absl::Status EnsureClsact(Socket& socket, uint32_t ifindex) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  header.tcm_parent = TC_H_CLSACT;
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, header);
  message.PutString(TCA_KIND, "clsact");
  const absl::Status made = socket.Execute(message);
  if (absl::IsAlreadyExists(made)) return absl::OkStatus();
  return WrapError(made, absl::StrCat("make clsact on device with index ", ifindex));
}

absl::Status ReplaceFilter(Socket& socket, const FilterPoint& at, const FilterId& id, int program_fd,
                           const std::string& name) {
  Message message(RTM_NEWTFILTER, NLM_F_CREATE, HeaderOf(at, id));
  message.PutString(TCA_KIND, "bpf");
  const size_t options = message.Begin(TCA_OPTIONS);
  message.Put(TCA_BPF_FD, static_cast<uint32_t>(program_fd));
  message.PutString(TCA_BPF_NAME, name);
  message.Put<uint32_t>(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  message.End(options);
  return WrapError(socket.Execute(message), absl::StrCat("put filter ", name, " on ", Describe(at)));
}

absl::Status DeleteFilter(Socket& socket, const FilterPoint& at, const FilterId& id) {
  Message message(RTM_DELTFILTER, 0, HeaderOf(at, id));
  message.PutString(TCA_KIND, "bpf");
  return WrapError(socket.Execute(message), absl::StrCat("delete a filter on ", Describe(at)));
}

absl::StatusOr<std::vector<Filter>> Filters(Socket& socket, const FilterPoint& at) {
  Message message(RTM_GETTFILTER, NLM_F_DUMP, HeaderOf(at));
  std::vector<Filter> filters;
  const absl::Status listed = socket.Query(message, [&](const nlmsghdr* reply) {
    if (reply->nlmsg_type != RTM_NEWTFILTER) return;
    const auto* header = static_cast<const tcmsg*>(NLMSG_DATA(reply));
    const Attributes options = Attributes::Of<tcmsg>(reply).Nested(TCA_OPTIONS);
    // The head of each priority comes as a reply of its own, without a program.
    if (!options.Has(TCA_BPF_ID)) return;
    filters.push_back(
        {.id = {static_cast<uint16_t>(TC_H_MAJ(header->tcm_info) >> kPriorityShift), header->tcm_handle},
         .program_id = options.Get<uint32_t>(TCA_BPF_ID),
         .name = options.String(TCA_BPF_NAME)});
  });
  // Without a clsact, or without the device, some kernels say so and others say nothing.
  if (absl::IsNotFound(listed) || absl::IsInvalidArgument(listed)) return std::vector<Filter>();
  RETURN_IF_ERROR(WrapError(listed, absl::StrCat("list filters on ", Describe(at))));
  return filters;
}

}  // namespace fairlead::netlink
