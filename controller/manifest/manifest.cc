#include "controller/manifest/manifest.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/yaml/value.h"
#include "controller/manifest/kinds.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

std::string TextOf(const Value& object, const char* key) {
  const Value* value = object.Find(key);
  return value != nullptr && value->type == Value::Type::kString ? value->text : "";
}

// The key, as far as a broken object tells: what stays in force when it is refused depends on it.
std::optional<ObjectKey> KeyOf(const Value& value, const std::string& kind, bool cluster_scoped) {
  const Value* metadata = value.Find("metadata");
  if (metadata == nullptr) return std::nullopt;
  ObjectKey key{kind, cluster_scoped ? "" : TextOf(*metadata, "namespace"), TextOf(*metadata, "name")};
  if (key.name.empty()) return std::nullopt;
  if (!cluster_scoped && key.namespace_name.empty()) key.namespace_name = "default";
  return key;
}

ObjectBody ReadBody(Fields& object, const std::string& kind, const Metadata& metadata, Problems* problems) {
  if (kind == "Namespace") return ReadNamespace(object, metadata, problems);
  if (kind == "Node") return ReadNode(object, metadata, problems);
  if (kind == "Pod") return ReadPod(object, metadata, problems);
  if (kind == "Service") return ReadService(object, metadata, problems);
  if (kind == "EndpointSlice") return ReadEndpointSlice(object, metadata, problems);
  if (kind == "NetworkPolicy") return ReadNetworkPolicy(object, metadata, problems);
  if (kind == kConfigKind) return ReadConfig(object, metadata, problems);
  return ReadWorkload(object, kind, metadata, problems);
}

class Reader {
 public:
  Reader(std::string file, Manifest* manifest) : file_(std::move(file)), manifest_(manifest) {}

  void ReadDocument(const Value& value, const std::string& path) {
    if (value.type != Value::Type::kMap) {
      Refuse(
          value, "",
          absl::StrCat(path, "must be an object with apiVersion, kind and metadata, is ", Describe(value)));
      return;
    }
    std::string kind = TextOf(value, "kind");
    std::string api_version = TextOf(value, "apiVersion");
    if (kind.empty() || api_version.empty()) {
      const char* key = kind.empty() ? "kind" : "apiVersion";
      Refuse(value, "", absl::StrCat(path, key, ": is required, and is a string"));
      return;
    }
    const Value* items = value.Find("items");
    if (absl::EndsWith(kind, "List") && items != nullptr && items->type == Value::Type::kList) {
      for (size_t i = 0; i < items->items.size(); ++i) {
        ReadDocument(items->items[i], absl::StrCat(path, "items[", i, "]: "));
      }
      return;
    }
    if (absl::EndsWith(kind, "List")) return;  // an empty one has no items or null
    KindVerdict verdict = JudgeKind(api_version, kind);
    switch (verdict.decision) {
      case KindVerdict::Decision::kIgnore:
        ++manifest_->ignored[kind];
        break;
      case KindVerdict::Decision::kRefuse:
        Refuse(value, kind, path + verdict.message);
        break;
      case KindVerdict::Decision::kRead:
        manifest_->entries.push_back(ReadObject(kind, verdict.cluster_scoped, {file_, value.line}, value));
        break;
    }
  }

 private:
  // Refuses a document that is not known to be an object of ours: it has no key.
  void Refuse(const Value& value, const std::string& kind, const std::string& message) {
    std::optional<ObjectKey> key = KeyOf(value, kind, false);
    ManifestEntry entry;
    entry.rejections.push_back(
        {key && !kind.empty() ? key->ToString() : file_, {file_, value.line}, message});
    manifest_->entries.push_back(std::move(entry));
  }

  std::string file_;
  Manifest* manifest_;
};

}  // namespace

std::string ObjectKey::ToString() const {
  return namespace_name.empty() ? absl::StrCat(kind, " ", name)
                                : absl::StrCat(kind, " ", namespace_name, "/", name);
}

std::string Where::ToString() const {
  return line == 0 ? file : absl::StrCat(file, ":", line);
}

ManifestEntry ReadObject(const std::string& kind, bool cluster_scoped, const Where& where,
                         const Value& value) {
  Problems problems;
  Fields object(value, "", &problems);
  object.KnownButUnused({"apiVersion", "kind"});
  Metadata metadata = ReadMetadata(object, kind, cluster_scoped, &problems);
  ObjectBody body = ReadBody(object, kind, metadata, &problems);
  object.Finish();

  ManifestEntry entry;
  entry.key = KeyOf(value, kind, cluster_scoped);
  if (problems.empty()) {
    entry.object = Object{*entry.key,
                          where,
                          std::move(body),
                          {},
                          {metadata.uid, metadata.generation, metadata.resource_version}};
    for (const Problem& remark : problems.remarks()) {
      entry.object->remarks.push_back({remark.line, absl::StrCat(remark.field, ": ", remark.message)});
    }
  }
  for (const Problem& problem : problems.list()) {
    entry.rejections.push_back({entry.key ? entry.key->ToString() : absl::StrCat(kind, " in ", where.file),
                                {where.file, problem.line},
                                absl::StrCat(problem.field, ": ", problem.message)});
  }
  return entry;
}

Manifest ReadManifest(const std::string& file, absl::string_view text) {
  Manifest manifest;
  absl::StatusOr<std::vector<Value>> documents = ParseDocuments(text);
  if (!documents.ok()) {
    std::pair<std::string, std::string> parts =
        absl::StrSplit(documents.status().message(), absl::MaxSplits(": ", 1));
    Rejection rejection{file, {file, 1}, parts.second};
    if (!absl::SimpleAtoi(parts.first, &rejection.where.line))
      rejection.message = std::string(documents.status().message());
    manifest.unreadable = std::move(rejection);
    return manifest;
  }
  Reader reader(file, &manifest);
  for (const Value& document : *documents) reader.ReadDocument(document, "");
  return manifest;
}

}  // namespace fairlead::controller
