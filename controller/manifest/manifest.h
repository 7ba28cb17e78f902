// A manifest file's text -> its objects, or what is wrong with them. No I/O.
//
// YAML and JSON, several documents a file, lists (`kind: List`). Kinds that nothing here depends on
// are accepted and counted; kinds that look like a misspelt one of ours are refused, for a policy
// that is silently ignored would leave a hole.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/yaml/value.h"
#include "controller/manifest/objects.h"

namespace fairlead::controller {

// An object, or a part of a file, that is refused.
struct Rejection {
  std::string object;  // "NetworkPolicy shop/allow-cart"; the file's name where no object is known
  Where where;
  std::string message;  // "spec.ingress[2].ports[0].port: must be ..."

  // In the order of files and lines.
  auto operator<=>(const Rejection& other) const {
    return std::tie(where, object, message) <=> std::tie(other.where, other.object, other.message);
  }
  bool operator==(const Rejection&) const = default;
};

struct ManifestEntry {
  std::optional<ObjectKey> key;  // absent: the document does not say which object of ours it is
  std::optional<Object> object;  // absent: refused
  std::vector<Rejection> rejections;
};

struct Manifest {
  // Set: the file could not be read as a whole, and `entries` says nothing.
  std::optional<Rejection> unreadable;
  std::vector<ManifestEntry> entries;
  std::map<std::string, int> ignored;  // kind -> how many
};

// One object of a kind that is read (see kinds.h), wherever it comes from.
ManifestEntry ReadObject(const std::string& kind, bool cluster_scoped, const Where& where,
                         const Value& value);

Manifest ReadManifest(const std::string& file, absl::string_view text);

}  // namespace fairlead::controller
