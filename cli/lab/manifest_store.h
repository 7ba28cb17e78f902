// The lab's folder of manifests, one object a file: so that applying an object replaces it wherever it
// came from, as with kubectl. Nothing is validated here: the controller does, and says what it refuses.
//
// Each file keeps the line numbers of its source, so that the controller's complaints fit.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/lab/paths.h"

namespace fairlead::lab {

struct Document {
  // Empty when the document does not say, or cannot be parsed.
  std::string kind;
  std::string namespace_name;
  std::string name;
  std::string text;
  bool is_json = false;
  std::string source;  // file as the user named it
  int line = 1;        // in it

  // "networkpolicy shop/cart"; "document at shop.yaml:12" when it has no name.
  std::string Describe() const;
};

// The documents of one file: YAML with "---" between, or a JSON object; the items of a List.
std::vector<Document> SplitDocuments(const std::string& text, const std::string& source);

// Of files, or folders (*.yaml, *.yml, *.json; also in subfolders if `recursive`); "-" is stdin.
absl::StatusOr<std::vector<Document>> ReadDocuments(const std::vector<std::string>& paths, bool recursive);

enum class Change { kCreated, kConfigured, kUnchanged, kDeleted, kNotFound };
const char* ToString(Change change);

struct Applied {
  Document document;
  Change change;
  std::string file;  // in the store; empty when it is not there any more
};

class ManifestStore {
 public:
  explicit ManifestStore(const Paths& paths) : paths_(paths) {}

  absl::StatusOr<std::vector<Applied>> Apply(const std::vector<Document>& documents);
  absl::StatusOr<std::vector<Applied>> Delete(const std::vector<Document>& documents);
  // "networkpolicy.shop.cart.yaml" of "/run/.../networkpolicy.shop.cart.yaml:12".
  static std::string FileOf(const std::string& where);
  // "networkpolicy.shop.cart.yaml:12" of the store, as the user knows it: "shop.yaml:12".
  std::string SourceOf(const std::string& where) const;

 private:
  std::map<std::string, std::string> LoadSources() const;
  absl::Status SaveSources(const std::map<std::string, std::string>& sources) const;

  Paths paths_;
};

}  // namespace fairlead::lab
