// A netlink request under construction, and the attributes of a reply (RFC 3549, linux/netlink.h).
// Only bytes: sending is in socket.h.
//
//   Message message(RTM_NEWLINK, NLM_F_CREATE, ifinfomsg{.ifi_index = 3});
//   message.PutString(IFLA_IFNAME, "eth0");
//   const size_t info = message.Begin(IFLA_LINKINFO);
//   message.PutString(IFLA_INFO_KIND, "veth");
//   message.End(info);
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"

namespace fairlead::netlink {

class Message {
 public:
  // `header` is the fixed struct that follows nlmsghdr for this type: ifinfomsg, rtmsg, ...
  template <typename Header>
  Message(uint16_t type, uint16_t flags, const Header& header) {
    Append(nlmsghdr{.nlmsg_type = type, .nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST)});
    Append(header);
  }

  template <typename T>
  void Append(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    AppendBytes(&value, sizeof(value));
  }

  void PutBytes(uint16_t type, const void* data, size_t size) {
    Append(rtattr{.rta_len = static_cast<uint16_t>(RTA_LENGTH(size)), .rta_type = type});
    AppendBytes(data, size);
  }
  template <typename T>
  void Put(uint16_t type, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    PutBytes(type, &value, sizeof(value));
  }
  void PutString(uint16_t type, const std::string& text) { PutBytes(type, text.c_str(), text.size() + 1); }
  void PutFlag(uint16_t type) { PutBytes(type, nullptr, 0); }

  // Opens a nested attribute; End takes what Begin returned.
  size_t Begin(uint16_t type) {
    const size_t start = bytes_.size();
    PutBytes(type, nullptr, 0);
    return start;
  }
  void End(size_t start) {
    reinterpret_cast<rtattr*>(&bytes_[start])->rta_len = static_cast<uint16_t>(bytes_.size() - start);
  }

  // The message with its length filled in.
  nlmsghdr* Finish() {
    auto* header = reinterpret_cast<nlmsghdr*>(bytes_.data());
    header->nlmsg_len = static_cast<uint32_t>(bytes_.size());
    return header;
  }

 private:
  void AppendBytes(const void* data, size_t size) {
    const size_t start = bytes_.size();
    bytes_.resize(start + NLMSG_ALIGN(size));
    if (size > 0) memcpy(&bytes_[start], data, size);
  }

  std::vector<uint8_t> bytes_;
};

// Attributes of a reply by type, pointing into the reply's buffer.
class Attributes {
 public:
  Attributes() = default;
  Attributes(const void* data, size_t size) {
    auto* attribute = static_cast<const rtattr*>(data);
    auto left = static_cast<ssize_t>(size);
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
      by_type_[attribute->rta_type & NLA_TYPE_MASK] =
          absl::string_view(static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute));
    }
  }
  // Those that follow the fixed struct of `reply`.
  template <typename Header>
  static Attributes Of(const nlmsghdr* reply) {
    const size_t fixed = NLMSG_LENGTH(sizeof(Header));
    if (reply->nlmsg_len < NLMSG_ALIGN(fixed)) return {};
    return Attributes(reinterpret_cast<const char*>(reply) + NLMSG_ALIGN(fixed),
                      reply->nlmsg_len - NLMSG_ALIGN(fixed));
  }

  bool Has(uint16_t type) const { return by_type_.contains(type); }
  // Empty when absent.
  absl::string_view Bytes(uint16_t type) const {
    auto found = by_type_.find(type);
    return found == by_type_.end() ? absl::string_view() : found->second;
  }
  // Zero when absent or too short.
  template <typename T>
  T Get(uint16_t type) const {
    T value{};
    const absl::string_view bytes = Bytes(type);
    if (bytes.size() >= sizeof(T)) memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string String(uint16_t type) const {
    const absl::string_view bytes = Bytes(type);
    return std::string(bytes.substr(0, bytes.find('\0')));
  }
  Attributes Nested(uint16_t type) const {
    const absl::string_view bytes = Bytes(type);
    return Attributes(bytes.data(), bytes.size());
  }

 private:
  std::map<uint16_t, absl::string_view> by_type_;
};

}  // namespace fairlead::netlink
