#include "cli/lab/matrix.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/address_port.h"

namespace fairlead::lab {
namespace {

bool Wanted(const IpAddress& address, Families families) {
  return families == Families::kBoth || address.is_v4() == (families == Families::kIpv4);
}

}  // namespace

std::string MatrixTarget::ProbeText() const {
  return absl::StrCat(WithPort(address, port), protocol == 17 ? "/udp" : protocol == 132 ? "/sctp" : "");
}

std::string GroupOf(const PodStatus& pod) {
  const size_t slash = pod.owner.find('/');
  return slash == std::string::npos ? pod.full_name()
                                    : absl::StrCat(pod.namespace_name, "/", pod.owner.substr(slash + 1));
}

std::vector<MatrixTarget> TargetsOf(const std::vector<PodStatus>& pods, const cli::Names& names,
                                    Families families) {
  std::vector<MatrixTarget> targets;
  for (const PodStatus& pod : pods) {
    for (const ContainerPort& port : pod.ports) {
      if (port.protocol == 132) continue;  // few kernels have SCTP sockets
      for (const std::string& text : pod.addresses) {
        const auto address = IpAddress::Parse(text);
        if (!address.ok() || !Wanted(*address, families)) continue;
        targets.push_back({"pod", pod.full_name(), GroupOf(pod), port.port, port.protocol, *address});
      }
    }
  }
  for (const cli::NamedAddress& entry : names.entries()) {
    if (entry.kind != "service" || !Wanted(entry.address, families)) continue;
    for (const cli::NamedPort& port : entry.ports) {
      if (port.protocol == 132) continue;
      targets.push_back({"service", entry.name, entry.name, port.port, port.protocol, entry.address});
    }
  }
  return targets;
}

std::string MatrixCell::Text() const {
  if (results.size() == 1) return results.begin()->first;
  const auto ok = results.find("ok");
  return absl::StrCat(ok == results.end() ? 0 : ok->second, "/", asked);
}

Matrix Collect(const std::vector<MatrixAnswer>& answers, bool by_pod) {
  Matrix matrix;
  std::set<std::string> rows;
  std::set<MatrixColumn> columns;
  for (const MatrixAnswer& answer : answers) {
    const std::string& row = by_pod ? answer.source : answer.source_group;
    const MatrixColumn column{.kind = answer.target.kind,
                              .group = by_pod ? answer.target.name : answer.target.group,
                              .port = answer.target.port,
                              .protocol = answer.target.protocol};
    rows.insert(row);
    columns.insert(column);
    MatrixCell& cell = matrix.cells[{row, column}];
    const bool self = answer.target.kind == "pod" && answer.target.name == answer.source;
    // A pod always reaches itself: that says nothing about its siblings.
    if (self && cell.asked > 0 && !cell.self) continue;
    if (!self && cell.self) cell = {};
    cell.self = self;
    cell.asked++;
    cell.results[answer.result]++;
  }
  matrix.rows.assign(rows.begin(), rows.end());
  matrix.columns.assign(columns.begin(), columns.end());
  return matrix;
}

}  // namespace fairlead::lab
