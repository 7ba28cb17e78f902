#include "base/netlink/address.h"

#include <linux/if_addr.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

Message AddressMessage(uint16_t type, uint16_t flags, uint32_t ifindex, const IpAddress& address,
                       int length) {
  ifaddrmsg header{};
  header.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
  header.ifa_prefixlen = static_cast<uint8_t>(length);
  header.ifa_index = ifindex;
  if (!address.is_v4()) header.ifa_flags = IFA_F_NODAD;
  Message message(type, flags, header);
  const std::string bytes = address.ToBytes();
  message.PutBytes(IFA_LOCAL, bytes.data(), bytes.size());
  message.PutBytes(IFA_ADDRESS, bytes.data(), bytes.size());
  return message;
}

std::string Describe(const IpAddress& address, int length, uint32_t ifindex) {
  return absl::StrCat("address ", address.ToString(), "/", length, " of device with index ", ifindex);
}

}  // namespace

absl::Status AddAddress(Socket& socket, uint32_t ifindex, const IpAddress& address, int prefix_length) {
  Message message =
      AddressMessage(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, address, prefix_length);
  return WrapError(socket.Execute(message), absl::StrCat("add ", Describe(address, prefix_length, ifindex)));
}

absl::Status DeleteAddress(Socket& socket, uint32_t ifindex, const IpAddress& address, int prefix_length) {
  Message message = AddressMessage(RTM_DELADDR, 0, ifindex, address, prefix_length);
  return WrapError(socket.Execute(message),
                   absl::StrCat("delete ", Describe(address, prefix_length, ifindex)));
}

absl::StatusOr<std::vector<InterfaceAddress>> Addresses(Socket& socket) {
  Message message(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  std::vector<InterfaceAddress> addresses;
  RETURN_IF_ERROR(
      WrapError(socket.Query(message,
                             [&](const nlmsghdr* reply) {
                               if (reply->nlmsg_type != RTM_NEWADDR) return;
                               const auto* header = static_cast<const ifaddrmsg*>(NLMSG_DATA(reply));
                               const Attributes attributes = Attributes::Of<ifaddrmsg>(reply);
                               // IFA_LOCAL is absent for IPv6; for IPv4 IFA_ADDRESS may be the other end's.
                               const uint16_t which = attributes.Has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
                               auto address = IpAddress::FromBytes(attributes.Bytes(which));
                               if (!address.ok()) return;
                               addresses.push_back({.ifindex = header->ifa_index,
                                                    .address = *address,
                                                    .prefix_length = header->ifa_prefixlen,
                                                    .tentative = (header->ifa_flags & IFA_F_TENTATIVE) != 0,
                                                    .link_scope = header->ifa_scope == RT_SCOPE_LINK});
                             }),
                "list addresses"));
  return addresses;
}

}  // namespace fairlead::netlink
