// Puts fragments in order that come before their datagram's head: a device "flfrag" whose other end
// lies in a namespace of its own, where the kernel collects a datagram and sends it back, head first.
//
// The kernel is asked for it by netfilter links with defragmentation (Linux 6.6). They are pinned and
// hold the namespace, so that it outlives the process. Where the kernel has none there is no helper,
// and such fragments drop with a reason.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/netlink/socket.h"
#include "datapath/ledger.h"

namespace fairlead::datapath {

inline constexpr char kReassemblyDevice[] = "flfrag";

// Whether the kernel can do it.
bool HasDefragmentingLinks();

// Index of the device, made when it is not there. UNIMPLEMENTED when the kernel cannot.
absl::StatusOr<uint32_t> EnsureReassemblyHelper(netlink::Socket& socket, Ledger& ledger,
                                                const std::string& link_dir, uint32_t mtu);

}  // namespace fairlead::datapath
