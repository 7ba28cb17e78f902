// Who reaches whom: every pod asks every declared port of every pod and of every Service, and the answers
// are put together by workload. Probing is an edge of its own (see the command); this here is pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "cli/lab/workload.h"
#include "cli/names.h"

namespace fairlead::lab {

// One question of a matrix.
struct MatrixTarget {
  std::string kind;   // "pod" or "service"
  std::string name;   // "shop/cart-0", "shop/cart"
  std::string group;  // column: the workload or the Service, "shop/cart"
  uint16_t port = 0;
  uint8_t protocol = 6;  // IANA
  IpAddress address;

  std::string ProbeText() const;  // as fairlead-probe wants it
};

struct MatrixAnswer {
  std::string source;        // "shop/frontend-0"
  std::string source_group;  // row
  MatrixTarget target;
  std::string result;  // as fairlead-probe says it
  std::string host;    // who answered
  double latency_ms = 0;
};

enum class Families { kBoth, kIpv4, kIpv6 };

// "shop/cart" of a pod of Deployment/cart, its own name of a bare pod.
std::string GroupOf(const PodStatus& pod);

std::vector<MatrixTarget> TargetsOf(const std::vector<PodStatus>& pods, const cli::Names& names,
                                    Families families);

// A row a source group, a column a target group and port.
struct MatrixColumn {
  std::string kind, group;
  uint16_t port = 0;
  uint8_t protocol = 6;

  auto operator<=>(const MatrixColumn&) const = default;
};
struct MatrixCell {
  int asked = 0;
  std::map<std::string, int> results;  // result -> how often
  bool self = false;                   // a pod asked only itself

  // "ok", "refused", ... when all agree; "3/4" of mixed ones.
  std::string Text() const;
};
struct Matrix {
  std::vector<std::string> rows;
  std::vector<MatrixColumn> columns;
  std::map<std::pair<std::string, MatrixColumn>, MatrixCell> cells;
};
// `by_pod`: rows and columns are pods instead of workloads.
Matrix Collect(const std::vector<MatrixAnswer>& answers, bool by_pod);

}  // namespace fairlead::lab
