#include "base/netlink/rule.h"

#include <linux/fib_rules.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "base/netlink/message.h"
#include "base/netlink/route.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

Message RuleMessage(uint16_t type, uint16_t flags, const Rule& rule) {
  fib_rule_hdr header{};
  header.family = rule.source.is_v4() ? AF_INET : AF_INET6;
  header.src_len = rule.source.is_v4() ? 32 : 128;
  header.action = FR_ACT_TO_TBL;
  Message message(type, flags, header);
  const std::string source = rule.source.ToBytes();
  message.PutBytes(FRA_SRC, source.data(), source.size());
  message.Put(FRA_TABLE, rule.table);
  message.Put(FRA_PRIORITY, rule.priority);
  message.Put(FRA_PROTOCOL, kFairleadProtocol);
  return message;
}

std::string ToString(const Rule& rule) {
  return absl::StrCat("from ", rule.source.ToString(), " lookup ", rule.table);
}

}  // namespace

absl::Status AddRule(Socket& socket, const Rule& rule) {
  Message message = RuleMessage(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
  const absl::Status added = socket.Execute(message);
  if (absl::IsAlreadyExists(added)) return absl::OkStatus();
  return WrapError(added, absl::StrCat("add rule ", ToString(rule)));
}

absl::Status DeleteRule(Socket& socket, const Rule& rule) {
  Message message = RuleMessage(RTM_DELRULE, 0, rule);
  const absl::Status deleted = socket.Execute(message);
  if (absl::IsNotFound(deleted)) return absl::OkStatus();
  return WrapError(deleted, absl::StrCat("delete rule ", ToString(rule)));
}

absl::StatusOr<std::vector<Rule>> Rules(Socket& socket) {
  std::vector<Rule> rules;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    fib_rule_hdr header{};
    header.family = family;
    Message message(RTM_GETRULE, NLM_F_DUMP, header);
    RETURN_IF_ERROR(
        WrapError(socket.Query(message,
                               [&](const nlmsghdr* reply) {
                                 if (reply->nlmsg_type != RTM_NEWRULE) return;
                                 const Attributes attributes = Attributes::Of<fib_rule_hdr>(reply);
                                 if (attributes.Get<uint8_t>(FRA_PROTOCOL) != kFairleadProtocol) return;
                                 auto source = IpAddress::FromBytes(attributes.Bytes(FRA_SRC));
                                 if (!source.ok()) return;
                                 rules.push_back({.source = *source,
                                                  .table = attributes.Get<uint32_t>(FRA_TABLE),
                                                  .priority = attributes.Get<uint32_t>(FRA_PRIORITY)});
                               }),
                  "list rules"));
  }
  return rules;
}

}  // namespace fairlead::netlink
