#include "controller/kubernetes/decode_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "base/yaml/value.h"
#include "controller/kubernetes/resource_version.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

using kube::TextField;
using nlohmann::json;

constexpr size_t kMaxShown = 300;

// JSON as the tree that the readers of manifest/ take, within the bounds of a file.
class TreeOfJson {
 public:
  // Nothing: it is too deep, or too much.
  std::optional<Value> Take(const json& from) {
    Value value = Convert(from, 0);
    return left_ > 0 ? std::optional(std::move(value)) : std::nullopt;
  }

 private:
  Value Convert(const json& from, int depth) {
    Value value;
    value.line = 0;
    if (depth > kMaxDepth) left_ = 0;
    if (left_ <= 0) return value;
    --left_;
    if (from.is_object()) {
      value.type = Value::Type::kMap;
      for (const auto& [key, field] : from.items())
        value.fields.push_back({key, 0, Convert(field, depth + 1)});
    } else if (from.is_array()) {
      value.type = Value::Type::kList;
      for (const json& item : from) value.items.push_back(Convert(item, depth + 1));
    } else if (from.is_string()) {
      value.type = Value::Type::kString;
      value.text = from.get<std::string>();
    } else if (!from.is_null()) {
      value.type = from.is_boolean() ? Value::Type::kBool : Value::Type::kNumber;
      value.text = from.dump();
    }
    return value;
  }

  int left_ = kMaxValues;
};

// An object without what is of no interest here: a newer API server may have more of it.
json Interesting(const json& object) {
  json interesting = object;
  interesting.erase("status");
  json metadata = json::object();
  if (const json* all = kube::FindField(object, {"metadata"}); all != nullptr && all->is_object()) {
    for (const char* key : {"name", "namespace", "uid", "labels", "deletionTimestamp"}) {
      if (all->contains(key)) metadata[key] = all->at(key);
    }
  }
  interesting["metadata"] = std::move(metadata);
  return interesting;
}

ObjectKey KeyOf(const ApiKind& kind, const json& object) {
  return {kind.kind, kind.cluster_scoped ? "" : TextField(object, {"metadata", "namespace"}),
          TextField(object, {"metadata", "name"})};
}

absl::Status CheckKind(const json& object, const std::string& wanted) {
  const std::string kind = TextField(object, {"kind"});
  if (kind == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a ", Shorten(kind, kMaxShown), " came instead of a ", wanted));
}

absl::StatusOr<ManifestEntry> EntryOf(const ApiKind& kind, const json& object) {
  const ObjectKey key = KeyOf(kind, object);
  if (!object.is_object() || key.name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("an object of kind ", kind.kind, " has no name"));
  }
  const std::optional<Value> value = TreeOfJson().Take(Interesting(object));
  if (value) return ReadObject(kind.kind, kind.cluster_scoped, {"API server", 0}, *value);
  ManifestEntry entry;
  entry.key = key;
  entry.rejections.push_back({key.ToString(), {"API server", 0}, "has too many fields, or too deep ones"});
  return entry;
}

ApiRefusal RefusalOf(const json& status) {
  ApiRefusal refusal;
  const json* code = kube::FindField(status, {"code"});
  if (code != nullptr && code->is_number_integer()) refusal.code = code->get<int>();
  refusal.reason = Shorten(TextField(status, {"reason"}), kMaxShown);
  refusal.message = Shorten(TextField(status, {"message"}), kMaxShown);
  return refusal;
}

}  // namespace

absl::StatusOr<ListPage> DecodeJsonList(const ApiKind& kind, absl::string_view body) {
  ASSIGN_OR_RETURN(const json list, kube::ParseJson(body));
  RETURN_IF_ERROR(CheckKind(list, absl::StrCat(kind.kind, "List")));
  ListPage page;
  ASSIGN_OR_RETURN(page.resource_version,
                   ReadResourceVersion(TextField(list, {"metadata", "resourceVersion"})));
  page.continue_token = TextField(list, {"metadata", "continue"});
  for (const json& item : kube::ListField(list, {"items"})) {
    ASSIGN_OR_RETURN(ManifestEntry entry, EntryOf(kind, item));
    page.entries.push_back(std::move(entry));
  }
  return page;
}

absl::StatusOr<ApiEvent> DecodeJsonEvent(const ApiKind& kind, absl::string_view line) {
  ASSIGN_OR_RETURN(const json raw, kube::ParseJson(line));
  const std::string type = TextField(raw, {"type"});
  const json* object = kube::FindField(raw, {"object"});
  if (object == nullptr) return absl::InvalidArgumentError("an event of the watch has no object");
  ApiEvent event;
  if (type == "ERROR") {
    event.type = ApiEvent::Type::kError;
    event.refusal = RefusalOf(*object);
    return event;
  }
  RETURN_IF_ERROR(CheckKind(*object, kind.kind));
  ASSIGN_OR_RETURN(event.resource_version,
                   ReadResourceVersion(TextField(*object, {"metadata", "resourceVersion"})));
  if (type == "BOOKMARK") return event;
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") {
    return absl::InvalidArgumentError(
        absl::StrCat("an event has the type \"", Shorten(type, kMaxShown), "\""));
  }
  if (type == "DELETED") {
    event.type = ApiEvent::Type::kDelete;
    event.entry.key = KeyOf(kind, *object);
    return event;
  }
  event.type = ApiEvent::Type::kPut;
  ASSIGN_OR_RETURN(event.entry, EntryOf(kind, *object));
  return event;
}

}  // namespace fairlead::controller
